import { runOnPrimary } from '@flyroute/core'
import { createDriver, createPool, type FlyrouteDriver } from '@flyroute/pg'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// How apps connect and end, as they do with the driver: they never notice that the server is asked what it is.

const bench = new Bench('create table item (id int primary key)')

const modules: [string, () => typeof pg | FlyrouteDriver][] = [
  ['the driver', () => pg],
  ['ours, off Fly', () => createDriver({ env: {} })],
  ['ours, in the primary’s region', () => createDriver({ env: { ...bench.env, FLY_REGION: 'ord' } })],
  ['ours, on a replica', () => createDriver({ env: bench.env })],
]

const url = (): string => bench.cluster.primary.url

describe.each(modules)('%s', (name, open) => {
  const made = (config: pg.ClientConfig = {}): pg.Client => new (open().Client)({ connectionString: url(), ...config })

  test('connect() without await, a query, end() in its callback', async () => {
    const client = made()
    client.connect().catch(() => undefined)
    const rows = await new Promise((resolve, reject) => {
      client.query('select 1 as one', (error, result) => {
        client.end(() => (error ? reject(error) : resolve(result.rows)))
      })
    })
    expect(rows).toEqual([{ one: 1 }])
  })

  test('end() at the first drain: the query has its answer, and there is no other drain', async () => {
    const client = made()
    const told: string[] = []
    client.on('drain', () => {
      told.push('drain')
      void client.end()
    })
    const ended = new Promise<void>((resolve) => client.on('end', resolve))
    client.connect((error: unknown) => {
      if (error) throw error as Error
      client.query('select 1 as one', (failure, result) => told.push(failure ? failure.message : result.rows[0].one))
    })
    await ended
    expect(told).toEqual([1, 'drain'])
  })

  test('a connection that is only made drains nothing', async () => {
    const client = made()
    let drains = 0
    client.on('drain', () => drains++)
    await client.connect()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(drains).toBe(0)
    await client.query('select 1')
    await new Promise(setImmediate)
    expect(drains).toBe(1)
    await client.end()
  })

  test('limits of a millisecond, and notices, are those of the app’s statements alone', async () => {
    const client = made({ query_timeout: 1_000, statement_timeout: 1, options: '-c client_min_messages=debug5' })
    const notices: unknown[] = []
    client.on('notice', (notice) => notices.push(notice.message))
    await client.connect()
    const heard = notices.filter((message) => /pg_is_in_recovery|system_identifier/.test(String(message)))
    expect(heard).toEqual([])
    await expect(client.query('select pg_sleep(1)')).rejects.toMatchObject({ code: '57014' })
    await client.end()
  })

  test('a subclass of the Client: in a pool, alone, and its `query` is called for the app’s statements only', async () => {
    const driver = open()
    const seen: unknown[] = []
    class Mine extends driver.Client {
      override query(...args: unknown[]): never {
        seen.push(args[0])
        return (super.query as (...all: unknown[]) => never)(...args)
      }
    }
    const pool = new driver.Pool({ connectionString: url(), Client: Mine as never, max: 1 } as pg.PoolConfig)
    await pool.query('select 1')
    const client = await pool.connect()
    expect(client).toBeInstanceOf(Mine)
    await client.query('select 2')
    client.release()
    await pool.end()
    expect(seen).toEqual(['select 1', 'select 2'])
    const alone = new Mine({ connectionString: url() })
    await alone.connect()
    await alone.query('select 3')
    await alone.end()
    expect(seen).toEqual(['select 1', 'select 2', 'select 3'])
  })

  test('a subclass of the Pool, and a pool of the driver’s own Client', async () => {
    const driver = open()
    class Mine extends driver.Pool {}
    for (const pool of [
      new Mine({ connectionString: url() }),
      new driver.Pool({ connectionString: url(), Client: pg.Client } as pg.PoolConfig),
    ]) {
      expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect((await runOnPrimary(() => pool.query('select 1 as one'))).rows).toEqual([{ one: 1 }])
      await pool.end()
    }
  })

  test('a pool that is ended twice says so, both ways', async () => {
    const pool = new (open().Pool)({ connectionString: url() })
    await pool.query('select 1')
    await new Promise<void>((resolve) => pool.end(resolve))
    const twice = new Promise((resolve) => pool.end(resolve as () => void))
    expect(await twice).toMatchObject({ message: 'Called end on pool more than once' })
    await expect(pool.end()).rejects.toThrow('Called end on pool more than once')
    await expect(pool.query('select 1')).rejects.toThrow('Cannot use a pool after calling end on the pool')
    await expect(runOnPrimary(() => pool.query('select 1'))).rejects.toThrow('Cannot use a pool')
  })

  test('at most one listener more than the driver has', async () => {
    const count = async (driver: typeof pg): Promise<Record<string, number>> => {
      const pool = new driver.Pool({ connectionString: url(), max: 1 })
      const client = await pool.connect()
      const counts: Record<string, number> = {}
      for (const event of ['error', 'end', 'drain', 'notice', 'connect', 'remove', 'acquire', 'release']) {
        counts[`client ${event}`] = client.listenerCount(event)
        counts[`pool ${event}`] = pool.listenerCount(event)
      }
      client.release()
      await pool.end()
      return counts
    }
    const [own, ours] = [await count(pg), await count(open() as typeof pg)]
    for (const [what, listeners] of Object.entries(own))
      expect([what, (ours[what] ?? 0) - listeners <= 1]).toEqual([what, true])
    expect(name).toBeDefined()
  })
})

test('createPool takes a URL', async () => {
  const pool = createPool(url())
  expect((await pool.query('select current_database() as name')).rows).toEqual([{ name: 'app' }])
  await pool.end()
})
