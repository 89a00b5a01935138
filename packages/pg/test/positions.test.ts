import { channel } from 'node:diagnostics_channel'
import { finished } from 'node:stream/promises'
import { runWithConsistency } from '@flyroute/core'
import type { Freshness, RequestState } from '@flyroute/core/adapter'
import { createPool } from '@flyroute/pg'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import QueryStream from 'pg-query-stream'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// The position of a write is in hand when its promise resolves, whatever wrote, and at no round trip of its own.

const bench = new Bench(
  `create table item (id serial primary key, n int unique);
   create sequence counter;
   create function writes() returns int language sql as $$ insert into item default values returning id $$;
   create procedure add() language sql as $$ insert into item default values $$`,
  { replicas: 1, settings: { wal_writer_delay: '10s', max_prepared_transactions: 5 } },
)

const insert = 'insert into item default values'

/** What the scope has of the position, at the moment that `use` is over. */
async function positionOf(
  use: (pool: pg.Pool) => Promise<unknown>,
  options: Partial<RequestState> = {},
): Promise<Freshness | undefined> {
  const { value } = await inRequest(async (state) => {
    await use(bench.near({ functions: { write: ['writes'] } }))
    return state.positions.get('app')
  }, options)
  return value
}

const aPosition = {
  cluster: expect.stringMatching(/^\d+$/),
  epoch: 1,
  at: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
}

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

/** The statements that a wire has seen, without the question which routines there are: that is asked beside them. */
function ofTheApp({ statements }: Wire): string[] {
  return statements.filter((sql) => !sql.includes('pg_proc'))
}

/** The statements on one client, one after the other. */
function all(...statements: string[]): (pool: pg.Pool) => Promise<unknown> {
  return (pool) =>
    withClient(pool, async (client) => {
      for (const sql of statements) await client.query(sql).catch(() => undefined)
    })
}

describe('there is one', () => {
  test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
    ['behind an autocommit write', (pool) => pool.query(insert)],
    ['with values', (pool) => pool.query('insert into item (n) values ($1)', [1])],
    ['by callback', (pool) => new Promise((resolve) => pool.query(insert, resolve))],
    ['of a named statement', (pool) => pool.query({ name: 'insert', text: insert })],
    ['whose text was given before', (pool) => withClient(pool, async (client) => {
      await client.query({ name: 'twice', text: insert })
      await client.query({ name: 'twice' } as never)
    })], // biome-ignore format: short
    ['behind INSERT … RETURNING', (pool) => pool.query(`${insert} returning id`)],
    [
      'behind a CTE that modifies',
      (pool) => pool.query('with gone as (delete from item returning *) select count(*) from gone'),
    ],
    ['behind nextval()', (pool) => pool.query("select nextval('counter')")],
    ['behind DO', (pool) => pool.query("do $$ begin execute 'insert into ' || 'item default values'; end $$")],
    ['behind CALL', (pool) => pool.query('call add()')],
    ['behind a function that the app has named', (pool) => pool.query('select writes()')],
    ['behind EXECUTE', all(`prepare i as ${insert}`, 'execute i')],
    ['behind COMMIT', all('begin', insert, 'commit')],
    [
      'behind COMMIT of what a savepoint has kept',
      all('begin', insert, 'savepoint s', 'select 1/0', 'rollback to s', 'end'),
    ],
    ['behind COMMIT AND CHAIN', all('begin', insert, 'commit and chain', 'select 1', 'rollback')],
    ['behind COMMIT PREPARED', all('begin', insert, "prepare transaction 'two'", "commit prepared 'two'")],
    ['behind several statements in a string', (pool) => pool.query(`${insert}; select 1`)],
    ['that are a transaction', (pool) => pool.query(`begin; ${insert}; commit`)],
    ['of which the last commits what others began', all('begin', insert, 'select 1; commit')],
    ['that begin what is committed later', all(`begin; ${insert}`, 'commit')],
    ['behind DDL', (pool) => pool.query('create table if not exists another (id int)')],
  ])('%s', async (_, use) => {
    expect(await positionOf(use)).toMatchObject(aPosition)
  })

  test('behind the COMMIT of what a text has begun, and written: a later one than before it', async () => {
    const { value } = await inRequest((state) =>
      withClient(bench.near(), async (client) => {
        await client.query(`begin; ${insert}`)
        const { writesUnderWay, positions } = state
        const before = positions.get('app')
        await client.query('commit')
        return { writesUnderWay, before, after: positions.get('app') }
      }),
    )
    expect(value).toMatchObject({ writesUnderWay: 1, after: aPosition })
    expect(value.after).not.toEqual(value.before)
  })

  test('behind statements that are not waited for, the last of which commits', async () => {
    const position = await positionOf((pool) =>
      withClient(pool, (client) => Promise.all(['begin', insert, 'commit'].map((sql) => client.query(sql)))),
    )
    expect(position).toMatchObject(aPosition)
  })

  test('with pipeline: true', async () => {
    const { value } = await inRequest(async (state) => {
      await withClient(bench.near({ pipeline: true }), (client) =>
        Promise.all(['begin', insert, 'commit', 'select 1'].map((sql) => client.query(sql))),
      )
      return state.positions.get('app')
    })
    expect(value).toMatchObject(aPosition)
  })

  test('behind everything in a request that was sent here because a replica refused what it does', async () => {
    expect(await positionOf((pool) => pool.query('select 1'), { captureAfterEveryStatement: true })).toMatchObject(
      aPosition,
    )
  })
})

