import { afterEach, expect, jest, test } from '@jest/globals'
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
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}
afterEach(() => breaker.close())

test('opens at a failure, is probed, and closes as soon as a probe comes back', async () => {
  start()
  expect(breaker.isOpen).toBe(false)
  const cause = new Error('ECONNREFUSED')
  for (let n = 0; n < 100; n++) breaker.fail(cause)
  expect([breaker.isOpen, changes]).toEqual([true, [[true, cause]]])
  await until(() => probes === 2)
  expect(breaker.isOpen).toBe(true)
  answers = true
  await until(() => !breaker.isOpen)
  expect(changes).toEqual([
    [true, cause],
    [false, undefined],
  ])
  const { length } = changes
  breaker.fail(cause)
  expect(changes).toHaveLength(length + 1)
})

test('probes one at a time, ever more seldom', async () => {
  start()
  const begun = performance.now()
  breaker.fail(new Error('down'))
  await until(() => probes === 3)
  // 100, 200 and 400 ms.
  expect(performance.now() - begun).toBeGreaterThan(650)
})

test('asks nothing after its end, and its probes keep no process alive', async () => {
  start()
  const timers = (): number => process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length
  const before = timers()
  breaker.fail(new Error('down'))
  expect(timers()).toBe(before)
  breaker.close()
  breaker.fail(new Error('again'))
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect([probes, changes.length]).toEqual([0, 1])
})

test.each([true, false])(
  'a probe that is under way at the end changes nothing, and no other follows (it answers: %s)',
  async (well) => {
    jest.useFakeTimers()
    try {
      const told: boolean[] = []
      let end: () => void = () => undefined
      const held = (resolve: () => void, reject: (error: Error) => void): void => {
        end = () => (well ? resolve() : reject(new Error('down')))
      }
      const probe = jest.fn(() => new Promise<void>(held))
      breaker = new Breaker(probe, (open) => told.push(open))
      breaker.fail(new Error('down'))
      await jest.advanceTimersByTimeAsync(100)
      expect(probe).toHaveBeenCalledTimes(1)
      breaker.close()
      end()
      await jest.advanceTimersByTimeAsync(600_000)
      expect([told, probe.mock.calls.length]).toEqual([[true], 1])
    } finally {
      jest.useRealTimers()
    }
  },
)

test('pauses have a ceiling: a replica that comes back is found within seconds, however long it was away', async () => {
  jest.useFakeTimers()
  try {
    start()
    breaker.fail(new Error('down'))
    await jest.advanceTimersByTimeAsync(3_600_000)
    const before = probes
    await jest.advanceTimersByTimeAsync(10_000)
    expect(probes).toBeGreaterThan(before)
  } finally {
    jest.useRealTimers()
  }
})
