import { describe, expect, test } from '@jest/globals'
import { estimateReplayMs, Prices } from '../../src/replication/price.ts'
import { resolveTopology } from '../../src/topology/resolve.ts'

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

describe('Prices', () => {
  const fly = { FLY_REGION: 'gru', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://primary/d' }
  const of = (env: Record<string, string>, replayMs?: number) =>
    new Prices(resolveTopology({ env: { ...fly, ...env } }), replayMs)

  test('a replica in this region, and one that plays for tests, are near', () => {
    expect(of({ DATABASE_URL_GRU: 'postgres://gru/d' })).toMatchObject({ isFar: false, crossingMs: 0 })
    expect(of({ DATABASE_REPLICA_URL: 'postgres://somewhere/d' }).isFar).toBe(false)
    expect(of({ FLY_REGION: 'ord' }).isFar).toBe(false)
    expect(of({ FLY_REGION: '' }).isFar).toBe(false)
  })

  test('without one, a statement crosses the ocean, and a replay does too', () => {
    const prices = of({})
    expect(prices.isFar).toBe(true)
    expect(prices.crossingMs).toBeGreaterThan(80)
    expect(prices.replayMs).toBe(prices.crossingMs + 5)
    expect(of({}, 42).replayMs).toBe(42)
    expect(prices.openingMs).toBe(6 * prices.crossingMs)
  })

  test('a replica in a region that is nearer is nearer, and not near', () => {
    const prices = of({ FLY_REGION: 'lhr', DATABASE_URL_AMS: 'postgres://ams/d' })
    expect(prices.isFar).toBe(true)
    expect(prices.crossingMs).toBeLessThan(20)
    expect(prices.replayMs).toBeGreaterThan(80)
  })

  test('what questions take tells the distance: the quickest at once, slower ones little by little', () => {
    const prices = of({})
    prices.measured(200)
    expect([prices.crossingMs, prices.replayMs]).toEqual([200, 205])
    prices.measured(60)
    expect(prices.crossingMs).toBe(60)
    prices.measured(220)
    expect(prices.crossingMs).toBe(70)
    for (let count = 0; count < 200; count++) prices.measured(150)
    expect(prices.crossingMs).toBeCloseTo(150, 0)
  })
})
