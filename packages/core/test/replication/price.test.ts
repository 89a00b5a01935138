import { expect, test } from '@jest/globals'
import { estimateReplayMs } from '../../src/replication/price.ts'

test.each([
  // Round trips between Fly's regions, as public measurements of cloud providers have them (ms).
  ['ams', 'ord', 95],
  ['gru', 'ord', 130],
  ['syd', 'iad', 200],
  ['lhr', 'ams', 10],
  ['nrt', 'lax', 105],
])('from %s to %s about %i ms', (from, to, about) => {
  expect(estimateReplayMs(from, to)).toBeGreaterThan(about * 0.6)
  expect(estimateReplayMs(from, to)).toBeLessThan(about * 1.6)
})

test('where a region is unknown, a middling ocean', () => {
  for (const [from, to] of [
    [undefined, 'ord'],
    ['ams', undefined],
    ['xxx', 'ord'],
    ['ams', 'xxx'],
  ] as const) {
    expect(estimateReplayMs(from, to)).toBe(100)
  }
})
