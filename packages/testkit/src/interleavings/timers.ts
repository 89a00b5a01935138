import { AsyncLocalStorage } from 'node:async_hooks'
import type { Network } from './network.ts'

/** A longer time than this (ms) passes only when nothing else is left to happen: all that is under way arrives before it. */
const longMs = 1_000

/** A longer time than this (ms) does not pass. */
const longestMs = 2_000

const startedAt = 1_700_000_000_000

/** A timer, to be told from those that were there before. */
class Timer {
  isCleared = false

  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return false
  }
}

/**
 * Puts the clock into the hands of the search, for as long as a program is played: a short timer fires at a time that the
 * search chooses, since what travels may take longer; a long one, when all waits for it; what repeats itself does not fire.
 *
 * @returns what gives it back
 */
export function takeClock(network: Network): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis
  const { stackTraceLimit } = Error
  const { now: dateNow } = Date
  let now = startedAt
  const set = (fn: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer => {
    const timer = new Timer()
    if (ms > longestMs) return timer
    const inContext = AsyncLocalStorage.snapshot()
    const fires = (): void => {
      now += ms
      if (!timer.isCleared) inContext(() => fn(...args))
    }
    if (ms <= longMs) network.later(`${ms} ms are over`, fires)
    else network.atLast(`${ms} ms are over, in which nothing happened`, fires, () => timer.isCleared)
    return timer
  }
  const clear =
    (others: (timer: never) => void) =>
    (timer: unknown): void => {
      if (timer instanceof Timer) timer.isCleared = true
      else others(timer as never)
    }
  Object.assign(globalThis, {
    setTimeout: set,
    clearTimeout: clear(clearTimeout),
    setInterval: () => new Timer(),
    clearInterval: clear(clearInterval),
  })
  // What a request does is written down, and stacks cost as much as all the rest.
  Error.stackTraceLimit = 0
  // The same time for each, so that a seed is played the same way again.
  Date.now = () => now
  Object.defineProperty(performance, 'now', { value: () => now - startedAt, configurable: true })
  return () => {
    Date.now = dateNow
    Reflect.deleteProperty(performance, 'now')
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval })
    Error.stackTraceLimit = stackTraceLimit
  }
}