describe('there is none', () => {
  test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
    ['behind reads', all('select 1', 'begin', 'select 1', 'commit', 'show all', 'set search_path to public')],
    ['behind what failed', all('insert into item (id) values (null)', 'insert into nowhere values (1)')],
    ['behind what was rolled back', all('begin', insert, 'rollback')],
    ['behind the COMMIT of what had failed', all('begin', insert, 'select 1/0', 'commit')],
    [
      'behind what was prepared and is not committed',
      all('begin', insert, "prepare transaction 'p'", "rollback prepared 'p'"),
    ],
  ])('%s', async (_, use) => {
    expect(await positionOf(use)).toBeUndefined()
  })

  test('and nothing is asked, where a part of the request does not care', async () => {
    await using wire = await Wire.to(bench.cluster.primary.port)
    const pool = bench.near({
      env: { ...bench.env, FLY_REGION: 'ord', DATABASE_URL: wire.url(bench.cluster.primary.url) },
    })
    await pool.query('select 1')
    wire.statements.length = 0
    const { state } = await inRequest(() =>
      runWithConsistency('none', async () => {
        await pool.query(insert)
        await all('begin', insert, 'commit')(pool)
        await withClient(pool, (client) => finished(client.query(new QueryStream(`${insert} returning id`)).resume()))
      }),
    )
    expect(state).toMatchObject({ committed: true, positions: new Map(), writesUnderWay: 0 })
    expect(ofTheApp(wire)).toEqual([insert, 'begin', insert, 'commit', `${insert} returning id`])
  })

  test('and nothing is asked off Fly, outside of a request', async () => {
    await using wire = await Wire.to(bench.cluster.primary.port)
    const pool = createPool({ connectionString: wire.url(bench.cluster.primary.url), env: {} })
    await pool.query(insert)
    await withClient(pool, async (client) => {
      await client.query('begin')
      await client.query(insert)
      await client.query('commit')
    })
    expect(ofTheApp(wire)).toEqual([insert, 'begin', insert, 'commit'])
    await pool.end()
  })
})

test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
  ['a statement', (pool) => pool.query(insert)],
  ['a transaction', all('begin', insert, 'commit')],
])('off Fly, the server says what it is behind the first write of a request: %s', async (_, write) => {
  const pool = createPool({ connectionString: bench.cluster.primary.url, env: {} })
  await pool.query('select 1')
  for (let i = 0; i < 2; i++) {
    const { state } = await inRequest(() => write(pool))
    expect(state.positions).toEqual(new Map([['app', expect.objectContaining(aPosition)]]))
  }
  await pool.end()
})

describe('what it costs', () => {
  test.each([
    ['an autocommit write', [insert]],
    ['a write with values', ['insert into item (n) select $1::int + 1000']],
    ['a transaction', ['begin', insert, insert, 'commit']],
  ])('%s: one small query, and no round trip', async (_, statements) => {
    await using wire = await Wire.to(bench.cluster.primary.port)
    const pool = createPool({
      connectionString: wire.url(bench.cluster.primary.url),
      env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' },
      max: 1,
    })
    await pool.query('select 1')
    const roundTripMs = 300
    wire.delay(roundTripMs / 2)
    let tookMs = Number.POSITIVE_INFINITY
    const mostMs = (statements.length + 0.9) * roundTripMs
    // A busy machine makes one late; a round trip more would make all of them late.
    for (let attempts = 0; attempts < 3 && tookMs >= mostMs; attempts++) {
      const before = ofTheApp(wire).length
      const begun = performance.now()
      const { state } = await inRequest(() =>
        withClient(pool, async (client) => {
          for (const sql of statements)
            await client.query(sql, sql.includes('$1') ? [Math.floor(Math.random() * 1e6)] : undefined)
        }),
      )
      tookMs = performance.now() - begun
      expect(state.positions.get('app')).toMatchObject(aPosition)
      const seen = ofTheApp(wire).slice(before)
      expect(seen).toEqual([...statements, expect.stringContaining('pg_current_wal_flush_lsn')])
    }
    expect(tookMs).toBeLessThan(mostMs)
    wire.delay(0)
    await pool.end()
  })
})

