import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { FlyrouteEvent, FlyrouteEvents } from '../src/events.ts'
import { replayable } from '../src/node.ts'
import { estimateReplayMs } from '../src/replication/price.ts'
import { Connection, head } from './support/http.ts'
import { cookieOf, Regions } from './support/postgres.ts'

const regions = new Regions('create table note (id serial primary key, text text)')
const names = Object.keys({
  connected: 0,
  'primary-unavailable': 0,
  lag: 0,
  'no-middleware': 0,
  'connection-kept': 0,
  'key-mismatch': 0,
  write: 0,
  statement: 0,
  request: 0,
  replay: 0,
  arrival: 0,
  placement: 0,
  waiting: 0,
  wait: 0,
  fallback: 0,
  'role-mismatch': 0,
  'replica-unavailable': 0,
  'replica-available': 0,
  'late-statement': 0,
  'token-missed': 0,
  'position-unavailable': 0,
  'mostly-writes': 0,
  notice: 0,
} satisfies Record<FlyrouteEvent, 0>) as FlyrouteEvent[]

/** By distance. */
const oceanMs = estimateReplayMs('ams', 'ord')

const told: { [Event in FlyrouteEvent]?: FlyrouteEvents[Event][] } = {}
const listeners = names.map(
  (name) => [name, (message: unknown) => void (told[name] ??= []).push(message as never)] as const,
)
beforeEach(() => {
  for (const name of names) delete told[name]
  for (const [name, listener] of listeners) subscribe(`flyroute:${name}`, listener)
})
afterEach(() => {
  for (const [name, listener] of listeners) unsubscribe(`flyroute:${name}`, listener)
})
const until = async (event: FlyrouteEvent): Promise<void> => {
  while (told[event] === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
}

const secret = 'hunter2 in a statement'
const insert = `insert into note (text) values ('${secret}')`
const app = () =>
  regions.serve((pool) =>
    replayable(
      async (request, response) => {
        if (request.url === '/late') response.on('finish', () => void pool.query(insert).catch(() => undefined))
        else await pool.query(request.url === '/read' ? 'select 1' : insert)
        response.end('ok')
      },
      { databases: [pool], replayBeforeHandler: [] },
    ),
  )

test('tells of writes, replays, fallbacks and tokens that come too late', async () => {
  await using fly = await app()
  expect(await fly.send('ams', 'GET', '/write')).toMatchObject({ status: 200, region: 'ord' })
  expect(told.write).toEqual([{ database: 'app', access: 'write', detail: 'insert', sentTo: 'nowhere' }])
  expect(told.replay).toEqual([{ reason: 'write', detail: 'insert', from: 'ams', target: 'ord', priceMs: oceanMs }])
  expect(told.fallback).toBeUndefined()

  expect(await fly.send('ams', 'POST', '/write', {}, 'x'.repeat(1_000_001))).toMatchObject({
    status: 200,
    region: 'ams',
  })
  expect(told.write?.at(-1)).toMatchObject({ sentTo: 'primary' })
  expect(told.fallback).toEqual([{ database: 'app', reason: 'body-too-large' }])

  expect(told['token-missed']).toBeUndefined()
  await fly.send('ams', 'GET', '/late')
  await until('token-missed')
  expect(told['token-missed']).toEqual([{ database: 'app' }])
  expect(told.fallback?.at(-1)).toEqual({ database: 'app', reason: 'response-begun' })
})

test('tells what each statement and each request came to', async () => {
  await using fly = await app()
  await fly.send('ams', 'GET', '/read')
  const answered = { database: 'app', dialect: 'postgres', durationMs: expect.any(Number), code: undefined }
  expect(told.statement).toEqual([{ ...answered, server: 'local', access: 'read', reason: 'select' }])
  expect(told.request).toEqual([{ outcome: 'local', reason: 'local' }])
  await fly.send('ams', 'GET', '/write')
  expect(told.statement?.slice(1)).toEqual([{ ...answered, server: 'local', access: 'write', reason: 'insert' }])
  expect(told.request?.slice(1)).toEqual([
    { outcome: 'replayed', reason: 'write' },
    { outcome: 'local', reason: 'replayed-write' },
  ])
  expect(told.arrival).toEqual([
    { database: 'app', reason: 'write', from: 'ams', trace: undefined, isProven: expect.any(Boolean) },
  ])
  await fly.send('ams', 'POST', '/write', {}, 'x'.repeat(1_000_001))
  expect(told.statement?.at(-1)).toEqual({ ...answered, server: 'primary', access: 'write', reason: 'insert' })
  expect(told.request?.at(-1)).toEqual({ outcome: 'primary', reason: 'local' })
  const forged = { 'fly-replay-src': 'region=ord;state=flyroute:write@app' }
  expect((await fly.send('ams', 'GET', '/read', forged)).status).toBe(503)
  expect(told.request?.at(-1)).toEqual({ outcome: 'refused', reason: 'loop' })
})

test('carries what a subscriber says of its trace, and nothing else that it says', async () => {
  await using fly = await app()
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  for (const [said, arrives] of [
    [trace, trace],
    [trace.toUpperCase(), undefined],
    [`${trace};region=gru`, undefined],
    [trace.replace('b7ad6b7169203331', '0000000000000000'), undefined],
  ]) {
    const says = (message: unknown): void => void ((message as FlyrouteEvents['replay']).trace = said)
    subscribe('flyroute:replay', says)
    expect((await fly.send('ams', 'GET', '/write')).region).toBe('ord')
    unsubscribe('flyroute:replay', says)
    expect(told.arrival?.at(-1)?.trace).toBe(arrives)
  }
})

test('tells of waits, with what was expected of them', async () => {
  await using fly = await app()
  // What is held gets there while it is waited for. Where it is there before anybody asks, nobody waits.
  while (!told.wait?.some(({ reached }) => reached)) {
    await regions.replica.pauseReplay()
    const written = await fly.send('ams', 'GET', '/write')
    const reading = fly.send('ams', 'GET', '/read', cookieOf(written))
    await regions.replica.resumeReplay()
    await reading
    await regions.cluster.caughtUp()
  }
  expect(told.wait?.at(-1)).toMatchObject({ database: 'app', reached: true, waitedMs: expect.any(Number) })
  await regions.replica.pauseReplay()
  const hidden = await fly.send('ams', 'GET', '/write')
  await fly.send('ams', 'GET', '/read', cookieOf(hidden))
  await regions.replica.resumeReplay()
  expect(told.wait?.at(-1)).toMatchObject({ reached: false })
  expect(told.waiting?.slice(-2)).toEqual([1, 0].map((requests) => ({ database: 'app', requests })))
  expect(told.replay?.at(-1)).toEqual({
    reason: 'stale',
    detail: undefined,
    from: 'ams',
    target: 'ord',
    priceMs: oceanMs,
  })
})

test('tells of a position that cannot be had, and the write goes through', async () => {
  await using fly = await app()
  const rights = (verb: string): Promise<unknown> =>
    regions.primary.query(
      `${verb} execute on function pg_current_wal_flush_lsn() ${verb === 'grant' ? 'to' : 'from'} public`,
    )
  await rights('revoke')
  try {
    const written = await fly.send('ord', 'POST', '/write')
    expect(written.status).toBe(200)
    expect(told['position-unavailable']).toEqual([expect.objectContaining({ database: 'app', code: '42501' })])
    expect(cookieOf(written)).not.toEqual({})
  } finally {
    await rights('grant')
  }
})

test('tells of a replica that goes and comes, and keeps serving', async () => {
  await using fly = await app()
  expect((await fly.send('ams', 'GET', '/read')).region).toBe('ams')
  await regions.replica.kill()
  // A connection that dies under a statement may do so without a code; one that cannot be made has one.
  const pool = fly.pool('ams')
  while (pool.totalCount > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await fly.send('ams', 'GET', '/read')).toMatchObject({ status: 200, region: 'ord' })
  await until('replica-unavailable')
  expect(told['replica-unavailable']).toEqual([
    { database: 'app', setting: 'DATABASE_URL_AMS', code: expect.any(String) },
  ])
  expect(told.replay?.at(-1)).toMatchObject({ reason: 'unavailable' })
  await regions.replica.start()
  await until('replica-available')
  expect(told['replica-available']).toEqual([{ database: 'app', setting: 'DATABASE_URL_AMS' }])
  expect(await fly.send('ams', 'GET', '/read')).toMatchObject({ status: 200, region: 'ams' })
})

test('tells where the settings are not what the server says, and what should be known of them', async () => {
  const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: regions.primary.url }
  await using pool = regions.pool('ams', {
    env: { ...env, DATABASE_URL_AMS: regions.primary.url.replace('127.0.0.1', 'localhost') },
  })
  await pool.query('select 1')
  expect(told['role-mismatch']).toEqual([
    { database: 'app', expected: 'replica', found: 'primary', setting: 'DATABASE_URL_AMS' },
  ])
  await using far = regions.pool('ams', { env: { ...env, FLY_REGION: 'lhr', DATABASE_URL_AMS: regions.replica.url } })
  expect(told.notice).toEqual([{ database: 'app', message: expect.stringContaining('ams') }])
  expect(far.replication.topology.role).toBe('replica')
})

test('tells nobody else a secret', async () => {
  await using fly = await app()
  const written = await fly.send('ams', 'POST', '/write', { authorization: 'Bearer abc' }, secret)
  await fly.send('ams', 'GET', '/read', cookieOf(written))
  await fly.send('ams', 'GET', '/late')
  await until('token-missed')
  using broken = new Connection(fly.port('ams'))
  broken.write(head('POST', `/write?${encodeURIComponent(secret)}`, { 'content-length': '2000000' }))
  const all = JSON.stringify(told)
  const passwords = [regions.primary.url, regions.replica.url].map((url) => new URL(url).password)
  const token = cookieOf(written).cookie?.slice('flyroute='.length)
  for (const word of [...passwords, token, 'hunter2', 'Bearer', 'insert into', 'postgres:'])
    expect(all).not.toContain(word)
})
