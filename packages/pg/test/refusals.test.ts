import { setTimeout } from 'node:timers/promises'
import { isPrimaryRequired } from '@flyroute/core'
import { createDriver } from '@flyroute/pg'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench, knowsRoutines } from './support/open.ts'

// On a replica: what is refused before a byte is sent, what the server refuses, and what it means afterwards.

const bench = new Bench(`
  create table item (id int primary key);
  insert into item values (1);
  create sequence counter;
  create function touch() returns int language plpgsql as $$ begin insert into item values (2); return 1; end $$;
  create procedure touch_all() language sql as $$ insert into item values (3) $$`)

/** A pool that has one connection, and its process on the server. */
async function connected(
  options: pg.PoolConfig = {},
): Promise<{ pool: pg.Pool; pid: number; statements(): Promise<string> }> {
  const pool = bench.far({ max: 1, ...options })
  const { rows } = await pool.query('select pg_backend_pid() as pid')
  const pid = (rows[0] as { pid: number }).pid
  return {
    pool,
    pid,
    /** The last statement that the server has had on this connection. */
    async statements() {
      const [row] = await bench.replica.query<{ query: string }>(`select query from pg_stat_activity where pid = $1`, [
        pid,
      ])
      return row?.query ?? 'disconnected'
    },
  }
}

test('a write is refused before a byte is sent, and costs no connection', async () => {
  const { pool, pid, statements } = await connected()
  let removed = 0
  pool.on('remove', () => removed++)
  await pool.query('select 42')
  for (let i = 0; i < 10; i++)
    expect(await rejection(pool.query('insert into item values (9)'))).toMatchObject({ reason: 'write' })
  expect(await statements()).toBe('select 42')
  const client = await pool.connect()
  expect(await rejection(client.query('update item set id = 1'))).toMatchObject({ reason: 'write' })
  expect(await statements()).toBe('select 42')
  client.release()
  expect(await pool.query('select pg_backend_pid() as pid')).toMatchObject({ rows: [{ pid }] })
  expect([removed, pool.totalCount]).toEqual([0, 1])
})

test('a refused write needs no connection at all', async () => {
  const pool = bench.far()
  expect(await rejection(pool.query('delete from item'))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
  expect(pool.totalCount).toBe(0)
})

test('refused in every form that a query has', async () => {
  const pool = bench.far({ max: 2 })
  const client = await pool.connect()
  const sql = 'insert into item values ($1)'
  const called = (run: (done: (error: unknown) => void) => unknown): Promise<unknown> => new Promise(run)
  const errors = [
    await rejection(pool.query(sql, [1])),
    await rejection(pool.query({ text: sql, values: [1], name: 'insert' })),
    await called((done) => pool.query('insert into item values (1)', done)),
    await called((done) => pool.query(sql, [1], done)),
    await rejection(client.query(sql, [1])),
    await rejection(client.query({ text: sql, values: [1], rowMode: 'array' })),
    await called((done) => client.query(sql, [1], done)),
    await called((done) => client.query({ text: sql, values: [1] } as never, done as never)),
    await called((done) => client.query({ text: sql, values: [1], callback: done } as never)),
    await called((done) => client.query(new pg.Query(sql, [1], done as never))),
    await called((done) => client.query(new pg.Query(sql, [1]) as never, done as never)),
    await rejection(client.query('select 1; insert into item values (1)')),
  ]
  client.release()
  for (const error of errors)
    expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write', detail: 'insert' })
})

describe('the server’s own refusal', () => {
  test.each([
    ['a function that writes', 'select touch()', '25006'],
    ['a procedure that writes', 'call touch_all()', '25006'],
    ['a DO block that writes', "do $$ begin execute 'ins' || 'ert into item values (4)'; end $$", '25006'],
    ['WAL control', "do $$ begin execute 'select pg_current_' || 'wal_lsn()'; end $$", '55000'],
  ])(
    '%s: asks for the primary, with the server’s error as its cause; the next time without asking',
    async (_, sql, code) => {
      const { pool, pid, statements } = await connected()
      await knowsRoutines(pool, 'touch()')
      const error = await rejection(pool.query(sql))
      expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'refused', cause: { code } })
      expect(error.cause).toBeInstanceOf(pg.DatabaseError)
      await pool.query('select 42')
      expect(await rejection(pool.query(sql))).toMatchObject({ reason: 'write', detail: 'learned' })
      expect(await statements()).toBe('select 42')
      expect(await pool.query('select pg_backend_pid() as pid')).toMatchObject({ rows: [{ pid }] })
    },
  )

  test('a session that is serializable by default', async () => {
    const pool = bench.far({ options: '-c default_transaction_isolation=serializable', max: 1 })
    const error = await rejection(pool.query('select id from item'))
    expect(error).toMatchObject({ reason: 'refused', cause: { code: '0A000' } })
  })

  test('is remembered by the scope, so that the request is replayed', async () => {
    const pool = bench.far()
    await knowsRoutines(pool, 'touch()')
    const { state } = await inRequest(() => pool.query('select touch()').catch(() => 'swallowed'))
    expect(state.refusal).toMatchObject({ reason: 'refused' })
  })

  test('where the request cannot be replayed, the statement runs on the primary', async () => {
    const pool = bench.far()
    const { state, value } = await inRequest(() => pool.query('select touch()'), { obstacle: 'body-too-large' })
    expect(value?.rows).toEqual([{ touch: 1 }])
    expect(state.positions.get('app')).toMatchObject({ at: expect.any(String) })
    await bench.cluster.primary.query('delete from item where id = 2')
  })
})