describe('synchronous_commit = off: nothing is on the disk yet when the write returns', () => {
  const off = "set synchronous_commit to 'off'"
  test.each<[string, (pool: pg.Pool) => Promise<unknown>]>([
    ['in the session', all(off, insert)],
    ['in the transaction', all('begin', 'set local synchronous_commit = off', insert, 'commit')],
    [
      'in the transaction, by set_config',
      all('begin', "select set_config('synchronous_commit', 'off', true)", insert, 'commit'),
    ],
    ['in the same string', (pool) => pool.query(`begin; set local synchronous_commit to off; ${insert}; commit`)],
    ['in a procedure', (pool) => pool.query('call quickly()')],
    ['for the role', (pool) => pool.query(insert)],
  ])('%s', async (where, use) => {
    const { primary } = bench.cluster
    await primary.query(`create or replace procedure quickly() language plpgsql as
      $$ begin set local synchronous_commit = off; insert into item default values; end $$; grant all on procedure quickly() to app`)
    if (where === 'for the role') await primary.query('alter role app set synchronous_commit = off')
    try {
      const position = (await positionOf(use)) as { at: string }
      expect(position).toMatchObject(aPosition)
      // The writer of the log is slow here: a position that is flushed already would be too early.
      const [flushed] = await primary.query<{ covers: boolean }>(
        `select pg_current_wal_flush_lsn() >= '${position.at}'::pg_lsn as covers`,
      )
      expect(flushed).toEqual({ covers: false })
      await primary.query("select pg_logical_emit_message(true, 'test', '')")
      await reached(position.at)
      expect(await newest(bench.replica)).toBe(await newest(primary))
    } finally {
      await primary.query('alter role app reset synchronous_commit')
    }
  })
})

test('a position at the edge of a page, inside somebody’s open transaction, is not waited for', async () => {
  const { primary } = bench.cluster
  await primary.settings({ wal_writer_delay: '10ms' })
  await using wire = await Wire.to(primary.port)
  const pool = createPool({
    connectionString: wire.url(primary.url),
    env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' },
  })
  const other = await bench.bare().connect()
  await other.query('begin')
  try {
    await other.query("create table big as select repeat('x', 1000) from generate_series(1, 300)")
    await eventuallyAligned()
    // It wrote nothing, as far as the log goes: only so is the edge still the end of what is flushed.
    const { state } = await inRequest(() => pool.query('select 1'), { captureAfterEveryStatement: true })
    const { at } = state.positions.get('app') as { at: string }
    expect(wire.statements).toContainEqual(expect.stringContaining('pg_logical_emit_message'))
    const begun = performance.now()
    await reached(at)
    // Else it is reached with what the next one writes: never, here.
    expect(performance.now() - begun).toBeLessThan(3_000)
  } finally {
    await other.query('rollback')
    other.release()
    await pool.end()
    await primary.settings({ wal_writer_delay: '10s' })
  }
})

