import { once } from 'node:events'
import { inspect } from 'node:util'
import { runOnPrimary } from '@flyroute/core'
import { createDriver, createPool } from '@flyroute/pg'
import { fieldsOf, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// What a pool is made with: the driver's options, ours, and the environment; and what of it can be seen.

const bench = new Bench('create table item (id int primary key)')

const secret = (url: string): string => new URL(url).password

describe('without any URL', () => {
  test('making it never fails, and connecting fails as the driver’s own', async () => {
    const [ours, theirs] = [createPool({ env: {} }), new pg.Pool()]
    const [found, expected] = [await rejection(ours.query('select 1')), await rejection(theirs.query('select 1'))]
    expect([found.code, found.message]).toEqual([expected.code, expected.message])
    await Promise.all([ours.end(), theirs.end()])
  })

  test('off Fly nothing is replayed or refused', () => {
    expect(createPool({ env: {} }).replication.topology).toMatchObject({ role: 'primary', inPrimaryRegion: true })
  })

  test('half a configuration is one error, with all that is wrong, when it is made', () => {
    const make = (): unknown =>
      createPool({
        env: { FLY_REGION: 'ams', DATABASE_REPLICA_URL: 'postgres://u:hidden@h/d', DATABASE_URL: 'mysql:/\\' },
      })
    expect(make).toThrow(/ERR_CONFIGURATION/)
    expect(make).not.toThrow(/hidden/)
  })
})

describe('the driver’s own words', () => {
  test('pieces, with the password as text, as a function, and by a promise', async () => {
    const { hostname: host, port, username: user, password } = new URL(bench.cluster.primary.url)
    for (const asked of [password, () => password, async () => password]) {
      const pool = createPool({ host, port: Number(port), user, password: asked, database: 'app', env: {} })
      expect((await pool.query('select current_user as u')).rows).toEqual([{ u: 'app' }])
      await pool.end()
    }
  })

  test('a password that is asked for goes with the URLs of replica and primary as well', async () => {
    const password = (): string => secret(bench.cluster.primary.url)
    const without = (url: string): string => url.replace(/:[0-9a-f]{32}@/, '@')
    const pool = createPool({
      env: {
        ...bench.env,
        DATABASE_URL: without(bench.cluster.primary.url),
        DATABASE_URL_AMS: without(bench.replica.url),
      },
      password,
    })
    expect((await pool.query('select pg_is_in_recovery() as r')).rows).toEqual([{ r: true }])
    expect((await runOnPrimary(() => pool.query('select pg_is_in_recovery() as r'))).rows).toEqual([{ r: false }])
    expect(await pool.replication.status()).toMatchObject({ role: 'replica' })
    await pool.end()
  })

  test('a URL with parameters', async () => {
    const pool = createPool({
      connectionString: `${bench.cluster.primary.url}?application_name=mine&options=-c%20search_path%3Dother`,
      env: {},
    })
    const { rows } = await pool.query(
      "select current_setting('application_name') as a, current_setting('search_path') as s",
    )
    expect(rows).toEqual([{ a: 'mine', s: 'other' }])
    await pool.end()
  })

  test('ssl that the server does not have fails as with the driver', async () => {
    const config = { connectionString: bench.cluster.primary.url, ssl: true }
    const [ours, theirs] = [createPool({ ...config, env: {} }), new pg.Pool(config)]
    expect((await rejection(ours.query('select 1'))).message).toBe((await rejection(theirs.query('select 1'))).message)
    await Promise.all([ours.end(), theirs.end()])
  })

  test('a wrong password fails as with the driver, and shows in nothing', async () => {
    const connectionString = bench.cluster.primary.url.replace(/:[0-9a-f]{32}@/, ':wr0ngly@')
    const [ours, theirs] = [createPool({ connectionString, env: {} }), new pg.Pool({ connectionString })]
    const [found, expected] = [await rejection(ours.query('select 1')), await rejection(theirs.query('select 1'))]
    expect(fieldsOf(found)).toEqual(fieldsOf(expected))
    expect(inspect(found, { depth: 20, showHidden: true })).not.toContain('wr0ngly')
    await Promise.all([ours.end(), theirs.end()])
  })

  test('max, maxUses, maxLifetimeSeconds, min, idleTimeoutMillis, allowExitOnIdle', async () => {
    const pool = bench.far({ max: 1, maxUses: 2 })
    const pid = async (): Promise<unknown> => (await pool.query('select pg_backend_pid() as pid')).rows[0]
    const pids = [await pid(), await pid(), await pid()]
    expect(pids[0]).toEqual(pids[1])
    expect(pids[2]).not.toEqual(pids[1])
    for (const options of [{ idleTimeoutMillis: 50, allowExitOnIdle: true }, { maxLifetimeSeconds: 0.05 }]) {
      const short = bench.far(options)
      const removed = once(short, 'remove')
      await short.query('select 1')
      await removed
      expect(short.totalCount).toBe(0)
    }
  })

  test('onConnect and verify', async () => {
    const seen: string[] = []
    const pool = bench.far({
      max: 1,
      onConnect: async (client: pg.ClientBase) => {
        await client.query("set search_path to 'elsewhere'")
        seen.push('onConnect')
      },
      verify: (_client: unknown, done: (error?: Error) => void) => {
        seen.push('verify')
        done()
      },
    } as never)
    expect((await pool.query('show search_path')).rows).toEqual([{ search_path: 'elsewhere' }])
    expect(seen).toEqual(['onConnect', 'verify'])
  })

  test('end: by promise, by callback, and twice', async () => {
    const [one, two] = [createPool({ env: bench.env }), createPool({ env: bench.env })]
    await one.query('select 1')
    await runOnPrimary(() => one.query('select 1'))
    await one.end()
    expect(await rejection(one.end())).toMatchObject({ message: 'Called end on pool more than once' })
    expect(await rejection(one.query('select 1'))).toMatchObject({
      message: 'Cannot use a pool after calling end on the pool',
    })
    await two.query('select 1')
    await new Promise<void>((resolve) => two.end(() => resolve()))
  })
})

test('a connection to the local server that does not come about is given up after five seconds; the app may say otherwise', async () => {
  // A wire that nothing ever comes out of.
  await using wire = await Wire.to(bench.replica.port)
  wire.delay(600_000)
  const pool = bench.far({
    env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) },
    // For the way to the primary as well: a busy machine has to manage that in time.
    connectionTimeoutMillis: 500,
  })
  const begun = performance.now()
  expect((await pool.query('select pg_is_in_recovery() as r')).rows).toEqual([{ r: false }])
  expect(performance.now() - begun).toBeLessThan(4_500)
  await pool.end()
})

describe('secrets', () => {
  test('are in nothing that is printed: the pool, its clients, the driver, the errors', async () => {
    const pool = bench.far()
    const client = await pool.connect()
    await runOnPrimary(() => pool.query('select 1'))
    const driver = createDriver({ env: bench.env })
    const error = await rejection(pool.query('delete from item'))
    const all = { depth: 20, showHidden: false } as const
    const shown = [
      inspect(pool, all),
      inspect(client, all),
      inspect(pool.options, all),
      inspect(pool.replication, { ...all, showHidden: true }),
      inspect(driver, all),
      inspect(error, { ...all, showHidden: true }),
      error.stack ?? '',
      JSON.stringify([pool.replication, pool.replication.topology, error, await pool.replication.status()]),
      JSON.stringify(pool.options),
    ]
    client.release()
    expect(shown.map((text) => text.includes(secret(bench.cluster.primary.url)))).toEqual(shown.map(() => false))
  })
})
