import { describe, expect, test } from '@jest/globals'
import type { Observation } from '../../src/position.ts'
import { told } from '../support/events.ts'
import { FakeDatabase } from '../support/fake-database.ts'

const observed = (more: Partial<Observation> = {}): Observation => {
  return { instance: 'i', role: 'replica', cluster: 'c', epoch: 1, at: '0/5', ...more }
}
const replication = (options: ConstructorParameters<typeof FakeDatabase>[0] = {}) =>
  new FakeDatabase(options).replication
const primary = (more: Partial<Observation> = {}): Observation => observed({ instance: 'p', role: 'primary', ...more })

describe('a server that has said what it is', () => {
  test('is one however many connections lead to it, and another one once it was lost', () => {
    const { servers } = replication()
    const first = servers.connected(observed())
    expect(servers.connected(observed())).toBe(first)
    expect(servers.isCurrent(first)).toBe(true)
    servers.disconnected(undefined)
    servers.disconnected(first)
    expect(servers.isCurrent(first)).toBe(false)
    const second = servers.connected(observed({ at: '0/3' }))
    expect(second).not.toBe(first)
    expect(second.at).toBe('0/3')
    servers.disconnected(first)
    expect(servers.isCurrent(second)).toBe(true)
  })

  test('never goes back within one run, and says the rest anew each time', () => {
    const { servers } = replication()
    const server = servers.connected(
      observed({ at: undefined, epoch: 2, acceptsWrites: true, logsTemporaryTables: true, clockOffsetMs: 5 }),
    )
    expect(server).toMatchObject({
      at: undefined,
      epoch: 2,
      acceptsWrites: true,
      logsTemporaryTables: true,
      clockOffsetMs: 5,
    })
    servers.connected(observed({ at: '0/7' }))
    expect(server).toMatchObject({
      at: '0/7',
      epoch: 2,
      acceptsWrites: undefined,
      logsTemporaryTables: undefined,
      clockOffsetMs: undefined,
    })
    for (const at of ['0/6', undefined])
      expect(servers.connected(observed({ at, epoch: 3 }))).toMatchObject({ at: '0/7', epoch: 3 })
  })

  test('is forgotten when many others have come after it', () => {
    const { servers } = replication()
    const all = Array.from({ length: 33 }, (_, n) => servers.connected(observed({ instance: `i${n}` })))
    expect(all.map((server) => servers.isCurrent(server))).toEqual([false, ...Array(32).fill(true)])
  })

  test('is the one that probes ask, as far as is known', () => {
    const { servers } = replication()
    const server = servers.connected(observed())
    expect([servers.isProbed(undefined), servers.isProbed(server), servers.local]).toEqual([false, true, undefined])
    const other = servers.probed(observed({ instance: 'other' }))
    expect([servers.isProbed(server), servers.isProbed(other), servers.local]).toEqual([false, true, other])
    servers.disconnected(server)
    expect(servers.local).toBe(other)
    servers.disconnected(other)
    expect(servers.local).toBeUndefined()
  })

  test('sets the role where it is the local one, and tells of it once', async () => {
    const { servers } = replication()
    const heard = await told(['role-mismatch'], () => {
      servers.connected(primary(), 'primary')
      expect(servers.topology.role).toBe('replica')
      servers.connected(primary())
      servers.connected(primary())
    })
    expect(heard).toEqual([
      ['role-mismatch', { database: 'app', expected: 'replica', found: 'primary', setting: 'DATABASE_URL_AMS' }],
    ])
    expect([servers.topology.role, servers.expects]).toEqual(['primary', 'replica'])
  })
})

