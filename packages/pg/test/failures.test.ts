import { channel } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { failedRequest, inRequest, rejection } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import QueryStream from 'pg-query-stream'
import { Bench, knowsRoutines } from './support/open.ts'
import { Wire } from './support/wire.ts'

// A replica that goes away in all its ways: no crash, no lost read, no leaked connection, and the way back.

const bench = new Bench(`
  create table item (id int primary key); insert into item select generate_series(1, 1000);
  create procedure add() language sql as $$ insert into item select max(id) + 1 from item $$;
  create function hidden() returns int language sql as $$ insert into item select max(id) + 1 from item returning id $$`)

const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', note).on('uncaughtException', note))
afterAll(() => {
  process.off('unhandledRejection', note).off('uncaughtException', note)
  expect(unhandled).toEqual([])
})

const where = 'select pg_is_in_recovery() as replica'
const onReplica = [{ replica: true }]
const onPrimary = [{ replica: false }]

async function back(pool: pg.Pool, timeoutMs = 5_000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs
  for (;;) {
    const { rows } = await pool.query(where)
    if ((rows[0] as { replica: boolean }).replica) return
    if (Date.now() > giveUpAt) throw new Error('Still on the primary')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Ends the process of a connection on the replica, by an administrator. */
async function terminate(pid: number): Promise<void> {
  await bench.replica.query('select pg_terminate_backend($1, 5000)', [pid])
}

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

async function pidOf(client: pg.Pool | pg.PoolClient): Promise<number> {
  const { rows } = await (client as pg.Pool).query('select pg_backend_pid() as pid')
  return (rows[0] as { pid: number }).pid
}

test('an idle connection that dies is no more than a new connection', async () => {
  const pool = bench.far({ max: 1 })
  await terminate(await pidOf(pool))
  await back(pool, 1_000)
  expect(pool.totalCount).toBe(1)
})

test('a connection that dies while it is checked out does not end the process', async () => {
  const pool = bench.far({ max: 1 })
  const client = await pool.connect()
  await terminate(await pidOf(client))
  // What it can still do is done on the primary, one statement by itself.
  expect((await client.query(where)).rows).toEqual(onPrimary)
  client.release()
  await back(pool, 1_000)
})

test.each<[string, (use: () => Promise<void>) => Promise<void>]>([
  ['runOnPrimary has given out', runOnPrimary],
  ['a session that has moved has there', (use) => use()],
])('nor does one to the primary that %s, however it ends', async (_, around) => {
  await using wire = await Wire.to(bench.cluster.primary.port)
  const env = { ...bench.env, DATABASE_URL: wire.url(bench.cluster.primary.url) }
  const ends = [
    (pid: number) => bench.cluster.primary.query('select pg_terminate_backend($1, 5000)', [pid]),
    async () => wire.cut(),
  ]
  for (const end of ends) {
    const pool = bench.far({ env, outsideRequest: 'primary' })
    await around(() =>
      withClient(pool, async (client) => {
        await client.query('delete from item where id = 0')
        await end(await pidOf(client))
        // One of its own: to the app it is that connection which has died.
        expect(String(await rejection(client.query(where)))).toMatch(/terminat|not queryable|ECONNRESET/)
      }),
    )
  }
})

test.each<[string, (pool: pg.Pool, sql: string) => Promise<unknown>]>([
  ['pool.query', async (pool, sql) => (await pool.query(sql)).rows],
  ['pool.query by callback', (pool, sql) => new Promise((resolve, reject) => {
    pool.query(sql, (error: unknown, result: pg.QueryResult) => (error ? reject(error) : resolve(result.rows)))
  })], // biome-ignore format: short
  ['client.query', async (pool, sql) => {
    const client = await pool.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      client.release()
    }
  }], // biome-ignore format: short
])(
  '57P01 in the middle of a read, by %s: replayed in a request, made on the primary outside of one',
  async (_, query) => {
    const pool = bench.far({ max: 1 })
    const slow = 'select pg_is_in_recovery() as replica from pg_sleep(0.3)'
    const interrupted = async <T>(run: () => Promise<T>): Promise<T> => {
      const pid = await pidOf(pool)
      const reading = run()
      reading.catch(() => undefined)
      await running(pid)
      await terminate(pid)
      return reading
    }
    expect(await interrupted(() => query(pool, slow))).toEqual(onPrimary)
    await back(pool)
    const { error, state } = await interrupted(() => failedRequest(() => query(pool, slow)))
    expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable', cause: { code: '57P01' } })
    expect(state.refusal).toBe(error)
    await back(pool)
    expect(
      await interrupted(async () => (await inRequest(() => query(pool, slow), { obstacle: 'upgrade' })).value),
    ).toEqual(onPrimary)
  },
)

test('in a transaction that has read, the error is the app’s; in a request it is a replay', async () => {
  const pool = bench.far({ max: 1 })
  const transaction = async (): Promise<unknown> => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      await terminate(await pidOf(client))
      return await client.query(where)
    } finally {
      client.release()
    }
  }
  expect(await rejection(transaction())).not.toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
  await back(pool)
  const { error } = await failedRequest(transaction)
  expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
})

