import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { Breaker } from '../../src/replication/breaker.ts'

let probes = 0
let answers = false
let changes: [open: boolean, cause: unknown][] = []
let breaker: Breaker
function start(): void {
  ;[probes, answers, changes] = [0, false, []]
  breaker = new Breaker(
    async () => {
      probes++
      if (!answers) throw new Error('ECONNREFUSED')
    },
    (open, cause) => changes.push([open, cause]),
  )
}
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms)
beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  breaker.close()
  jest.useRealTimers()
})

test('opens at a failure, is probed, and closes as soon as a probe comes back', async () => {
  start()
  expect(breaker.isOpen).toBe(false)
  const cause = new Error('ECONNREFUSED')
  for (let n = 0; n < 100; n++) breaker.fail(cause)
  expect([breaker.isOpen, changes]).toEqual([true, [[true, cause]]])
  await pass(310)
  expect([probes, breaker.isOpen]).toEqual([2, true])
  answers = true
  await pass(400)
  expect([probes, breaker.isOpen]).toEqual([3, false])
  expect(changes).toEqual([
    [true, cause],
    [false, undefined],
  ])
  await pass(60_000)
  expect(probes).toBe(3)
  breaker.fail(cause)
  expect(changes).toHaveLength(3)
})

test('probes one at a time, ever more seldom, and at least once a second', async () => {
  start()
  breaker.fail(new Error('down'))
  const seen: number[] = []
  for (const ms of [90, 20, 180, 20, 380, 20, 780, 20, 980, 20, 980, 20]) {
    await pass(ms)
    seen.push(probes)
  }
  // After 100, 200, 400, 800 and 1000 ms.
  expect(seen).toEqual([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6])
})

test('asks nothing after its end', async () => {
  start()
  breaker.fail(new Error('down'))
  breaker.close()
  breaker.fail(new Error('again'))
  await pass(60_000)
  expect([probes, changes.length, jest.getTimerCount()]).toEqual([0, 1, 0])
})

test('its probes keep no process alive', () => {
  jest.useRealTimers()
  start()
  const timers = (): number => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
  const before = timers()
  breaker.fail(new Error('down'))
  expect(timers()).toBe(before)
})

test.each([true, false])(
  'a probe that is under way at the end changes nothing, and no other follows (it answers: %s)',
  async (well) => {
    const told: boolean[] = []
    let end: () => void = () => undefined
    const held = (resolve: () => void, reject: (error: Error) => void): void => {
      end = () => (well ? resolve() : reject(new Error('down')))
    }
    const probe = jest.fn(() => new Promise<void>(held))
    breaker = new Breaker(probe, (open) => told.push(open))
    breaker.fail(new Error('down'))
    await pass(100)
    expect(probe).toHaveBeenCalledTimes(1)
    breaker.close()
    end()
    await pass(600_000)
    expect([told, probe.mock.calls.length]).toEqual([[true], 1])
  },
)

test('pauses have a ceiling: a replica that comes back is found within seconds, however long it was away', async () => {
  start()
  breaker.fail(new Error('down'))
  await pass(3_600_000)
  const before = probes
  await pass(10_000)
  expect(probes).toBeGreaterThan(before)
})
