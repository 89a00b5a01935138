import { describe, expect, test } from '@jest/globals'
import type { Observation } from '../../src/position.ts'
import { createScope, runInScope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { told } from '../support/events.ts'
import { FakeDatabase, type FakeDatabaseOptions, toLsn } from '../support/fake-database.ts'

const limits = { timeoutMs: 30 }
async function probed(options: FakeDatabaseOptions = {}): Promise<FakeDatabase> {
  const standIn = new FakeDatabase(options)
  await standIn.replication.prober.probe()
  return standIn
}
const [past, future] = [{ until: Date.now() - 1_000 }, { until: Date.now() + 60_000 }]

test('what a scope needs is the strictest of all that it is asked to see, of this database', () => {
  const standIn = new FakeDatabase()
  const { freshness } = standIn.replication
  const scope = createScope(createRequestState('request'), new Map([['app', standIn.position(3)]]))
  expect([freshness.need(undefined), freshness.need(createScope(createRequestState('request')))]).toEqual([
    undefined,
    undefined,
  ])
  expect(freshness.need(scope)).toMatchObject({ at: toLsn(3) })
  const [more, less, other] = [5, 1, 9].map((at) => new Map([[at === 9 ? 'other' : 'app', standIn.position(at)]]))
  expect(freshness.need({ ...scope, needs: [...scope.needs, more!, less!, other!] })).toMatchObject({ at: toLsn(5) })
  expect(runInScope(scope, () => freshness.need())).toMatchObject({ at: toLsn(3) })
})

describe('to meet a need', () => {
  test('a primary is asked anew, and is fresh whatever is asked of it', async () => {
    const standIn = await probed({ role: 'primary', at: 5 })
    const { freshness } = standIn.replication
    expect([await freshness.meet(standIn.position(9), limits), standIn.asked]).toEqual(['fresh', 2])
  })

  test('a primary that another one has taken over from is left', async () => {
    const standIn = await probed({ role: 'primary', at: 5 })
    const { freshness, servers } = standIn.replication
    expect(await freshness.meet(standIn.position(4, { epoch: 2 }), limits)).toBe('stale-primary')
    expect(servers.local?.leftAt).toEqual(expect.any(Number))
  })

  test('a primary that does not answer, or is a replica by now, is as good as what is known of it', async () => {
    let answer: Observation | Error = new Error('down')
    const source = { probe: async () => (answer instanceof Error ? Promise.reject(answer) : answer) }
    const { freshness } = new FakeDatabase({ role: 'primary', source }).replication
    expect(await freshness.meet({ cluster: 'c', epoch: 1, at: '0/1', time: 0 }, limits)).toBe('behind')
    answer = { instance: 'i', role: 'replica', cluster: 'c', epoch: 1, at: '0/3' }
    expect(await freshness.meet({ cluster: 'c', epoch: 1, at: '0/2', time: 0 }, limits)).toBe('fresh')
    expect(await freshness.meet({ cluster: 'c', epoch: 1, at: '0/4', time: 0 }, limits)).toBe('behind')
  })

  test('a replica is waited for, and asked nothing where it is known to have it', async () => {
    const standIn = await probed({ at: 5 })
    const { freshness } = standIn.replication
    expect([await freshness.meet(standIn.position(5), limits), standIn.asked]).toEqual(['fresh', 1])
    const waiting = freshness.meet(standIn.position(6), { timeoutMs: 10_000 })
    expect(freshness.waiting).toBe(1)
    standIn.at = 6
    expect([await waiting, freshness.waiting]).toEqual(['fresh', 0])
    expect(await freshness.meet(standIn.position(9), limits)).toBe('behind')
    await standIn.replication.end()
  })
})

describe('a wait for a replica', () => {
  test('is told with what it has come to', async () => {
    const standIn = await probed({ at: 5 })
    const { freshness } = standIn.replication
    const waits = await told(['wait'], async () => {
      await freshness.catchUp(standIn.position(5), limits)
      expect(await freshness.catchUp(standIn.position(9), limits)).toBe(false)
    })
    expect(waits).toEqual([
      ['wait', { database: 'app', waitedMs: expect.any(Number), reached: false, predictedMs: undefined }],
    ])
    await standIn.replication.end()
  })

  test('is not begun for a time, nor for what is no position, nor where the replica is out of reach', async () => {
    const standIn = await probed({ at: 5 })
    const { freshness, prober } = standIn.replication
    expect(await freshness.catchUp(past, limits)).toBe(true)
    expect(standIn.asked).toBe(1)
    // Only the primary will do, and this server may have become it.
    expect(await freshness.catchUp(future, limits)).toBe(false)
    expect(standIn.asked).toBe(2)
    await prober.probe()
    const { asked } = standIn
    expect(await freshness.catchUp(standIn.position(9, { at: 'nonsense' }), limits)).toBe(false)
    prober.reportUnreachable(new Error('down'))
    expect(await freshness.catchUp(standIn.position(9), limits)).toBe(false)
    expect(standIn.asked).toBe(asked)
    await standIn.replication.end()
  })

  test('takes no longer than a replay would, unless it is to be patient', async () => {
    const standIn = await probed({ at: 5, replication: { replayCostMs: 40 } })
    const { freshness } = standIn.replication
    const begun = performance.now()
    expect(await freshness.catchUp(standIn.position(9), { timeoutMs: 60_000 })).toBe(false)
    expect(performance.now() - begun).toBeLessThan(10_000)
    const patient = freshness.catchUp(standIn.position(10), { timeoutMs: 60_000, patient: true })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(freshness.waiting).toBe(1)
    standIn.at = 10
    expect(await patient).toBe(true)
    await standIn.replication.end()
  })

  test('that will be in vain is one look, and a patient one none the less a wait', async () => {
    const standIn = await probed({ at: 5, replication: { replayCostMs: 60_000 } })
    const { freshness } = standIn.replication
    // A lag of an hour, as far as is known.
    const old = standIn.position(9, { time: Date.now() - 3_600_000 })
    expect(await freshness.catchUp(old, { timeoutMs: 20 })).toBe(false)
    const waits = await told(['wait'], async () => {
      expect(await freshness.catchUp(standIn.position(9), { timeoutMs: 60_000 })).toBe(false)
    })
    expect(waits).toEqual([['wait', expect.objectContaining({ reached: false, predictedMs: expect.any(Number) })]])
    const patient = freshness.catchUp(standIn.position(10), { timeoutMs: 60_000, patient: true })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(freshness.waiting).toBe(1)
    standIn.at = 10
    expect(await patient).toBe(true)
    await standIn.replication.end()
  })

  test('ends with its client', async () => {
    const standIn = await probed({ at: 5, replication: { replayCostMs: 60_000 } })
    const client = new AbortController()
    const waiting = standIn.replication.freshness.catchUp(standIn.position(9), {
      timeoutMs: 60_000,
      signal: client.signal,
    })
    client.abort()
    expect(await waiting).toBe(false)
    await standIn.replication.end()
  })
})

describe('whether a token can be the primary’s own', () => {
  test('is asked at most once a second, where it is not known', async () => {
    const standIn = await probed({ role: 'primary', at: 5 })
    const { freshness } = standIn.replication
    expect(await freshness.validate(future)).toBe('fresh')
    expect(await freshness.validate(standIn.position(5))).toBe('fresh')
    expect(standIn.asked).toBe(1)
    expect([await freshness.validate(standIn.position(9)), standIn.asked]).toEqual(['impossible', 2])
    expect([await freshness.validate(standIn.position(9)), standIn.asked]).toEqual(['behind', 2])
    const clock = performance.now
    const now = clock.call(performance)
    try {
      performance.now = () => now + 1_100
      expect([await freshness.validate(standIn.position(9)), standIn.asked]).toEqual(['impossible', 3])
    } finally {
      performance.now = clock
    }
  })

  test('is not known of one that does not answer, and a replica never says so', async () => {
    const silent = new FakeDatabase({ role: 'primary', source: { probe: () => Promise.reject(new Error('down')) } })
    expect(await silent.replication.freshness.validate(silent.position(9))).toBe('behind')
    const replica = await probed({ at: 5 })
    expect(await replica.replication.freshness.validate(replica.position(5))).toBe('fresh')
    expect(await replica.replication.freshness.validate(replica.position(9))).toBe('behind')
  })
})

test('a read may be sent with the question only where its database asks so, and the replica is not known to be behind', async () => {
  const [plain, checked] = [await probed(), await probed({ source: { checksReads: true } })]
  for (const [standIn, expected] of [
    [plain, 'behind'],
    [checked, 'likely'],
  ] as const) {
    const { freshness, servers } = standIn.replication
    expect(freshness.assess(standIn.position(1), servers.local)).toBe(expected)
  }
  const { freshness, servers, prober } = checked.replication
  await freshness.catchUp(checked.position(9, { time: Date.now() - 3_600_000 }), { timeoutMs: 20 })
  expect(freshness.assess(checked.position(10), servers.local)).toBe('behind')
  checked.at = 20
  expect(await freshness.catchUp(checked.position(20), { timeoutMs: 5_000 })).toBe(true)
  prober.reportUnreachable(new Error('down'))
  expect(freshness.assess(checked.position(30), servers.local)).toBe('behind')
  await checked.replication.end()
})