test('a transaction that has only begun is begun on the primary', async () => {
  const pool = bench.far({ max: 1 })
  await withClient(pool, async (client) => {
    const pid = await pidOf(client)
    await client.query('begin isolation level repeatable read')
    await terminate(pid)
    expect((await client.query(where)).rows).toEqual(onPrimary)
    expect((await client.query('show transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'repeatable read' },
    ])
    expect((await client.query('commit')).command).toBe('COMMIT')
  })
  await back(pool)
})

test('40001, a read that replay has cancelled: made once on the primary, in a request too', async () => {
  await bench.replica.settings({ max_standby_streaming_delay: 0, hot_standby_feedback: 'off' })
  try {
    const pool = bench.far({ max: 1 })
    for (const run of [
      (fn: () => Promise<pg.QueryResult>) => fn(),
      async (fn: () => Promise<pg.QueryResult>) => (await inRequest(fn)).value,
    ]) {
      const pid = await pidOf(pool)
      const reading = run(() =>
        pool.query(
          'select pg_is_in_recovery() as replica, count(*)::int > 0 as any from item, pg_sleep(0.5) group by 1',
        ),
      )
      await running(pid)
      await bench.cluster.primary.query('delete from item where id in (select id from item limit 300)')
      await bench.cluster.primary.query('vacuum item')
      expect((await reading)?.rows).toEqual([{ replica: false, any: true }])
      expect((await pool.query(where)).rows).toEqual(onReplica)
    }
  } finally {
    await bench.replica.settings({ max_standby_streaming_delay: null, hot_standby_feedback: null })
  }
})

test('57P03: a server that is shutting down takes no more connections', async () => {
  const pool = bench.far({ max: 2 })
  const client = await pool.connect()
  await client.query('begin')
  const [row] = await bench.replica.query<{ data_directory: string }>('show data_directory')
  const pid = Number((await readFile(`${row?.data_directory}/postmaster.pid`, 'utf8')).split('\n')[0])
  process.kill(pid, 'SIGTERM') // Waits for the sessions that there are.
  const { error } = await failedRequest(() => pool.query(where))
  expect(error).toMatchObject({ reason: 'unavailable', cause: { code: '57P03' } })
  expect((await pool.query(where)).rows).toEqual(onPrimary)
  await client.query('rollback')
  client.release(true)
  await bench.replica.kill()
  await bench.replica.start()
  await back(pool)
})

test('a replica that is down is not hammered, and the events tell', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
  const told: string[] = []
  const listeners = (['replica-unavailable', 'replica-available'] as const).map((name) => {
    const listen = (): unknown => told.push(name)
    channel(`flyroute:${name}`).subscribe(listen)
    return () => channel(`flyroute:${name}`).unsubscribe(listen)
  })
  await pool.query(where)
  const { port } = wire
  wire.port = 1 // Nobody listens there.
  wire.cut()
  const before = wire.connections
  const begun = performance.now()
  let seconds = 0
  for (let reads = 0; reads < 50 || seconds < 1; reads++) {
    expect((await pool.query(where)).rows).toEqual(onPrimary)
    seconds = (performance.now() - begun) / 1_000
  }
  // After some quick tries, one a second.
  expect(wire.connections - before).toBeLessThan(9 + seconds)
  wire.port = port
  await back(pool)
  for (const stop of listeners) stop()
  expect(told).toEqual(['replica-unavailable', 'replica-available'])
  await pool.end()
})

