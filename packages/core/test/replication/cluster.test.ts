import { expect, jest, test } from '@jest/globals'
import { gtids } from '../../src/dialect/gtid.ts'
import { lsn } from '../../src/dialect/postgres.ts'
import type { Observation } from '../../src/position.ts'
import { PrimaryCluster } from '../../src/replication/cluster.ts'

const primary = (more: Partial<Observation> = {}): Observation => {
  return { instance: 'p', role: 'primary', cluster: 'c', epoch: 1, at: '0/1', ...more }
}
const [own, others] = ['3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5', '9a11fa47-71ca-11e1-9e33-c80aa9429562:1-5']

test.each([
  ['the same', 'c', 'c', false],
  ['another', 'd', 'c', true],
  ['one that is not told', '', 'c', false],
  ['one that the primary does not tell', 'd', '', false],
] as const)('by name: %s', (_, cluster, told, isForeign) => {
  const known = new PrimaryCluster(lsn, undefined)
  expect(known.isForeign({ cluster, at: '0/1' })).toBe(false)
  known.heard(primary({ cluster: told }))
  expect(known.isForeign({ cluster, at: '0/1' })).toBe(isForeign)
})

test.each([
  ['the same transactions', own, own, false],
  ['nothing in common', others, own, true],
  ['a server that does not say', undefined, own, false],
  ['a primary that does not say', others, undefined, false],
] as const)('by what was written, where clusters have no name: %s', (_, at, told, isForeign) => {
  const known = new PrimaryCluster(gtids, undefined)
  known.heard(primary({ cluster: '', at: told }))
  expect(known.isForeign({ cluster: '', at })).toBe(isForeign)
})

test('positions are compared once, and again when one of the two has moved', () => {
  const areForeign = jest.fn((a: string, b: string) => gtids.areForeign?.(a, b) === true)
  const known = new PrimaryCluster({ ...gtids, areForeign }, undefined)
  const is = (at: string): boolean => known.isForeign({ cluster: '', at })
  known.heard(primary({ cluster: '', at: own }))
  expect([is(others), is(others), areForeign.mock.calls.length]).toEqual([true, true, 1])
  expect([is(own), is(own), areForeign.mock.calls.length]).toEqual([false, false, 2])
  known.heard(primary({ cluster: '', at: others }))
  expect([is(own), is(own), areForeign.mock.calls.length]).toEqual([true, true, 3])
})

test('the primary is asked every few seconds, and only its first answer is waited for', async () => {
  jest.useFakeTimers()
  try {
    let answer: (observation: Observation) => void = () => undefined
    const ask = jest.fn(() => new Promise<Observation>((resolve) => (answer = resolve)))
    const known = new PrimaryCluster(lsn, ask)
    const first = known.ask()
    expect(first).toBeInstanceOf(Promise)
    expect(known.askOnce()).toBe(first)
    answer(primary())
    await first
    expect([known.isForeign({ cluster: 'd', at: '0/1' }), known.ask(), ask.mock.calls.length]).toEqual([
      true,
      undefined,
      1,
    ])
    jest.advanceTimersByTime(4_900)
    expect([known.ask(), ask.mock.calls.length]).toEqual([undefined, 1])
    jest.advanceTimersByTime(200)
    expect([known.askOnce(), ask.mock.calls.length]).toEqual([undefined, 1])
    expect([known.ask(), ask.mock.calls.length]).toEqual([undefined, 2])
    answer(primary({ cluster: 'd' }))
    await jest.advanceTimersByTimeAsync(1)
    expect(known.isForeign({ cluster: 'd', at: '0/1' })).toBe(false)
  } finally {
    jest.useRealTimers()
  }
})

test('one that cannot be asked is not waited for', () => {
  const known = new PrimaryCluster(lsn, undefined)
  expect([known.ask(), known.askOnce()]).toEqual([undefined, undefined])
})