describe('PREPARE and EXECUTE', () => {
  test('PREPARE of a write passes, its EXECUTE is refused before it is sent', async () => {
    const { pool, statements } = await connected()
    const client = await pool.connect()
    await client.query('prepare add(int) as insert into item values ($1)')
    expect(await rejection(client.query('execute add(5)'))).toMatchObject({ reason: 'write' })
    expect(await statements()).toMatch(/^prepare/)
    client.release()
  })

  test('a named statement whose text was given before', async () => {
    const pool = bench.far()
    const client = await pool.connect()
    const { obstacle } = { obstacle: 'upgrade' as const }
    await client.query({ name: 'touch', text: 'select touch()' }).catch(() => undefined)
    expect(await rejection(client.query({ name: 'touch' } as never))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
    const { rows } = await request(() => client.query({ name: 'one', text: 'select $1::int as n', values: [1] }))
    expect(rows).toEqual([{ n: 1 }])
    // Moved to the primary, it has its text with it.
    const moved = await request(() => client.query({ name: 'one', values: [2] } as never), {
      obstacle,
    })
    expect((moved as pg.QueryResult).rows).toEqual([{ n: 2 }])
    client.release()
  })
})

describe('what belongs on the primary although a replica would do it', () => {
  test.each(['select pg_advisory_lock(1)', 'select pg_try_advisory_xact_lock(1, 2)'])('%s', async (sql) => {
    expect(await rejection(bench.far().query(sql))).toMatchObject({ reason: 'write', detail: 'advisory-lock' })
  })

  test('an advisory lock is held there to the end of the check-out', async () => {
    const pool = bench.far({ outsideRequest: 'primary' })
    const client = await pool.connect()
    await client.query('select pg_advisory_lock(7)')
    const held = async (): Promise<number> =>
      (await bench.cluster.primary.query("select from pg_locks where locktype = 'advisory' and objid = 7")).length
    expect(await held()).toBe(1)
    expect((await client.query('select pg_advisory_unlock(7) as done')).rows).toEqual([{ done: true }])
    expect(await held()).toBe(0)
    client.release()
  })

  test('LISTEN hears what the primary says, on the client that asked', async () => {
    const pool = bench.far({ outsideRequest: 'primary' })
    const client = await pool.connect()
    const heard = new Promise((resolve) => client.once('notification', resolve))
    await client.query('listen news')
    await bench.cluster.primary.query("notify news, 'hello'")
    expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' })
    client.release()
  })

  test('and no client that has used the same connection before', async () => {
    const pool = bench.far({ outsideRequest: 'primary' })
    const [before, listening] = [await pool.connect(), await pool.connect()]
    const pid = async (client: pg.PoolClient): Promise<unknown> =>
      (await client.query('with gone as (delete from item where false) select pg_backend_pid() as pid')).rows[0].pid
    const own = await pid(before)
    before.release()
    const again = await pool.connect()
    expect(again).toBe(before)
    const heard: unknown[] = []
    again.on('notification', (message) => heard.push(message))
    expect(await pid(listening)).toBe(own)
    const hears = new Promise((resolve) => listening.once('notification', resolve))
    await listening.query('listen news')
    await bench.cluster.primary.query("notify news, 'hello'")
    expect(await hears).toMatchObject({ payload: 'hello' })
    expect(heard).toEqual([])
    again.release()
    listening.release()
  })
})

test('an error of the app’s own is not touched, and does not count as a refusal', async () => {
  const { state, error } = await failedRequest(() => bench.far().query('select 1/0'))
  expect(error).toBeInstanceOf(pg.DatabaseError)
  expect(error).toMatchObject({ code: '22012' })
  expect([isPrimaryRequired(error), state.refusal]).toEqual([false, undefined])
})

describe('a session that has moved', () => {
  const options = { outsideRequest: 'primary', application_name: 'moved' } as const
  const opening: Readonly<Record<string, () => Promise<pg.ClientBase>>> = {
    'a client of a pool': () => bench.far(options).connect(),
    'a client of its own': async () => {
      const client = new (createDriver({ env: bench.env, outsideRequest: 'primary' }).Client)(options)
      await client.connect()
      return client
    },
  }

  test.each(
    Object.keys(opening).flatMap((kind) => [
      [kind, 'replica', 'commit'],
      [kind, 'replica', 'rollback'],
      [kind, 'primary', 'commit'],
    ]),
  )(
    'of %s ends with its connection to the %s, and the app hears of it, whatever comes then (%s)',
    async (kind, side, end) => {
      const { primary } = bench.cluster
      const client = (await opening[kind]?.()) as pg.ClientBase
      const told: unknown[] = []
      client.on('error', (error: Error) => told.push(error))
      const hasEnded = new Promise<void>((resolve) => void client.once('end', () => resolve()))
      await client.query('begin')
      await client.query('insert into item values (71)')
      const ends = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'moved'"
      await (side === 'primary' ? primary : bench.replica).query(ends)
      await hasEnded
      expect(told).not.toEqual([])
      for (const sql of ['insert into item values (72)', end, 'select 1'])
        expect(await rejection(client.query(sql))).toMatchObject({
          message: expect.stringMatching(/not queryable|closed/),
        })
      if ('release' in client) (client as pg.PoolClient).release(true)
      else await (client as pg.Client).end()
      // What had begun there is rolled back as soon as the server sees that it is left.
      const left = "select from pg_stat_activity where application_name = 'moved' and state like 'idle in%'"
      while ((await primary.query(left)).length > 0) await setTimeout(10)
      expect(await primary.query('select id from item where id > 70')).toEqual([])
    },
  )
})
