import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { createDriver, createPool } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { describe, expect, test } from '@jest/globals'
import type { PoolConnection } from 'mysql2'
import type { PoolConnection as PromisePoolConnection } from 'mysql2/promise'
import { Bench } from './support/open.ts'

// What a request holds when it is replayed: connections that only the app can give back, and rows that stand still.

const bench = new Bench(() => startMariadb({ replicas: 1 }), ['create table app.item (id int)'])
const insert = 'insert into item values (1)'

async function connections(): Promise<number> {
  const [row] = await bench.replica.query<{ n: number }>(
    "select count(*) as n from information_schema.processlist where user = 'app' and command <> 'Binlog Dump'",
  )
  return Number(row?.n)
}

test('a late statement on a connection by itself is answered with the refusal, so that its `finally` ends it', async () => {
  const driver = createDriver({ env: bench.env })
  const before = await connections()
  const other = driver.createConnection({}).promise()
  await other.query('select 1')
  let replayed: () => void = () => undefined
  const late = new Promise<void>((resolve) => (replayed = resolve))
  const outcomes: unknown[] = []
  const code = (error: unknown): unknown => outcomes.push((error as { code?: unknown } | null)?.code)
  const held = async (isHeld: () => void): Promise<void> => {
    const connection = driver.createConnection({})
    const promised = connection.promise()
    try {
      await promised.query('start transaction')
      await promised.query('select 1')
      const busy = promised.query('select sleep(0.3)')
      const queued = promised.query('select 2').catch(code)
      isHeld()
      await Promise.all([late, busy, queued])
      await promised.execute('select ?', [3]).catch(code)
      await new Promise<void>((resolve) => connection.query('select 4', (error) => resolve(void code(error))))
      await connection.query('select 5').stream().toArray().catch(code)
      await promised.query(insert).finally(() => promised.query('rollback'))
    } catch (error) {
      code(error)
    } finally {
      await promised.end()
    }
  }
  let ended: Promise<void> = Promise.resolve()
  const handle = replayable(
    async (_: Request) => {
      let isHeld: () => void = () => undefined
      const holding = new Promise<void>((resolve) => (isHeld = resolve))
      ended = held(isHeld)
      await Promise.all([ended, holding.then(() => other.query(insert))])
      return new Response('ran')
    },
    { databases: [driver] },
  )
  expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
  replayed()
  await ended
  expect(outcomes).toEqual(Array(5).fill('ERR_PRIMARY_REQUIRED'))
  await other.end()
  while ((await connections()) > before) await sleep(20)
})

test('a pool of ours of one connection has it back soon, although rows stand still on it', async () => {
  const pool = createPool({ env: bench.env, connectionLimit: 1 })
  const other = createPool({ env: bench.env, connectionLimit: 1 })
  bench.onEnd(() => Promise.all([pool.promise().end(), other.promise().end()]))
  const handle = replayable(
    async (_: Request) => {
      const connection = await new Promise<PoolConnection>((resolve) =>
        pool.getConnection((_error, given) => resolve(given)),
      )
      const rows = connection.query("select repeat('x', 1000) from seq_1_to_100000").stream()
      await new Promise((resolve) => rows.once('readable', resolve))
      await other.promise().query(insert)
      return new Response('ran')
    },
    { databases: [pool] },
  )
  expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
  const answered = pool.promise().query('select 1 as one')
  const [rows] = (await Promise.race([answered, sleep(5_000, ['none'])])) as [unknown]
  expect(rows).toEqual([{ one: 1 }])
})

test('the end of a pool reclaims it at once, on both servers, and what the app does afterwards does no harm', async () => {
  const before = await connections()
  const pool = createPool({ env: bench.env })
  const held: PromisePoolConnection[] = []
  const begin = async (): Promise<void> => {
    const connection = await pool.promise().getConnection()
    held.push(connection)
    await connection.query('start transaction')
    await connection.query('select 1')
  }
  const late: Promise<unknown>[] = []
  let goOn: () => void = () => undefined
  const handle = replayable(
    async (_: Request) => {
      await Promise.all([begin(), runOnPrimary(begin)])
      const ended = new Promise<void>((resolve) => (goOn = resolve))
      for (const connection of held) late.push(ended.then(() => connection.rollback()))
      await pool.promise().query(insert)
      return new Response('ran')
    },
    { databases: [pool] },
  )
  expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
  const ended = pool.promise().end()
  await ended
  goOn()
  expect(await Promise.race([...late, sleep(100, 'open')])).toBe('open')
  for (const connection of held) connection.release()
  while ((await connections()) > before) await sleep(20)
})

test.each(['before', 'after'])(
  'rows that stand still do not keep the end of a pool that is ended %s the replay',
  async (when) => {
    const pool = createPool({ env: bench.env })
    const other = createPool({ env: bench.env })
    let ended: Promise<void> | undefined
    const handle = replayable(
      async (_: Request) => {
        const connection = await new Promise<PoolConnection>((resolve) =>
          pool.getConnection((_error, given) => resolve(given)),
        )
        const rows = connection.query("select repeat('x', 1000) from seq_1_to_100000").stream()
        await new Promise((resolve) => rows.once('readable', resolve))
        if (when === 'before') ended = pool.promise().end()
        await other.promise().query(insert)
        return new Response('ran')
      },
      { databases: [pool] },
    )
    expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
    ended ??= pool.promise().end()
    expect(await Promise.race([ended, sleep(5_000, 'open', { ref: false })])).toBeUndefined()
    await other.promise().end()
  },
  20_000,
)

describe('the pool to the primary keeps no connection that holds what others would meet', () => {
  test.each<[string, readonly string[]]>([
    ['a lock', ["do get_lock('kept', 0)"]],
    ['locked tables', ['lock tables item write']],
    ['a temporary table', ['create temporary table kept (id int)']],
    ['a transaction', ['begin', insert]],
  ])('%s', async (_, texts) => {
    const pool = createPool({ env: bench.env }).promise()
    bench.onEnd(() => pool.end())
    const [held, next] = await runOnPrimary(async () => {
      const connection = await pool.getConnection()
      for (const text of texts) await connection.query(text)
      const { threadId } = connection.connection
      connection.release()
      const other = await pool.getConnection()
      other.release()
      return [threadId, other.connection.threadId]
    })
    expect(next).not.toBe(held)
    const isThere = `select id from information_schema.processlist where id = ${held}`
    while ((await bench.primary.query(isThere)).length > 0) await sleep(5)
  })

  test('but one that has only written, or set something', async () => {
    const pool = createPool({ env: bench.env }).promise()
    bench.onEnd(() => pool.end())
    const after = (text: string): Promise<number> =>
      runOnPrimary(async () => {
        await pool.query(text)
        const connection = await pool.getConnection()
        connection.release()
        return connection.connection.threadId
      })
    const first = await after(insert)
    expect(await after("set time_zone = '+00:00'")).toBe(first)
    await runOnPrimary(async () => {
      const connection = await pool.getConnection()
      for (const text of ['begin', insert, 'commit']) await connection.query(text)
      connection.release()
    })
    expect(await after("do get_lock('kept', 0)")).not.toBe(first)
  })
})
