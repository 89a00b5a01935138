import { describe, expect, test } from '@jest/globals'
import { DatabaseReplication } from '../../src/replication/database.ts'
import { Written } from '../../src/replication/written.ts'
import { createScope, runInScope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { decodeToken, encodeToken } from '../../src/token.ts'
import { told } from '../support/events.ts'
import { FakeDatabase, type FakeDatabaseOptions, toLsn } from '../support/fake-database.ts'

const secrets = ['a secret that is long enough, and then some more']
const token = (standIn: FakeDatabase, at: number, more = {}): string =>
  encodeToken(new Map([['app', standIn.position(at, more)]]), [])
const untold: FakeDatabaseOptions['source'] = {
  probe: async () => ({ instance: 'i', role: 'replica', cluster: 'c', epoch: 1, at: undefined }),
}

test('its name is the one that it is given, or the database’s; and a replay costs what the distance says', () => {
  const { topology } = new FakeDatabase().replication
  const source = {
    algebra: new FakeDatabase().replication.algebra,
    probe: () => Promise.reject(new Error('not asked')),
    end: async () => undefined,
  }
  const unnamed = { ...topology, primary: { ...topology.primary, database: undefined } }
  expect(new DatabaseReplication({ topology, source }).name).toBe('app')
  expect(new DatabaseReplication({ topology: unnamed, source }).name).toBe('default')
  expect(new DatabaseReplication({ topology, source, name: 'orders' }).name).toBe('orders')
  const far = new DatabaseReplication({ topology, source }).prices.replayMs
  expect([far > 5, far < 1_000]).toEqual([true, true])
  expect(new DatabaseReplication({ topology, source, replayCostMs: 7 }).prices.replayMs).toBe(7)
  const written = new Written('app', source.algebra)
  expect(new DatabaseReplication({ topology, source, written }).written).toBe(written)
})

test('what is said once is said once', async () => {
  const { replication } = new FakeDatabase()
  const heard = await told(['notice'], () => {
    for (const message of ['a', 'b', 'a']) replication.noticeOnce(message)
  })
  expect(heard).toEqual([
    ['notice', { database: 'app', message: 'a' }],
    ['notice', { database: 'app', message: 'b' }],
  ])
})

test('what the topology has to note is told when it is opened', async () => {
  const { topology } = new FakeDatabase().replication
  const source = {
    algebra: new FakeDatabase().replication.algebra,
    probe: () => Promise.reject(new Error('not asked')),
    end: async () => undefined,
  }
  const notes = [{ message: 'noted' }] as unknown as typeof topology.notes
  const heard = await told(['notice'], () => new DatabaseReplication({ topology: { ...topology, notes }, source }))
  expect(heard).toEqual([['notice', { database: 'app', message: 'noted' }]])
})

describe('the current token', () => {
  const content = async (standIn: FakeDatabase, keys: readonly string[] = []) =>
    decodeToken(await standIn.replication.currentToken(), { secrets: keys }).get('app')

  test('is where the server stands, raised to what this process has written', async () => {
    const standIn = new FakeDatabase({ at: 5 })
    expect(await content(standIn)).toMatchObject({ at: toLsn(5) })
    standIn.replication.written.wrote(createRequestState('request'), standIn.position(9))
    expect(await content(standIn)).toMatchObject({ at: toLsn(9) })
  })

  test('is signed where there is a secret', async () => {
    const standIn = new FakeDatabase({ at: 5 })
    standIn.replication.signsWith(secrets)
    expect(await content(standIn, secrets)).toMatchObject({ at: toLsn(5) })
    expect(await content(standIn, ['another secret that is long enough as well'])).toBeUndefined()
  })

  test('is a time where the server does not say where it stands; why, where that can be put right', async () => {
    const before = Date.now()
    expect(await content(new FakeDatabase({ source: untold }))).toEqual({ until: expect.any(Number) })
    expect(((await content(new FakeDatabase({ source: untold }))) as { until: number }).until).toBeGreaterThan(before)
    const why = new Error('switch them on')
    await expect(content(new FakeDatabase({ source: { ...untold, whyNoPosition: () => why } }))).rejects.toBe(why)
  })

  test('is a time where its request has written something of which there is no position', async () => {
    const standIn = new FakeDatabase({ at: 5 })
    const scope = createScope(createRequestState('request'))
    standIn.replication.written.wrote(scope.request, standIn.position(4))
    expect(await runInScope(scope, () => content(standIn))).toMatchObject({ at: toLsn(5) })
    standIn.replication.written.wrote(scope.request, undefined)
    expect(await runInScope(scope, () => content(standIn))).toEqual({ until: expect.any(Number) })
  })
})

describe('to wait for a token', () => {
  test('of another database is no wait', async () => {
    const standIn = new FakeDatabase()
    await standIn.replication.waitFor(encodeToken(new Map([['other', standIn.position(9)]]), []))
    expect(standIn.asked).toBe(0)
  })

  test('on a primary is to ask whether it is still the one', async () => {
    const standIn = new FakeDatabase({ role: 'primary', at: 5 })
    await standIn.replication.waitFor(token(standIn, 9))
    expect(standIn.asked).toBe(1)
    await expect(standIn.replication.waitFor(token(standIn, 4, { epoch: 2 }))).rejects.toMatchObject({
      reason: 'stale-primary',
    })
    standIn.role = 'replica'
    await expect(standIn.replication.waitFor(token(standIn, 9), { timeoutMs: 20 })).rejects.toMatchObject({
      reason: 'stale',
    })
    await standIn.replication.end()
  })

  test('on a replica ends when that has it, or in time with a refusal', async () => {
    const standIn = new FakeDatabase({ at: 5, replication: { replayCostMs: 1 } })
    const waiting = standIn.replication.waitFor(token(standIn, 6))
    await new Promise((resolve) => setTimeout(resolve, 60))
    standIn.at = 6
    await waiting
    await expect(standIn.replication.waitFor(token(standIn, 9), { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: 'stale',
    })
    await standIn.replication.end()
  })

  test('where no position can be had says why', async () => {
    const why = new Error('switch them on')
    const standIn = new FakeDatabase({ source: { ...untold, whyNoPosition: () => why } })
    await expect(standIn.replication.waitFor(token(standIn, 9), { timeoutMs: 20 })).rejects.toBe(why)
    await standIn.replication.end()
  })

  test('ends with its abort, before and while it waits', async () => {
    const standIn = new FakeDatabase()
    const client = new AbortController()
    const waiting = standIn.replication.waitFor(token(standIn, 9), { timeoutMs: 60_000, signal: client.signal })
    const reason = new Error('gone')
    client.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    const { asked } = standIn
    await expect(standIn.replication.waitFor(token(standIn, 9), { signal: client.signal })).rejects.toBe(reason)
    expect(standIn.asked).toBeLessThanOrEqual(asked + 1)
    await standIn.replication.end()
  })
})

describe('its status', () => {
  test('is what the server says, and where that is', async () => {
    const lag = {
      instance: 'i',
      role: 'replica',
      cluster: 'c',
      epoch: 1,
      at: '0/5',
      lagBytes: 3,
      lagSeconds: 4,
    } as const
    const standIn = new FakeDatabase({ source: { probeLag: async () => lag } })
    expect(await standIn.replication.status()).toEqual({
      role: 'replica',
      region: 'ams',
      position: '0/5',
      lagBytes: 3,
      lagSeconds: 4,
      replicaUnavailable: false,
    })
    standIn.replication.prober.reportUnreachable(new Error('down'))
    expect(await standIn.replication.status()).toMatchObject({ replicaUnavailable: true })
    await standIn.replication.end()
    const writable = new FakeDatabase({ source: { probeLag: async () => ({ ...lag, acceptsWrites: true }) } })
    expect(await writable.replication.status()).toMatchObject({ acceptsWrites: true })
  })

  test('names the region of the endpoint that plays the role, where it has one', async () => {
    const { topology } = new FakeDatabase().replication
    const { primary, local } = topology
    const places = { ...topology, primary: { ...primary, region: 'ord' }, local: { ...local, region: 'fra' } }
    const standIn = new FakeDatabase({ replication: { topology: places } })
    expect(await standIn.replication.status()).toMatchObject({ role: 'replica', region: 'fra' })
    standIn.role = 'primary'
    expect(await standIn.replication.status()).toMatchObject({ role: 'primary', region: 'ord' })
  })
})

test('what was learned of the lag is void when the server was lost', async () => {
  const standIn = new FakeDatabase({ source: { checksReads: true } })
  const { freshness, servers, prober } = standIn.replication
  await prober.probe()
  await freshness.catchUp(standIn.position(9, { time: Date.now() - 3_600_000 }), { timeoutMs: 20 })
  expect(freshness.assess(standIn.position(10), servers.local)).toBe('behind')
  prober.connectionLost()
  await prober.probe()
  expect(freshness.assess(standIn.position(10), servers.local)).toBe('likely')
  await standIn.replication.end()
})

test('its end ends waits, probes and the source', async () => {
  let ended = 0
  const standIn = new FakeDatabase({ source: { end: async () => void ended++ } })
  const waiting = standIn.replication.freshness.catchUp(standIn.position(9), { timeoutMs: 60_000, patient: true })
  await standIn.replication.end()
  expect([await waiting, ended]).toEqual([false, 1])
  standIn.replication.prober.reportUnreachable(new Error('down'))
  expect(standIn.replication.prober.isUnavailable).toBe(false)
})
