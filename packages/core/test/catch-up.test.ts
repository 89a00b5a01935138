import { afterEach, expect, test } from '@jest/globals'
import { CatchUp } from '../src/catch-up.ts'
import { lsn } from '../src/dialect/postgres.ts'
import type { Observation, Position } from '../src/position.ts'

/** A replica that answers when it is told to. */
class Replica {
  at = 0
  received: number | undefined
  cluster = 'c'
  failure: Error | undefined
  /** Answers by itself at once, or holds each question until `answer()`. */
  holds = false
  asked = 0
  underWay = 0
  mostUnderWay = 0
  #held: (() => void)[] = []

  observe = async (): Promise<Observation> => {
    this.asked++
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay)
    if (this.holds) await new Promise<void>((resolve) => this.#held.push(resolve))
    else await new Promise(setImmediate)
    this.underWay--
    if (this.failure !== undefined) throw this.failure
    const received = this.received === undefined ? undefined : toLsn(this.received)
    return { instance: 'i', role: 'replica', cluster: this.cluster, epoch: 1, at: toLsn(this.at), received }
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
  catchUp = new CatchUp(replica.observe, lsn)
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
    .wait(position(5), { timeoutMs: 5_000 })
    .then(() => catchUp.wait(position(5), { timeoutMs: 5_000 }))
  const begun = performance.now()
  expect(await chained).toBe(true)
  expect(performance.now() - begun).toBeLessThan(2_000)
})

test('the time-out ends a wait with false, and the lag is known from then on', async () => {
  start()
  const wanted = position(9)
  expect(catchUp.predict(wanted)).toBeUndefined()
  expect(await catchUp.wait(wanted, { timeoutMs: 30 })).toBe(false)
  expect(catchUp.waiting).toBe(0)
  const now = Date.now()
  expect(catchUp.predict(position(10, now), now)).toBeGreaterThanOrEqual(5)
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
  const lastPause = (looks.at(-1) as number) - (looks.at(-2) as number)
  expect(lastPause).toBeGreaterThan(3 * ((looks[4] as number) - (looks[3] as number)))
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
  for (const until = replica.asked + 3; replica.asked < until; ) await new Promise(setImmediate)
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