describe('nothing is written twice', () => {
  const call = 'call add()'

  test.each([call, 'select hidden()'])(
    '%s, on the primary in place of a replica that is down: its connection breaks',
    async (sql) => {
      await using wire = await Wire.to(bench.cluster.primary.port)
      const gone = bench.replica.url.replace(/:\d+\//, ':1/')
      const pool = bench.far({
        env: { ...bench.env, DATABASE_URL: wire.url(bench.cluster.primary.url), DATABASE_URL_AMS: gone },
      })
      wire.onStatement = (text, cut) => {
        if (text === sql) cut()
      }
      const outside = (): Promise<Error> => rejection(pool.query(sql))
      const inside = async (): Promise<Error> =>
        (await failedRequest(() => pool.query(sql), { obstacle: 'upgrade' })).error
      for (const run of [outside, inside]) {
        const before = wire.statements.length
        expect(await run()).toMatchObject({ message: expect.stringMatching(/terminated|ECONNRESET/) })
        expect(wire.statements.slice(before).filter((text) => text === sql)).toHaveLength(1)
      }
      await pool.end()
    },
  )

  test('one whose connection to the replica breaks is not tried again elsewhere; a read is', async () => {
    await using near = await Wire.to(bench.replica.port)
    await using home = await Wire.to(bench.cluster.primary.port)
    const env = {
      ...bench.env,
      DATABASE_URL: home.url(bench.cluster.primary.url),
      DATABASE_URL_AMS: near.url(bench.replica.url),
    }
    const pool = bench.far({ env })
    near.onStatement = (text, cut) => {
      if (text === call || text === where) cut()
    }
    await knowsRoutines(pool, 'hidden()')
    await expect(pool.query(call)).rejects.toThrow(/terminated|ECONNRESET/)
    expect(home.statements.filter((text) => text === call)).toEqual([])
    await back(bench.far())
    expect((await pool.query(where)).rows).toEqual(onPrimary)
    await pool.end()
  })
})

test('a replica that hangs, with more requests than connections: all are served, and soon', async () => {
  const pool = bench.far({ max: 2 })
  await Promise.all([pool.query(where), pool.query(where)])
  bench.replica.pauseProcess()
  const begun = performance.now()
  try {
    const results = await Promise.all(Array.from({ length: 10 }, () => pool.query(where)))
    expect(results.map(({ rows }) => rows)).toEqual(results.map(() => onPrimary))
    // One after the other, two at a time, would be 10 s and more.
    expect(performance.now() - begun).toBeLessThan(9_000)
  } finally {
    bench.replica.resumeProcess()
  }
  await back(pool)
})

test.each<[string, (client: pg.PoolClient) => unknown]>([
  ['ends', (client) => void client.end()],
  ['releases with an error', () => undefined],
])('an app that %s its own connection in the middle of a statement is no outage', async (_, leave) => {
  const pool = bench.far()
  await inRequest(async () => {
    const client = await pool.connect()
    const asleep = client.query('select pg_sleep(5)')
    leave(client)
    client.release(new Error('enough'))
    expect((await rejection(asleep)).message).toMatch(/terminated/)
  })
  const { rows } = await pool.query('select pg_is_in_recovery() as away')
  expect(rows).toEqual([{ away: true }])
})

test('a stream whose replica hangs ends with an error, and so does its pool', async () => {
  const pool = bench.far({ max: 2 })
  const client = await pool.connect()
  await pool.query('select 1')
  const stream = client.query(new QueryStream('select n from generate_series(1, 100000) n', [], { batchSize: 10 }))
  const read = (async () => {
    for await (const _ of stream) bench.replica.pauseProcess()
  })()
  try {
    const error = await rejection(read)
    expect(error.message).toMatch(/does not answer|terminated/)
    client.release(error)
    await pool.end()
  } finally {
    bench.replica.resumeProcess()
  }
}, 20_000)

test('a replica that is lost while a statement waits for it: there is the primary', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const env = { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) }
  const [near, far] = [bench.near(), bench.far({ env, max: 1, replayCostMs: 5_000 })]
  await back(far)
  // The name leads to another server by now: only the connection itself can ask its own.
  const other = await bench.cluster.addReplica('other')
  wire.port = other.port
  await far.replication.status()
  await bench.replica.pauseReplay()
  const { state } = await inRequest(() => near.query('insert into item select max(id) + 1 from item'))
  const needs = state.positions
  wire.onStatement = (text, cut) => {
    if (text.includes('pg_postmaster_start_time')) cut()
  }
  const scope = createScope(createRequestState('request'), needs)
  const asked = runInScope(scope, () => withClient(far, (client) => client.query('begin')))
  expect(await rejection(asked)).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
  await bench.replica.resumeReplay()
})

