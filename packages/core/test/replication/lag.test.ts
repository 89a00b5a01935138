import { expect, test } from '@jest/globals'
import { LagModel } from '../../src/replication/lag.ts'

/** What the primary's clock says when this machine's says 0: predictions must not care. */
const skews = [0, -7_000, 7_000]

test('knows nothing at first, and nothing of a lag from what has long been there', () => {
  const lag = new LagModel()
  expect(lag.predict(1_000, 1_000)).toBeUndefined()
  lag.reached(1_000, 6_000, false)
  expect(lag.predict(6_000, 6_000)).toBeUndefined()
})

test.each(skews)('predicts the rest of the wait from an arrival (clocks %i ms apart)', (skew) => {
  const lag = new LagModel()
  lag.missed(1_000 + skew, 1_100)
  lag.reached(1_000 + skew, 1_300, true)
  expect(lag.predict(5_000 + skew, 5_000)).toBe(300)
  expect(lag.predict(5_000 + skew, 5_120)).toBe(180)
  expect(lag.predict(5_000 + skew, 9_000)).toBe(0)
})

test('what is missing raises the lag while it is missing', () => {
  const lag = new LagModel()
  for (const now of [1_010, 1_500, 4_000]) {
    lag.missed(1_000, now)
    expect(lag.predict(now, now)).toBe(now - 1_000)
  }
})

test('what is there sooner than expected lowers it, what was read late does not raise it', () => {
  const lag = new LagModel()
  lag.reached(0, 3_000, true)
  lag.reached(4_000, 4_020, false)
  expect(lag.predict(5_000, 5_000)).toBe(20)
  lag.reached(5_000, 65_000, false)
  expect(lag.predict(70_000, 70_000)).toBe(20)
})

test('a token that pretends to be old cannot make the replica look late', () => {
  const lag = new LagModel()
  lag.reached(10_000, 10_005, true)
  lag.missed(-80_000_000, 10_010)
  expect(lag.predict(10_010, 10_010)).toBe(5)
})

test('a token that pretends to be of the future cannot hide a lag for long', () => {
  const lag = new LagModel()
  lag.reached(70_000, 10_000, false)
  lag.missed(10_001, 10_500)
  expect(lag.predict(10_500, 10_500)).toBe(499)
})

test('forgets', () => {
  const lag = new LagModel()
  lag.missed(0, 500)
  lag.forget()
  expect(lag.predict(500, 500)).toBeUndefined()
  lag.missed(-1, 500)
  expect(lag.predict(500, 500)).toBe(501)
})
