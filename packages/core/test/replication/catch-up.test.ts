import { getEventListeners } from 'node:events'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { lsn } from '../../src/dialect/postgres.ts'
import type { Observation, Position, Role } from '../../src/position.ts'
import { CatchUp } from '../../src/replication/catch-up.ts'

/** A replica that answers when it is told to. */
class Replica {
  at = 0
  received: number | undefined
  cluster = 'c'
  epoch = 1
  role: Role = 'replica'
  failure: Error | undefined
  /** Answers by itself at once, or holds each question until `answer()`. */
  holds = false
  asked = 0
  underWay = 0
  mostUnderWay = 0
  #held: (() => void)[] = []

  probe = (): Promise<Observation> => {
    this.order.push('look')
    return this.#answer()
  }

  async #answer(): Promise<Observation> {
    this.asked++
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay)
    if (this.holds) await new Promise<void>((resolve) => this.#held.push(resolve))
    else await new Promise(setImmediate)
    this.underWay--
    if (this.failure !== undefined) throw this.failure
    const received = this.received === undefined ? undefined : toLsn(this.received)
    return { instance: 'i', role: this.role, cluster: this.cluster, epoch: this.epoch, at: toLsn(this.at), received }
  }

  readonly order: ('look' | 'wait')[] = []
  /** What it was left to wait for, and for how long. */
  readonly arrivals: { at: string; withinMs: number }[] = []

  /** Waits by itself, as the server would. */
  probeArrival = (at: string, withinMs: number): Promise<Observation> => {
    this.order.push('wait')
    this.arrivals.push({ at, withinMs })
    return this.#waits(at, performance.now() + withinMs)
  }

  async #waits(at: string, until: number): Promise<Observation> {
    while (!lsn.covers(toLsn(this.at), at) && performance.now() < until) await new Promise(setImmediate)
    return this.#answer()
  }

  async answer(): Promise<void> {
    while (this.#held.length === 0) await new Promise(setImmediate)
    for (const resolve of this.#held.splice(0)) resolve()
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }
}

function toLsn(at: number): string {
  return `0/${at.toString(16).toUpperCase()}`
}

function position(at: number, time = Date.now()): Position {
  return { cluster: 'c', epoch: 1, at: toLsn(at), time }
}

let replica: Replica
let catchUp: CatchUp
function start(options: Partial<Replica> = {}): void {
  replica = Object.assign(new Replica(), options)
  catchUp = new CatchUp(replica.probe, lsn)
}
/** The same, on a server that can wait by itself. */
function startWithArrivals(options: Partial<Replica> = {}): void {
  start(options)
  catchUp = new CatchUp(replica.probe, lsn, replica.probeArrival)
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}
afterEach(() => catchUp.end())

test('a thousand requests share one question at a time', async () => {
  start({ holds: true })
  const waits = Array.from({ length: 1_000 }, (_, n) => catchUp.wait(position(n + 1), { timeoutMs: 20_000 }))
  expect(catchUp.waiting).toBe(1_000)
  expect(replica.asked).toBe(1)
  replica.at = 400
  await replica.answer()
  expect(catchUp.waiting).toBe(600)
  replica.at = 1_000
  await replica.answer()
  expect(await Promise.all(waits)).toEqual(Array(1_000).fill(true))
  expect(replica.mostUnderWay).toBe(1)
})

test('asks nothing before, and nothing after', async () => {
  start({ at: 5 })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(replica.asked).toBe(0)
  expect(await catchUp.wait(position(5), { timeoutMs: 1_000 })).toBe(true)
  const { asked } = replica
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(replica.asked).toBe(asked)
})

test('a wait that begins in the very turn in which the poller ends is served', async () => {
  start({ at: 5 })
  const chained = catchUp
    .wait(position(5), { timeoutMs: 20_000 })
    .then(() => catchUp.wait(position(5), { timeoutMs: 20_000 }))
  const begun = performance.now()
  expect(await chained).toBe(true)
  expect(performance.now() - begun).toBeLessThan(15_000)
})

test('the time-out ends a wait with false, and the lag is known from then on', async () => {
  jest.useFakeTimers()
  try {
    start()
    const wanted = position(9)
    expect(catchUp.predict(wanted)).toBeUndefined()
    const waiting = catchUp.wait(wanted, { timeoutMs: 30 })
    await jest.advanceTimersByTimeAsync(40)
    expect(await waiting).toBe(false)
    expect(catchUp.waiting).toBe(0)
    const now = Date.now()
    expect(catchUp.predict(position(10, now), now)).toBeGreaterThanOrEqual(5)
  } finally {
    jest.useRealTimers()
  }
})

test('goes on looking for what nobody waits for any more, ever more seldom, and is quick again for the next one', async () => {
  start()
  await catchUp.wait(position(9), { timeoutMs: 10 })
  const looks: number[] = []
  for (let { asked } = replica; looks.length < 12; await new Promise(setImmediate)) {
    if (replica.asked === asked) continue
    asked = replica.asked
    looks.push(performance.now())
  }
  const pauses = looks.slice(1).map((at, index) => at - (looks[index] as number))
  const lastPause = pauses.at(-1) as number
  // A busy machine makes some of them longer, and none shorter.
  expect(lastPause).toBeGreaterThan(3 * Math.min(...pauses.slice(0, 5)))
  // The pause that it is in now is longer still; a new wait cuts it short.
  replica.at = 10
  const begun = performance.now()
  expect(await catchUp.wait(position(10), { timeoutMs: 5_000 })).toBe(true)
  expect(performance.now() - begun).toBeLessThan(lastPause)
})

test('an abort ends a wait at once, also one that was aborted before', async () => {
  start()
  const controller = new AbortController()
  const { signal } = controller
  const waiting = catchUp.wait(position(9), { timeoutMs: 60_000, signal })
  controller.abort()
  expect(await waiting).toBe(false)
  expect(await catchUp.wait(position(0), { timeoutMs: 60_000, signal })).toBe(false)
  expect(catchUp.waiting).toBe(0)
})

test('a replica that cannot be asked keeps nobody waiting, and is asked again by the next one', async () => {
  start({ failure: new Error('ECONNREFUSED') })
  expect(await Promise.all([1, 2].map((at) => catchUp.wait(position(at), { timeoutMs: 60_000 })))).toEqual([
    false,
    false,
  ])
  replica.failure = undefined
  replica.at = 3
  expect(await catchUp.wait(position(3), { timeoutMs: 60_000 })).toBe(true)
})

test('a position of another cluster is not waited for', async () => {
  start({ at: 9, cluster: 'other' })
  expect(await catchUp.wait(position(1), { timeoutMs: 60_000 })).toBe(false)
  const { asked } = replica
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(replica.asked).toBe(asked)
})

test('one look only: the next answer decides, and not one that was asked for before', async () => {
  start({ holds: true })
  void catchUp.wait(position(1), { timeoutMs: 60_000 })
  const once = catchUp.wait(position(7), { timeoutMs: 60_000, looksOnce: true })
  await replica.answer()
  expect(catchUp.waiting).toBe(2)
  replica.at = 7
  await replica.answer()
  expect(await once).toBe(true)
  const again = catchUp.wait(position(8), { timeoutMs: 60_000, looksOnce: true })
  await replica.answer()
  expect(await again).toBe(false)
})

test('a replica that has it and does not replay it is given up, and predicted, until it moves', async () => {
  start({ at: 1, received: 9 })
  const [impatient, patient] = [{ timeoutMs: 60_000, stallMs: 10 }, { timeoutMs: 60_000 }]
  const held = catchUp.wait(position(5), patient)
  expect(await catchUp.wait(position(5), impatient)).toBe(false)
  expect(catchUp.predict(position(6))).toBe(Number.POSITIVE_INFINITY)
  expect(catchUp.waiting).toBe(1)
  replica.at = 9
  expect(await held).toBe(true)
  expect(catchUp.predict(position(9))).toBeLessThan(60_000)
})

test('what has not arrived yet is waited for, however long nothing moves', async () => {
  start({ at: 1, received: 4 })
  const waiting = catchUp.wait(position(5), { timeoutMs: 60_000, stallMs: 1 })
  while (replica.asked < 8) await new Promise(setImmediate)
  expect(catchUp.waiting).toBe(1)
  replica.at = 5
  expect(await waiting).toBe(true)
})

test('an end lets everybody go, and nothing runs after it', async () => {
  start()
  const waiting = catchUp.wait(position(9), { timeoutMs: 60_000 })
  catchUp.end()
  expect(await waiting).toBe(false)
  expect(await catchUp.wait(position(0), { timeoutMs: 60_000 })).toBe(false)
  const { asked } = replica
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(replica.asked).toBe(asked)
})

test('looks that nobody waits for keep no process alive', async () => {
  start()
  const timers = (): number => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
  const before = timers()
  const waiting = catchUp.wait(position(9), { timeoutMs: 20 })
  expect(timers()).toBeGreaterThan(before)
  await waiting
  const asked = replica.asked + 3
  // While the replica is being asked there is a timer of its own.
  while (replica.asked < asked || (timers() > before && replica.asked < asked + 9)) await new Promise(setImmediate)
  expect(timers()).toBe(before)
})

test('what is followed ends when it is there, with nothing left to do', async () => {
  start({ holds: true })
  const waits = Array.from({ length: 100 }, (_, n) =>
    catchUp.wait(position(n + 1), { timeoutMs: 60_000, looksOnce: true }),
  )
  // The look that they came into, the one look that is theirs, and one that finds the few that are still followed.
  await replica.answer()
  await replica.answer()
  expect(await Promise.all(waits)).toEqual(Array(100).fill(false))
  replica.at = 100
  await replica.answer()
  const { asked } = replica
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(replica.asked).toBe(asked)
})

describe('a server that can wait by itself', () => {
  test('is left to wait for the first of all positions, one question at a time, and only behind a look', async () => {
    startWithArrivals()
    const waits = Array.from({ length: 1_000 }, (_, n) => catchUp.wait(position(1_000 - n), { timeoutMs: 60_000 }))
    await until(() => replica.arrivals.length > 0)
    expect(replica.asked).toBe(1)
    expect(replica.arrivals[0]).toEqual({ at: toLsn(1), withinMs: 20 })
    replica.at = 400
    await until(() => replica.arrivals.some(({ at }) => at === toLsn(401)))
    expect(catchUp.waiting).toBe(600)
    replica.at = 1_000
    expect(await Promise.all(waits)).toEqual(Array(1_000).fill(true))
    expect(replica.mostUnderWay).toBe(1)
  })

  test('waits ever longer for those who can, until somebody new comes, and briefly for those who mind a stall', async () => {
    startWithArrivals()
    const patient = catchUp.wait(position(9), { timeoutMs: 60_000 })
    await until(() => replica.arrivals.length === 6)
    expect(replica.arrivals.map(({ withinMs }) => withinMs)).toEqual([20, 30, 45, 68, 100, 100])
    const other = catchUp.wait(position(8), { timeoutMs: 60_000 })
    await until(() => replica.arrivals.length === 8)
    expect(replica.arrivals.slice(6)).toEqual([
      { at: toLsn(8), withinMs: 20 },
      { at: toLsn(8), withinMs: 30 },
    ])
    const impatient = catchUp.wait(position(9), { timeoutMs: 60_000, stallMs: 50 })
    await until(() => replica.arrivals.length === 11)
    expect(replica.arrivals.slice(8).map(({ withinMs }) => withinMs)).toEqual([20, 20, 20])
    replica.at = 9
    expect(await Promise.all([patient, other, impatient])).toEqual([true, true, true])
  })

  test('is looked at for who came for one look, and left alone where nobody waits', async () => {
    startWithArrivals()
    const controller = new AbortController()
    const patient = catchUp.wait(position(9), { timeoutMs: 60_000, signal: controller.signal })
    await until(() => replica.arrivals.length > 0)
    expect(await catchUp.wait(position(8), { timeoutMs: 60_000, looksOnce: true })).toBe(false)
    expect(replica.order.slice(0, 3)).toEqual(['look', 'wait', 'look'])
    controller.abort()
    expect(await patient).toBe(false)
    const { length } = replica.order
    await until(() => replica.order.length > length + 3)
    expect(new Set(replica.order.slice(length + 1))).toEqual(new Set(['look']))
  })

  test.each<[string, Partial<Replica>]>([
    ['it has become a primary', { role: 'primary' }],
    ['its epoch is too old, whatever its place', { at: 9, epoch: 0 }],
  ])('is asked with pauses where %s', async (_, options) => {
    startWithArrivals(options)
    expect(await catchUp.wait(position(9), { timeoutMs: 60 })).toBe(false)
    expect(replica.arrivals).toEqual([])
    expect(replica.asked).toBeLessThan(12)
  })

  test('is asked with pauses as well where it answers at once, and never without end', async () => {
    start()
    let asked = 0
    catchUp = new CatchUp(replica.probe, lsn, () => {
      asked++
      return replica.probe()
    })
    expect(await catchUp.wait(position(9), { timeoutMs: 100 })).toBe(false)
    expect(asked).toBeGreaterThan(0)
    expect(replica.asked).toBeLessThan(25)
  })

  test('what it has waited for in vain was missing until then', async () => {
    startWithArrivals()
    const now = Date.now()
    const waiting = catchUp.wait(position(9, now), { timeoutMs: 60_000 })
    await until(() => replica.arrivals.length === 3)
    // Missed for 20 and 30 ms, by the server's own word.
    expect(catchUp.predict(position(10, now), now)).toBeGreaterThanOrEqual(50)
    catchUp.end()
    expect(await waiting).toBe(false)
  })

  test('an abort, a time-out and an end let everybody go while it still waits', async () => {
    startWithArrivals()
    const controller = new AbortController()
    const aborted = catchUp.wait(position(9), { timeoutMs: 60_000, signal: controller.signal })
    const late = catchUp.wait(position(9), { timeoutMs: 5 })
    const ended = catchUp.wait(position(9), { timeoutMs: 60_000 })
    await until(() => replica.arrivals.length > 0)
    controller.abort()
    expect(await aborted).toBe(false)
    expect(await late).toBe(false)
    catchUp.end()
    expect(await ended).toBe(false)
    const { length } = replica.arrivals
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(replica.arrivals.length).toBe(length)
  })

  test('one that dies meanwhile keeps nobody waiting', async () => {
    startWithArrivals()
    const waiting = catchUp.wait(position(9), { timeoutMs: 60_000 })
    await until(() => replica.arrivals.length > 0)
    replica.failure = new Error('ECONNRESET')
    expect(await waiting).toBe(false)
  })
})

describe('what a wait leaves', () => {
  test.each<[string, () => void, number]>([
    ['it is there', () => void (replica.at = 9), 60_000],
    ['the time is over', () => undefined, 20],
    ['its end', () => catchUp.end(), 60_000],
  ])('is no listener on the signal of its client: %s', async (_, ends, timeoutMs) => {
    start()
    const { signal } = new AbortController()
    const waiting = catchUp.wait(position(9), { timeoutMs, signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    ends()
    await waiting
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('is no timer', async () => {
    start()
    const timers = (): number => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
    const before = timers()
    const waiting = catchUp.wait(position(9), { timeoutMs: 60_000 })
    replica.at = 9
    expect(await waiting).toBe(true)
    expect(timers()).toBe(before)
  })
})

describe('what is followed without being waited for', () => {
  const missed = (at: number, time?: number): Promise<boolean> =>
    catchUp.wait(position(at, time), { timeoutMs: 60_000, looksOnce: true })

  test('is looked for ten minutes at most', async () => {
    jest.useFakeTimers()
    try {
      start()
      const waiting = missed(9)
      await jest.advanceTimersByTimeAsync(100)
      expect(await waiting).toBe(false)
      await jest.advanceTimersByTimeAsync(590_000)
      const { asked } = replica
      await jest.advanceTimersByTimeAsync(5_000)
      expect(replica.asked).toBeGreaterThan(asked)
      await jest.advanceTimersByTimeAsync(10_000)
      const after = replica.asked
      await jest.advanceTimersByTimeAsync(60_000)
      expect(replica.asked).toBe(after)
    } finally {
      jest.useRealTimers()
    }
  })

  test('is forgotten with the server that it was missed on', async () => {
    start({ at: 1, received: 9 })
    expect(await catchUp.wait(position(5), { timeoutMs: 60_000, stallMs: 5 })).toBe(false)
    expect(catchUp.predict(position(6))).toBe(Number.POSITIVE_INFINITY)
    catchUp.forget()
    expect(catchUp.predict(position(6))).toBeUndefined()
    const { asked } = replica
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(replica.asked - asked).toBeLessThanOrEqual(1)
  })

  test('of another cluster teaches nothing of the lag', async () => {
    start({ cluster: 'other' })
    expect(await missed(9, Date.now() - 60_000)).toBe(false)
    expect(catchUp.predict(position(9))).toBeUndefined()
  })
})

test('a wait for no time, or one that has none left, asks nothing', async () => {
  start({ at: 9 })
  expect(await catchUp.wait(position(5), { timeoutMs: 0 })).toBe(false)
  expect([replica.asked, catchUp.waiting]).toEqual([0, 0])
})

test('what was wanted after a question was asked is not known to be missed by its answer', async () => {
  start({ holds: true })
  const now = Date.now()
  const first = catchUp.wait(position(1, now - 7_200_000), { timeoutMs: 60_000 })
  await new Promise((resolve) => setTimeout(resolve, 5))
  const second = catchUp.wait(position(9, now - 3_600_000), { timeoutMs: 60_000 })
  replica.at = 1
  await replica.answer()
  expect(await first).toBe(true)
  expect(catchUp.predict(position(10))).toBeUndefined()
  await replica.answer()
  expect(catchUp.predict(position(10, now), now)).toBeGreaterThan(3_000_000)
  catchUp.end()
  expect(await second).toBe(false)
})

test('a stall is over when something that was missed has come', async () => {
  start({ at: 1, received: 9 })
  expect(await catchUp.wait(position(5), { timeoutMs: 60_000, stallMs: 5 })).toBe(false)
  // One that is there already tells nothing of what stands still.
  expect(await catchUp.wait(position(1), { timeoutMs: 60_000 })).toBe(true)
  expect(catchUp.predict(position(6))).toBe(Number.POSITIVE_INFINITY)
  replica.at = 5
  await until(() => catchUp.predict(position(6)) !== Number.POSITIVE_INFINITY)
})
