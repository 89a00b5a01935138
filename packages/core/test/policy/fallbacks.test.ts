import { expect, jest, test } from '@jest/globals'
import { Fallbacks } from '../../src/policy/fallbacks.ts'

test('a replay is recognised by the id of its request, and why it was one, once', () => {
  const fallbacks = new Fallbacks()
  expect(fallbacks.recognizes('a')).toBeUndefined()
  fallbacks.remember('a', 'write')
  fallbacks.remember(undefined, 'write')
  const told = [undefined, 'b', 'a', 'a'].map((id) => fallbacks.recognizes(id))
  expect(told).toEqual([undefined, undefined, 'write', undefined])
})

test('an id that is none of the proxy’s is not remembered', () => {
  const fallbacks = new Fallbacks()
  const ids = [128, 129].map((length) => 'x'.repeat(length))
  for (const id of ids) fallbacks.remember(id, 'write')
  expect(ids.map((id) => fallbacks.recognizes(id))).toEqual(['write', undefined])
})

test('so many are remembered, and the oldest goes first', () => {
  const fallbacks = new Fallbacks()
  for (let n = 0; n < 4_097; n++) fallbacks.remember(`id${n}`, String(n))
  expect([0, 1, 4_096].map((n) => fallbacks.recognizes(`id${n}`))).toEqual([undefined, '1', '4096'])
})

test('there are two places, which are given back, or free again in time', () => {
  jest.useFakeTimers()
  try {
    const fallbacks = new Fallbacks()
    const [first, second] = [fallbacks.takePlace(), fallbacks.takePlace()]
    expect([typeof first, typeof second, fallbacks.takePlace()]).toEqual(['function', 'function', undefined])
    first?.()
    first?.()
    expect([typeof fallbacks.takePlace(), fallbacks.takePlace()]).toEqual(['function', undefined])
    jest.advanceTimersByTime(29_900)
    expect(fallbacks.takePlace()).toBeUndefined()
    jest.advanceTimersByTime(200)
    expect([typeof fallbacks.takePlace(), typeof fallbacks.takePlace(), fallbacks.takePlace()]).toEqual([
      'function',
      'function',
      undefined,
    ])
  } finally {
    jest.useRealTimers()
  }
})
