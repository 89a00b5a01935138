import { expect, test } from '@jest/globals'
import { Crossings } from '../../src/request/crossings.ts'

test('what is sent before an answer can be back is one crossing; what waits on its connection is one of its own', () => {
  const crossings = new Crossings(0)
  const now = performance.now()
  expect([now, now + 5, now + 79, now + 101].map((at) => crossings.begins(at, 100))).toEqual([true, false, false, true])
  expect(crossings.begins(now + 102, 0)).toBe(true)
  expect(crossings.needed).toBe(3)
})

test('what the handler does beside waiting is its own; waiting for a connection is not', () => {
  const crossings = new Crossings(0)
  const begun = performance.now()
  crossings.begins(begun + 30, 100)
  expect(crossings.ownMs).toBeCloseTo(30, -1)
  crossings.begins(begun + 150, 100)
  expect(crossings.ownMs).toBeCloseTo(50, -1)
  crossings.asks()
  crossings.begins(performance.now() + 400, 100)
  expect(crossings.ownMs).toBeCloseTo(50, -1)
})

test('how many are left: as its route has needed, two more after a second one, three from the beginning of a transaction', () => {
  const crossings = new Crossings(5)
  crossings.begins(0, 0)
  expect(crossings.remaining(false)).toBe(5)
  const unknown = new Crossings(0)
  unknown.begins(0, 0)
  expect(unknown.remaining(false)).toBe(1)
  unknown.begins(0, 0)
  expect(unknown.remaining(false)).toBe(2)
  expect(unknown.remaining(true)).toBe(3)
  expect(unknown.needed).toBe(4)
})

test('ahead of a connection that would have to be made: what it has done of its own, and one crossing at least', () => {
  const crossings = new Crossings(3)
  const begun = performance.now()
  expect(crossings.beforeOpening(begun + 40, 100)).toEqual([expect.closeTo(40, -1), 3])
  crossings.begins(begun + 40, 100)
  expect(crossings.beforeOpening(begun + 160, 100)).toEqual([expect.closeTo(60, -1), 2])
  const unknown = new Crossings(0)
  expect(unknown.beforeOpening(performance.now(), 100)[1]).toBe(1)
  unknown.opensNone(600)
  expect([unknown.needed, unknown.openingMs]).toEqual([1, 600])
})
