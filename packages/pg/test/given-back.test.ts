import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { createDriver, type FlyrouteDriver } from '@flyroute/pg'
import { describe, expect, test } from '@jest/globals'
import Knex from 'knex'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { Bench } from './support/open.ts'

// What a request holds when it is replayed: connections that only the app can give back, and cursors that stand still.

const bench = new Bench('create table item (id int)')
const insert = 'insert into item values (1)'

/** The app's name for its connections, and how many of them the replica has. */
const name = 'given-back'
async function connections(): Promise<number> {
  const { rows } = await bench
    .bare(bench.replica.adminUrl)
    .query('select count(*)::int as n from pg_stat_activity where application_name = $1', [name])
  return rows[0].n
}

/** Answers a request whose one branch is refused a write when the other holds a connection, and goes on with that later. */
async function replay(driver: FlyrouteDriver, write: () => Promise<unknown>, hold: Hold): Promise<unknown> {
  let replayed: () => void = () => undefined
  const late = new Promise<void>((resolve) => (replayed = resolve))
  let outcome: Promise<unknown> = Promise.resolve()
  const handle = replayable(
    async (_: Request) => {
      let isHeld: () => void = () => undefined
      const held = new Promise<void>((resolve) => (isHeld = resolve))
      const holding = hold({ isHeld, late })
      outcome = holding.then(
        () => 'done',
        (error) => error.code,
      )
      await Promise.all([holding, held.then(write)])
      return new Response('ran')
    },
    { databases: [driver] },
  )
  expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
  replayed()
  return outcome
}

type Hold = (when: { isHeld(): void; late: Promise<void> }) => Promise<unknown>

describe('a late statement on a connection that only the app gives back is answered with the refusal', () => {
  test('on a client by itself, which its `finally` ends', async () => {
    const driver = createDriver({ env: bench.env })
    const other = new driver.Client({ application_name: name })
    await other.connect()
    const told: unknown[] = []
    const tell = (message: unknown): unknown => told.push(message)
    channel('flyroute:late-statement').subscribe(tell)
    const outcome = await replay(
      driver,
      () => other.query(insert),
      async ({ isHeld, late }) => {
        const client = new driver.Client({ application_name: name })
        await client.connect()
        try {
          await client.query('begin')
          await client.query('select 1')
          isHeld()
          await late
          await client.query(insert).finally(() => client.query('rollback'))
        } finally {
          await client.end()
        }
      },
    )
    channel('flyroute:late-statement').unsubscribe(tell)
    expect(outcome).toBe('ERR_PRIMARY_REQUIRED')
    expect(told).toEqual([{ database: 'app' }])
    await other.end()
    while ((await connections()) > 0) await sleep(20)
  })

  test('on one that waits for its turn, and in every form', async () => {
    const driver = createDriver({ env: bench.env })
    const [other, client] = [new driver.Client(), new driver.Client()]
    await Promise.all([other.connect(), client.connect()])
    const outcomes: unknown[] = []
    const code = (error: { code?: unknown } | null | undefined): unknown => outcomes.push(error?.code)
    await replay(
      driver,
      () => other.query(insert),
      async ({ isHeld, late }) => {
        const busy = client.query('select pg_sleep(0.3)')
        const read = client.query('select 1').catch(code)
        isHeld()
        await Promise.all([late, busy, read])
        await new Promise<void>((resolve) => client.query('select 2', (error) => resolve(void code(error as never))))
        await client.query(new Cursor('select 3')).read(1).catch(code)
        await client.query(new QueryStream('select 4')).toArray().catch(code)
        return undefined
      },
    )
    expect(outcomes).toEqual(Array(4).fill('ERR_PRIMARY_REQUIRED'))
    await Promise.all([other.end(), client.end()])
  })

  test.each<[string, (client: pg.Client) => () => Promise<unknown>]>([
    [
      'a cursor',
      (client) => {
        const cursor = client.query(new Cursor('select generate_series(1, 9)'))
        return () => cursor.read(1)
      },
    ],
    [
      'a stream',
      (client) => {
        const options = { batchSize: 1, highWaterMark: 1 }
        const stream = client.query(new QueryStream('select generate_series(1, 9)', [], options))
        const rows = stream[Symbol.asyncIterator]()
        return async () => {
          const { value } = await rows.next()
          // What it has read ahead it hands over.
          return value.generate_series < 5 ? undefined : expect(value).toBe('read ahead')
        }
      },
    ],
  ])('on %s that has begun to read', async (_, open) => {
    const driver = createDriver({ env: bench.env })
    const [other, client] = [new driver.Client(), new driver.Client()]
    await Promise.all([other.connect(), client.connect()])
    const outcome = await replay(
      driver,
      () => other.query(insert),
      async ({ isHeld, late }) => {
        const read = open(client)
        await read()
        isHeld()
        await late
        for (;;) await read()
      },
    )
    expect(outcome).toBe('ERR_PRIMARY_REQUIRED')
    await Promise.all([other.end(), client.end()])
  })

  test('in a pool that is not ours, whose place is given back', async () => {
    const driver = createDriver({ env: bench.env })
    const pool = new pg.Pool({ Client: driver.Client, max: 1, application_name: name })
    const other = new driver.Client()
    await other.connect()
    for (let n = 0; n < 2; n++) {
      const outcome = await replay(
        driver,
        () => other.query(insert),
        async ({ isHeld, late }) => {
          const client = await pool.connect()
          try {
            await client.query('select 1')
            isHeld()
            await late
            await client.query('select 2')
          } finally {
            client.release()
          }
        },
      )
      expect(outcome).toBe('ERR_PRIMARY_REQUIRED')
    }
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await Promise.all([pool.end(), other.end()])
  })

  test('in a transaction of Knex', async () => {
    const driver = createDriver({ env: bench.env })
    const knex = Knex({ client: 'pg', connection: { application_name: name }, pool: { min: 0, max: 2 } })
    knex.client.driver = driver
    const outcome = await replay(
      driver,
      () => knex.raw(insert) as unknown as Promise<unknown>,
      ({ isHeld, late }) =>
        knex.transaction(async (transaction) => {
          await transaction.raw('select 1')
          isHeld()
          await late
          await transaction.raw('select 2')
        }),
    )
    expect(outcome).toBe('ERR_PRIMARY_REQUIRED')
    expect(knex.client.pool.numUsed()).toBe(0)
    await knex.destroy()
  })
})

