import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { lostError, unaskedLooks, Watchdog, Watched } from '../../src/member/watchdog.ts'
import { FakeDatabase } from '../support/fake-database.ts'

/** Something that waits for a server. */
class Waiting extends Watched {
  work: unknown
  override readonly patience: number
  readonly #limitMs: number | undefined
  readonly cuts: string[] = []

  constructor(
    work: unknown = {},
    { limitMs, patience = Number.POSITIVE_INFINITY }: { limitMs?: number; patience?: number } = {},
  ) {
    super()
    this.work = work
    this.patience = patience
    this.#limitMs = limitMs
  }

  override get limitMs(): number | undefined {
    return this.#limitMs
  }

  override cut(error: Error): void {
    expect(error).toMatchObject({ code: 'ETIMEDOUT' })
    this.cuts.push(error.message)
  }
}

const lost = 'The server does not answer'
let asked: number
let hangs: boolean
let failure: unknown
let watchdog: Watchdog
let standIn: FakeDatabase

function start(wasAsked?: (error: unknown) => boolean): void {
  const probe = () =>
    new Promise<never>((_, reject) => {
      asked++
      if (!hangs) reject(failure)
      else setTimeout(() => reject(failure), 300)
    })
  standIn = new FakeDatabase({ source: { probe, isOutage: (error) => error !== 'login' } })
  watchdog = new Watchdog(standIn.replication.prober, wasAsked)
}
/** Of a server that answers. */
function startWell(): void {
  standIn = new FakeDatabase()
  watchdog = new Watchdog(standIn.replication.prober)
}
const begin = (...all: Waiting[]): void => {
  for (const one of all) watchdog.begins(one)
}
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  ;[asked, hangs, failure] = [0, false, Object.assign(new Error('down'), { code: 'ECONNREFUSED' })]
  jest.useFakeTimers()
})
afterEach(async () => {
  watchdog.end()
  await standIn.replication.end()
  jest.useRealTimers()
})

describe('work that takes long', () => {
  test('has its server asked after a second, and is cut where that does not answer', async () => {
    start()
    const one = new Waiting()
    begin(one)
    await pass(1_400)
    expect([asked, one.cuts]).toEqual([0, []])
    await pass(200)
    expect([one.cuts, standIn.replication.prober.isUnavailable]).toEqual([[lost], true])
    expect(asked).toBeGreaterThan(0)
  })

  test('is left alone on a server that answers, however long it takes, and asked after once a second', async () => {
    startWell()
    const one = new Waiting()
    begin(one)
    await pass(60_000)
    expect(one.cuts).toEqual([])
    expect(standIn.asked).toBeGreaterThanOrEqual(55)
    expect(standIn.asked).toBeLessThanOrEqual(61)
  })

  test('is not what is always something else, nor what has nothing to do', async () => {
    start()
    const [busy, idle, nothing] = [new Waiting(), new Waiting(), new Waiting()]
    Object.assign(idle, { work: undefined })
    Object.assign(nothing, { work: null })
    begin(busy, idle, nothing)
    for (let n = 0; n < 10; n++) {
      busy.work = {}
      await pass(500)
    }
    expect([asked, busy.cuts, idle.cuts, nothing.cuts]).toEqual([0, [], [], []])
  })

  test('takes all that is under way on that server with it, and nothing that is idle', async () => {
    start()
    const [old, young, idle, nothing] = [new Waiting(), new Waiting(), new Waiting(), new Waiting()]
    begin(old)
    await pass(1_000)
    begin(young, idle, nothing)
    Object.assign(idle, { work: undefined })
    Object.assign(nothing, { work: null })
    await pass(600)
    expect([old.cuts, young.cuts, idle.cuts, nothing.cuts]).toEqual([[lost], [lost], [], []])
  })

  test('is asked after one question at a time', async () => {
    start()
    hangs = true
    begin(new Waiting())
    await pass(1_550)
    expect(asked).toBe(1)
    hangs = false
  })

  test('on a server that refuses our login is left alone', async () => {
    start()
    failure = 'login'
    const one = new Waiting()
    begin(one)
    await pass(5_000)
    expect([one.cuts, standIn.replication.prober.isUnavailable]).toEqual([[], false])
    expect(asked).toBeGreaterThan(1)
  })
})