test('a pool that the app itself has exhausted is no replica that is down', async () => {
  const pool = bench.far({ max: 1, connectionTimeoutMillis: 500 })
  await back(pool)
  const expected = 'timeout exceeded when trying to connect'
  await withClient(pool, async () => {
    expect(await rejection(pool.query(where))).toMatchObject({ message: expected })
    expect((await failedRequest(() => pool.connect())).error).toMatchObject({ message: expected })
  })
  expect((await pool.query(where)).rows).toEqual(onReplica)
})

test('a primary that is down: the write fails as with the driver, and the scope knows why', async () => {
  await using wire = await Wire.to(bench.cluster.primary.port)
  const url = wire.url(bench.cluster.primary.url)
  const far = bench.far({ env: { ...bench.env, DATABASE_URL: url } })
  const near = bench.near({ env: { ...bench.env, FLY_REGION: 'ord', DATABASE_URL: url } })
  wire.port = 1
  for (const [pool, options] of [
    [far, { obstacle: 'upgrade' as const }],
    [near, {}],
  ] as const) {
    const { error, state } = await failedRequest(() => pool.query('insert into item values (0)'), options)
    expect(error).toMatchObject({ message: expect.stringMatching(/ECONNREFUSED|ECONNRESET|terminated/) })
    expect(state.primaryUnreachable).toBe(error)
  }
  await Promise.all([far.end(), near.end()])
})

test('connections to the primary that are all taken: no fault of the app, and the scope knows', async () => {
  const pool = bench.far({ primaryPool: { max: 1, connectionTimeoutMillis: 500 } })
  const client = (await runOnPrimary(() => pool.connect())) as pg.PoolClient
  const asking: (() => Promise<unknown>)[] = [
    () => pool.query('insert into item values (0)'),
    () => runOnPrimary(() => pool.connect()),
  ]
  for (const ask of asking) {
    const { error, state } = await failedRequest(ask, { obstacle: 'upgrade' })
    expect(error).toMatchObject({ message: 'timeout exceeded when trying to connect' })
    expect(state.primaryUnreachable).toBe(error)
  }
  client.release()
})

test('after all that, nothing is left open', async () => {
  const count = async (): Promise<number> => {
    const [row] = await bench.replica.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where usename = 'app'",
    )
    return row?.n ?? -1
  }
  await bench.endAll()
  const giveUpAt = Date.now() + 15_000
  while ((await count()) > 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(await count()).toBe(0)
})

/** Waits until the server is at a statement of this connection. */
async function running(pid: number): Promise<void> {
  for (;;) {
    const rows = await bench.replica.query(
      "select from pg_stat_activity where pid = $1 and state = 'active' and wait_event = 'PgSleep'",
      [pid],
    )
    if (rows.length > 0) return
  }
}