describe('a pool of ours of one connection has it back soon, although on it stands still', () => {
  test.each<[string, (client: pg.PoolClient) => Promise<unknown>]>([
    ['a cursor', (client) => client.query(new Cursor('select generate_series(1, 1000)')).read(10)],
    [
      'a stream',
      (client) => {
        const stream = client.query(new QueryStream('select generate_series(1, 50000)'))
        return new Promise((resolve) => stream.once('readable', resolve))
      },
    ],
  ])('%s', async (_, open) => {
    const pool = bench.far({ max: 1, connectionTimeoutMillis: 5_000 })
    const other = bench.far({ max: 1 })
    const handle = replayable(
      async (_request: Request) => {
        await open(await pool.connect())
        await other.query(insert)
        return new Response('ran')
      },
      { databases: [pool] },
    )
    const answer = await handle(new Request('http://app/'))
    expect(answer.headers.has('fly-replay')).toBe(true)
    // It would be out of connections for 10 s, which is longer than a call waits.
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

test('the end of a pool reclaims it at once, on both servers, and what the app does afterwards does no harm', async () => {
  const pool = bench.far({ application_name: name })
  const clients: pg.PoolClient[] = []
  const begin = async (): Promise<void> => {
    const client = await pool.connect()
    clients.push(client)
    await client.query('begin')
    await client.query('select 1')
  }
  const late: Promise<unknown>[] = []
  let goOn: () => void = () => undefined
  const handle = replayable(
    async (_: Request) => {
      await Promise.all([begin(), runOnPrimary(begin)])
      const ended = new Promise<void>((resolve) => (goOn = resolve))
      for (const client of clients) late.push(ended.then(() => client.query('rollback')))
      await pool.query(insert)
      return new Response('ran')
    },
    { databases: [pool] },
  )
  expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
  expect([pool.totalCount, pool.idleCount]).toEqual([1, 0])
  const ended = pool.end()
  expect(pool.totalCount).toBe(0)
  await ended
  goOn()
  expect(await Promise.race([...late, sleep(100, 'open')])).toBe('open')
  for (const client of clients) client.release()
  while ((await connections()) > 0) await sleep(20)
})

describe('the pool to the primary keeps no connection that holds what others would meet', () => {
  const pid = 'select pg_backend_pid() as pid'

  test.each<[string, readonly string[]]>([
    ['a lock', ['select pg_advisory_lock(1)']],
    ['a temporary table', ['create temp table kept (id int)']],
    ['LISTEN', ['listen kept']],
    ['a cursor', ['begin', 'declare kept cursor with hold for select 1', 'commit']],
    ['a transaction', ['begin', 'insert into item values (1)']],
  ])('%s', async (_, texts) => {
    const pool = bench.far()
    const [{ pid: held }, next] = await runOnPrimary(async () => {
      const client = await pool.connect()
      const { rows } = await client.query(pid)
      for (const text of texts) await client.query(text)
      client.release()
      return [rows[0], (await pool.query(pid)).rows[0].pid]
    })
    expect(next).not.toBe(held)
    const isThere = 'select count(*)::int as n from pg_stat_activity where pid = $1'
    while ((await bench.cluster.primary.query<{ n: number }>(isThere, [held]))[0]?.n !== 0) await sleep(5)
  })

  test('nor after a statement of the pool itself, but one that has only written, or set something', async () => {
    const pool = bench.far()
    const after = (text: string): Promise<number> =>
      runOnPrimary(async () => {
        await pool.query(text)
        return (await pool.query(pid)).rows[0].pid
      })
    const first = await after(insert)
    expect(await after("set application_name = 'kept'")).toBe(first)
    await runOnPrimary(async () => {
      const client = await pool.connect()
      for (const text of ['begin', insert, 'commit']) await client.query(text)
      client.release()
    })
    expect(await after('select pg_advisory_xact_lock(1)')).toBe(first)
    expect(await after('select pg_advisory_lock(1)')).not.toBe(first)
  })
})