describe('a server that could not even be asked', () => {
  test('cuts what has waited too long for that, unless some work has ended meanwhile', async () => {
    start(() => false)
    const [patient, impatient] = [new Waiting(), new Waiting({}, { patience: unaskedLooks })]
    begin(patient, impatient)
    await pass(4_900)
    expect(impatient.cuts).toEqual([])
    await pass(200)
    expect([patient.cuts, impatient.cuts]).toEqual([[], [lost]])
  })

  test('that gives some of them an answer goes on', async () => {
    start(() => false)
    hangs = true
    const impatient = new Waiting({}, { patience: unaskedLooks })
    begin(impatient)
    for (let n = 0; n < 70; n++) {
      const other = new Waiting()
      begin(other)
      await pass(100)
      watchdog.ends(other)
    }
    expect(impatient.cuts).toEqual([])
    hangs = false
  })
})

describe('a limit of its own', () => {
  test('ends what takes longer, whatever the server says, and says how long that was', async () => {
    startWell()
    const [limited, other] = [new Waiting({}, { limitMs: 2_000 }), new Waiting()]
    begin(limited, other)
    await pass(2_400)
    expect(limited.cuts).toEqual([])
    await pass(200)
    expect([limited.cuts, other.cuts]).toEqual([['The server has not answered for 2000 ms'], []])
  })

  test('holds where no server is asked', async () => {
    startWell()
    const { asked: before } = standIn
    watchdog = new Watchdog(undefined)
    const limited = new Waiting({}, { limitMs: 600 })
    begin(limited)
    await pass(10_000)
    expect(limited.cuts.length).toBeGreaterThan(0)
    expect(standIn.asked).toBe(before)
  })

  test('begins with each work anew', async () => {
    startWell()
    const limited = new Waiting({}, { limitMs: 1_200 })
    begin(limited)
    for (let n = 0; n < 5; n++) {
      await pass(1_000)
      limited.work = {}
    }
    expect(limited.cuts).toEqual([])
  })
})

describe('what is watched', () => {
  test.each([
    [[0, 1, 2], []],
    [[2, 1, 0], []],
    [[1], [0, 2]],
    [[0], [1, 2]],
    [[2], [0, 1]],
    [[1, 1, 0], [2]],
  ])('is no more when it has ended, in whichever order: %j', async (ends, left) => {
    start()
    const all = [new Waiting(), new Waiting(), new Waiting()]
    begin(...all)
    for (const index of ends) watchdog.ends(all[index]!)
    watchdog.ends(new Waiting())
    await pass(1_600)
    expect(all.flatMap(({ cuts }, index) => (cuts.length > 0 ? [index] : []))).toEqual(left)
    for (const index of ends) expect(all[index]).toMatchObject({ older: undefined, newer: undefined })
  })

  test('keeps looking only while there is something to look at', async () => {
    start()
    expect(jest.getTimerCount()).toBe(0)
    begin(new Waiting(), new Waiting())
    expect(jest.getTimerCount()).toBe(1)
    watchdog.end()
    expect(jest.getTimerCount()).toBe(0)
    startWell()
    const other = new Waiting()
    begin(other)
    watchdog.ends(other)
    // Work has ended since the last look: more may come.
    await pass(600)
    expect(jest.getTimerCount()).toBe(1)
    await pass(600)
    expect(jest.getTimerCount()).toBe(0)
    begin(other)
    expect(jest.getTimerCount()).toBe(1)
  })
})

test('a server that hangs is told of in the words of a lost connection', () => {
  startWell()
  expect(lostError()).toMatchObject({ message: lost, code: 'ETIMEDOUT' })
})
