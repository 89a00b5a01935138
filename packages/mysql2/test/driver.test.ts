import { channel } from 'node:diagnostics_channel'
import { promisify } from 'node:util'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { createDriver, type FlyroutePool } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { expect, test } from '@jest/globals'
import mysql, { type Pool, type RowDataPacket } from 'mysql2'
import type * as promises from 'mysql2/promise'
import { DataSource, EntitySchema } from 'typeorm'
import { Bench } from './support/open.ts'

// The drop-in for the module, in the hands of what makes its own pools, connections and clusters.

const bench = new Bench(
  () => startMariadb({ replicas: 1 }),
  [
    'create table app.item (id int primary key, value int not null)',
    'create database app2',
    "grant all on app2.* to app@'%'",
  ],
)
/** What the driver's types leave out. */
interface Promising {
  createPoolPromise(config: object): promises.Pool
  createConnectionPromise(config: object): Promise<promises.Connection>
}

const home = (): Record<string, string> => ({ ...bench.env, FLY_REGION: 'ord' })

function pieces(url: string): { host: string; port: number; user: string; password: string; database: string } {
  const { hostname: host, port, username: user, password } = new URL(url)
  return { host, port: Number(port), user, password, database: 'app' }
}

function end(pool: Pool): Promise<void> {
  return promisify((done: (error?: Error | null) => void) => pool.end(done as never))()
}

async function portOf(pool: Pick<Pool, 'promise'>): Promise<number> {
  const [[row]] = await pool.promise().query<RowDataPacket[]>('select @@port as port')
  return row?.['port']
}

test('pools that lead to the same primary share a replication, others have their own', async () => {
  const driver = createDriver({ env: {} })
  const open = (more = {}): FlyroutePool => driver.createPool({ ...pieces(bench.primary.url), ...more }) as FlyroutePool
  const [one, two, other] = [open(), open({ connectionLimit: 2 }), open({ database: 'app2' })]
  expect(one.replication).toBe(two.replication)
  expect(driver.replication).toBe(one.replication)
  expect(other.replication).not.toBe(one.replication)
  expect(other.replication.topology.primary.database).toBe('app2')
  await Promise.all([one, two, other].map(end))
})

test('what is opened when everything had been ended works as what was opened first', async () => {
  const driver = createDriver({ env: bench.env })
  for (let round = 0; round < 2; round++) {
    const pool = driver.createPool({}) as FlyroutePool
    expect(await portOf(pool)).toBe(bench.replica.port)
    expect(await runOnPrimary(() => portOf(pool))).toBe(bench.primary.port)
    expect(await pool.replication.status()).toMatchObject({ role: 'replica' })
    await end(pool)
    // What is used behind its end says so, and opens nothing.
    await expect(portOf(pool)).rejects.toThrow('Pool is closed.')
    await expect(runOnPrimary(() => portOf(pool))).rejects.toThrow('Pool is closed.')
  }
})

test('it is the module, with its constants and functions', () => {
  const driver = createDriver({ env: {} })
  for (const name of Object.keys(mysql) as (keyof typeof mysql)[]) expect(driver[name]).toBeDefined()
  expect(driver.escape("it's")).toBe(mysql.escape("it's"))
  expect(driver.Types).toBe(mysql.Types)
})

test('promises: a pool, and a connection as soon as it is made', async () => {
  const driver = createDriver({ env: bench.env }) as unknown as Promising
  const pool = driver.createPoolPromise({})
  expect((await pool.query('select @@port as port'))[0]).toEqual([{ port: bench.replica.port }])
  await pool.end()
  const connection = await driver.createConnectionPromise({})
  expect(isPrimaryRequired(await rejection(connection.execute('delete from item')))).toBe(true)
  await connection.end()
  const nowhere = createDriver({ env: {}, host: '127.0.0.1', port: 1 }) as unknown as Promising
  await expect(nowhere.createConnectionPromise({})).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a cluster’s nodes are what they are: their roles change nothing of what the local pool is', async () => {
  const told: unknown[] = []
  const listen = (message: unknown): unknown => told.push(message)
  channel('flyroute:role-mismatch').subscribe(listen)
  const driver = createDriver({ env: home() })
  const cluster = driver.createPoolCluster({ restoreNodeTimeout: 100 })
  cluster.add('MASTER', pieces(bench.primary.url))
  cluster.add('SLAVE1', pieces(bench.replica.url))
  try {
    const query = (node: string, sql: string): Promise<unknown> =>
      promisify((done: (error: unknown, rows?: unknown) => void) => void cluster.of(node).query(sql, done))()
    const read = 'select @@port as port'
    expect(await query('SLAVE1', read)).toEqual([{ port: bench.replica.port }])
    expect(await query('MASTER', read)).toEqual([{ port: bench.primary.port }])
    await query('MASTER', 'insert into item values (1, 1)')
    expect(isPrimaryRequired(await rejection(query('SLAVE1', 'insert into item values (2, 1)')))).toBe(true)
    expect(driver.replication.topology.role).toBe('primary')
    expect(told).toEqual([])
    // A connection of a replica in the primary's region is kept.
    const id = (): Promise<unknown> => query('SLAVE1', 'select connection_id() as id')
    const before = await id()
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await id()).toEqual(before)
    const { state } = await inRequest(() => query('MASTER', 'insert into item values (3, 1)'))
    expect([...state.positions]).toEqual([['app', expect.objectContaining({ at: expect.any(String) })]])
    // One that is down is left to the cluster: it takes another, or says so.
    await bench.replica.kill()
    const error = await rejection(query('SLAVE1', read))
    expect(error['code']).toMatch(/POOL_NO|ECONN|PROTOCOL/)
    expect(await query('*', read).catch(() => query('*', read))).toEqual([{ port: bench.primary.port }])
  } finally {
    channel('flyroute:role-mismatch').unsubscribe(listen)
    await bench.replica.start()
    await promisify((done: (error?: Error) => void) => cluster.end(done as never))()
  }
})

test('TypeORM with replicas of its own, at home: a POST is not sent anywhere, and writes where it should', async () => {
  const driver = createDriver({ env: home() })
  const Item = new EntitySchema<{ id: number; value: number }>({
    name: 'item',
    columns: { id: { type: 'int', primary: true }, value: { type: 'int' } },
  })
  const source = new DataSource({
    type: 'mariadb',
    driver,
    entities: [Item],
    replication: {
      master: { ...pieces(bench.primary.url), username: 'app' },
      slaves: [{ ...pieces(bench.replica.url), username: 'app' }],
    },
  })
  await source.initialize()
  const items = source.getRepository(Item)
  const handle = replayable(
    async ({ method }: Request) => {
      if (method === 'POST') await items.insert({ id: 10, value: 5 })
      return Response.json(await items.findOneBy({ id: 10 }))
    },
    { databases: [driver] },
  )
  await handle(new Request('http://app.test/'))
  const written = await handle(new Request('http://app.test/', { method: 'POST' }))
  expect(written.status).toBe(200)
  expect(written.headers.get('flyroute-token')).toEqual(expect.any(String))
  await bench.cluster.caughtUp()
  expect(await (await handle(new Request('http://app.test/'))).json()).toEqual({ id: 10, value: 5 })
  await source.destroy()
})