describe('a primary', () => {
  test('is deposed by one of a newer epoch in its cluster', () => {
    const { servers } = replication({ role: 'primary' })
    const old = servers.connected(primary())
    servers.connected(observed({ instance: 'r', epoch: 2 }))
    servers.connected(primary({ instance: 'other', cluster: 'd', epoch: 2 }), 'primary')
    expect([servers.isDeposed(old), servers.mustLeave(old)]).toEqual([false, false])
    const next = servers.connected(primary({ instance: 'next', epoch: 2 }), 'primary')
    expect([servers.isDeposed(old), servers.mustLeave(old), servers.isDeposed(next)]).toEqual([true, true, false])
    servers.connected(primary({ instance: 'late', epoch: 1 }), 'primary')
    expect(servers.isDeposed(old)).toBe(true)
    expect(servers.isDeposed(servers.connected(observed({ instance: 'r' })))).toBe(false)
  })
})

describe('a local server of another cluster than the primary', () => {
  test('is a replica that takes no writes, whatever it says, and is left', async () => {
    const { servers, prober, end } = withForeign()
    let server: ReturnType<typeof servers.connected> | undefined
    const heard = await told(['notice', 'role-mismatch', 'replica-unavailable'], () => {
      server = servers.connected(primary({ instance: 'l', cluster: 'yesterday' }))
      servers.connected(primary({ instance: 'l', cluster: 'yesterday' }))
    })
    expect(server).toMatchObject({ role: 'replica', acceptsWrites: true })
    expect([servers.mustLeave(server!), servers.isForeign(server!), prober.isUnavailable]).toEqual([true, true, true])
    expect(heard).toEqual([
      ['notice', { database: 'app', message: expect.stringMatching(/another cluster than the primary/) }],
      ['replica-unavailable', { database: 'app', setting: 'DATABASE_URL_AMS', code: 'FOREIGN_CLUSTER' }],
    ])
    await end()
  })

  test('is none where it is expected to be the primary, where the primary has said nothing, or is asked as one', async () => {
    const own = replication({ role: 'primary' }).servers
    own.connected(primary(), 'primary')
    expect(own.isForeign({ cluster: 'yesterday', at: '0/1' })).toBe(false)
    expect(replication().servers.isForeign({ cluster: 'yesterday', at: '0/1' })).toBe(false)
    const { servers, end } = withForeign()
    expect(servers.connected(primary({ cluster: 'yesterday', instance: 'x' }), 'primary').acceptsWrites).toBeUndefined()
    await end()
  })

  test('a replica that stands where the primary should be says nothing of the cluster', () => {
    const { servers } = replication()
    servers.connected(observed({ cluster: 'yesterday' }), 'primary')
    expect(servers.isForeign({ cluster: 'c', at: '0/1' })).toBe(false)
  })

  function withForeign() {
    const { servers, prober } = replication()
    servers.connected(primary(), 'primary')
    return { servers, prober, end: () => prober.end() }
  }
})

describe('before a local server is believed', () => {
  test('the primary is asked once which cluster is its own, and only where a replica is expected', async () => {
    let asked = 0
    const probePrimary = async (): Promise<Observation> => (asked++, primary())
    const { servers } = replication({ source: { probePrimary } })
    await servers.comparable()
    expect([asked, servers.comparable(), servers.isForeign({ cluster: 'x', at: undefined })]).toEqual([
      1,
      undefined,
      true,
    ])
    expect(replication({ role: 'primary', source: { probePrimary } }).servers.comparable()).toBeUndefined()
    expect(replication().servers.comparable()).toBeUndefined()
    expect(asked).toBe(1)
  })

  test.each([
    ['that is down', () => Promise.reject(new Error('down'))],
    ['that is a replica', async () => observed({ instance: 'q', cluster: 'other' })],
  ] as const)('a primary %s is waited for once, and believed nothing', async (_, probePrimary) => {
    let asked = 0
    const { servers } = replication({ source: { probePrimary: () => (asked++, probePrimary()) } })
    const [first, second] = [servers.comparable(), servers.comparable()]
    expect(first).toBe(second)
    await first
    expect([asked, servers.comparable(), servers.isForeign({ cluster: 'c', at: '0/1' })]).toEqual([1, undefined, false])
  })
})
