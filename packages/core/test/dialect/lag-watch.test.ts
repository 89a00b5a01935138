import { describe, expect, test } from '@jest/globals'
import { LagWatch, type Look } from '../../src/dialect/lag-watch.ts'
import { lsn } from '../../src/dialect/postgres.ts'

/** Shows one look after the other, the last one for ever. */
function shows(...looks: (Partial<Look> | undefined)[]) {
  let next = 0
  return async (): Promise<Look | undefined> => {
    const look = looks[Math.min(next++, looks.length - 1)]
    return look && { at: '0/10', received: '0/20', now: 1_000, newest: 100, ...look }
  }
}

const done = { at: '0/20' }
const watch = () => new LagWatch(lsn)

describe('how far a replica is behind, by looking again', () => {
  test('what waited at the first look and is there at the next one has come just then', async () => {
    expect(await watch().seconds('a', shows({}, {}, { ...done, received: '0/30', newest: 990 }))).toBe(0)
  })

  test('what was committed, and could not be seen yet, tells exactly', async () => {
    expect(await watch().seconds('a', shows({}, { newest: 400 }))).toBe(600)
    expect(await watch().seconds('a', shows({ newest: undefined }, { newest: 400 }))).toBe(600)
    expect(await watch().seconds('a', shows({ applying: 900 }))).toBe(100)
    // The clocks of the two servers are not the same.
    expect(await watch().seconds('a', shows({}, { newest: 1_001 }))).toBe(0)
  })

  test('where nothing moves, a process that has seen nothing else goes by the newest transaction', async () => {
    expect(await watch().seconds('a', shows({}))).toBe(900)
    expect(await watch().seconds('a', shows({ newest: undefined }))).toBeUndefined()
    // Nothing is received: what the primary has is not known.
    expect(await watch().seconds('a', shows({ ...done, received: undefined }))).toBe(900)
    expect(await watch().seconds('a', shows(undefined))).toBeUndefined()
    expect(await watch().seconds('a', shows({}, undefined))).toBeUndefined()
  })

  test('where nothing moves, what waits has not waited before it was seen to', async () => {
    const one = watch()
    expect(one.isUpToDate('a')).toBe(0)
    const begun = performance.now()
    const first = (await one.seconds('a', shows({}))) ?? 0
    expect(first).toBeGreaterThan(0.1)
    expect(first).toBeLessThanOrEqual((performance.now() - begun) / 1_000)
    const then = (await one.seconds('a', shows({ newest: undefined }))) ?? 0
    expect(then).toBeGreaterThan(first)
    // But no longer than the newest transaction is old, and nothing is known of another run of the server.
    expect(await one.seconds('a', shows({ newest: 999.9 }))).toBeCloseTo(0.1)
    expect(await one.seconds('b', shows({}))).toBe(900)
  })

  test('a replay that was slow, and stands still now, has waited since', async () => {
    const one = watch()
    one.isUpToDate('a')
    expect(await one.seconds('a', shows({}, { newest: 970 }))).toBe(30)
    const seconds = (await one.seconds('a', shows({}))) ?? 0
    expect(seconds).toBeGreaterThan(30)
    expect(seconds).toBeLessThan(60)
    expect(await one.seconds('a', shows(done))).toBe(0)
    expect(await one.seconds('a', shows({}))).toBeLessThan(30)
  })
})