describe('where it cannot be had, readers go to the primary for a while', () => {
  const untilSoon = { until: expect.any(Number) }

  async function told<T>(run: () => Promise<T>): Promise<unknown[]> {
    const messages: unknown[] = []
    const listen = (message: unknown): unknown => messages.push(message)
    channel('flyroute:position-unavailable').subscribe(listen)
    await run().finally(() => channel('flyroute:position-unavailable').unsubscribe(listen))
    return messages
  }

  test.each([
    'pg_control_system()',
    'pg_control_checkpoint()',
    'pg_current_wal_flush_lsn()',
    'pg_walfile_name(pg_lsn)',
  ])('the server refuses %s: writes go on, and it is said', async (name) => {
    const { primary } = bench.cluster
    await primary.query(`revoke execute on function ${name} from public`)
    try {
      const messages = await told(async () => {
        expect(await positionOf((pool) => pool.query(insert))).toEqual(untilSoon)
      })
      expect(messages).toContainEqual({ database: 'app', code: '42501' })
      const pool = bench.near()
      expect(await pool.replication.status()).toMatchObject({ role: 'primary' })
      expect(await pool.replication.currentToken()).toEqual(expect.any(String))
    } finally {
      await primary.query(`grant execute on function ${name} to public`)
    }
  })

  test('the connection is lost after COMMIT was sent: it may have happened', async () => {
    await using wire = await Wire.to(bench.cluster.primary.port)
    const pool = createPool({
      connectionString: wire.url(bench.cluster.primary.url),
      env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' },
    })
    wire.onStatement = (text, cut) => {
      if (text === 'commit') cut()
    }
    const { state, error } = await failedRequest(() =>
      withClient(pool, async (client) => {
        await client.query('begin')
        await client.query(insert)
        await client.query('commit')
      }),
    )
    expect(error).toMatchObject({ message: expect.any(String) })
    expect(state).toMatchObject({ committed: true, writesUnderWay: 0 })
    expect(state.positions.get('app')).toEqual(untilSoon)
    await pool.end()
  })

  test('and so after an autocommit write', async () => {
    await using wire = await Wire.to(bench.cluster.primary.port)
    const pool = createPool({
      connectionString: wire.url(bench.cluster.primary.url),
      env: { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' },
    })
    wire.onStatement = (text, cut) => {
      if (text === insert) cut()
    }
    const { state, error } = await failedRequest(() => pool.query(insert))
    expect(error).toMatchObject({ message: expect.any(String) })
    expect(state).toMatchObject({ committed: true, writesUnderWay: 0 })
    expect(state.positions.get('app')).toEqual(untilSoon)
    await pool.end()
  })

  test('a write that the server has answered with an error did not happen', async () => {
    const { state, error } = await failedRequest(() => bench.near().query('insert into item (id) values (null)'))
    expect(error).toMatchObject({ code: '23502' })
    expect(state).toMatchObject({ committed: false, writesUnderWay: 0 })
  })
})

describe('a write whose COMMIT is still to come', () => {
  test('keeps its request from being replayed, until ROLLBACK', async () => {
    await request(async () => {
      await withClient(bench.near(), async (client) => {
        const { state } = await inRequest(async (own) => {
          await client.query('begin')
          await client.query(insert)
          expect(own).toMatchObject({ writesUnderWay: 1, committed: false })
          await client.query('rollback')
        })
        expect(state).toMatchObject({ writesUnderWay: 0, committed: false })
      })
    })
  })
})

describe('monotonic reads', () => {
  test('take the position that they have seen, on the replica and on the primary', async () => {
    for (const pool of [bench.far(), bench.near()]) {
      const { state } = await inRequest(() => pool.query('select 1'), { consistency: 'monotonic' })
      expect(state.positions.get('app')).toMatchObject(aPosition)
      expect(state.committed).toBe(false)
    }
  })

  test('and fail as ever', async () => {
    const { error } = await failedRequest(() => bench.far().query('select 1/0'), { consistency: 'monotonic' })
    expect(error).toMatchObject({ code: '22012' })
  })
})

test('a custom parser of the app’s own does not change what we read', async () => {
  const types = { getTypeParser: () => () => 'mine' } as unknown as pg.CustomTypesConfig
  const { value, state } = await inRequest(() => bench.near({ types }).query(`${insert} returning id`))
  expect(value?.rows).toEqual([{ id: 'mine' }])
  expect(state.positions.get('app')).toMatchObject(aPosition)
})

test('the app’s query_timeout is that of its own statements', async () => {
  const pool = bench.near({ query_timeout: 200 })
  const { error, state } = await failedRequest(() => pool.query('insert into item (n) select 7 from pg_sleep(0.4)'))
  expect(error).toMatchObject({ message: 'Query read timeout' })
  expect(state.positions.get('app')).toEqual({ until: expect.any(Number) })
  // It kept its connection busy, and does not break it.
  const client = await pool.connect()
  await rejection(client.query('select pg_sleep(0.4)'))
  client.release(true)
  expect((await request(() => pool.query('select 1 as x'))).rows).toEqual([{ x: 1 }])
})

async function reached(at: string): Promise<void> {
  const giveUpAt = Date.now() + 10_000
  for (;;) {
    const [row] = await bench.replica.query<{ there: boolean }>(
      `select pg_last_wal_replay_lsn() >= '${at}'::pg_lsn as there`,
    )
    if (row?.there) return
    if (Date.now() > giveUpAt) throw new Error(`The replica has not reached ${at}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function newest({ query }: { query: typeof bench.replica.query }): Promise<number | undefined> {
  const [row] = await query.call(bench.replica, 'select max(id) as id from item')
  return (row as { id: number } | undefined)?.id
}

/** Waits until the log is flushed to the edge of a page, as its writer does it. */
async function eventuallyAligned(): Promise<void> {
  const giveUpAt = Date.now() + 10_000
  for (;;) {
    const [row] = await bench.cluster.primary.query<{ rest: string }>(
      "select (pg_current_wal_flush_lsn() - '0/0')::bigint % 8192 as rest",
    )
    if (row?.rest === '0') return
    if (Date.now() > giveUpAt) throw new Error('The log was never flushed to the edge of a page')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
