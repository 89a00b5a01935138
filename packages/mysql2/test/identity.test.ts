import { inspect, promisify } from 'node:util'
import { runOnPrimary } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'
import { createDriver, createPool, type FlyrouteDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { heapGrowth } from '@flyroute/testkit/heap'
import { rejection } from '@flyroute/testkit/requests'
import { beforeAll, describe, expect, test } from '@jest/globals'
import mysql, { type Connection, type ConnectionOptions, type Pool, type PoolOptions } from 'mysql2'
import { Bench } from './support/open.ts'

// Connections of one driver share what is opened for them only if everything that says who and how they connect is the same.

const bench = new Bench(
  () => startMariadb({ replicas: 1 }),
  [
    'create table app.item (id int primary key)',
    "create user tenant@'%' identified by 'tenants-own'",
    "grant all on app.* to tenant@'%'",
  ],
)
const passwords = { app: '', tenant: 'tenants-own' }

beforeAll(() => {
  passwords.app = new URL(bench.primary.url).password
})

const home = (): Record<string, string> => ({ ...bench.env, FLY_REGION: 'ord' })
const places: [string, () => Record<string, string>][] = [
  ['off Fly', () => ({})],
  ['in the primary’s region', home],
  ['on a replica', () => bench.env],
]

/** How the primary is reached, in pieces. */
function pieces(user: keyof typeof passwords = 'app'): ConnectionOptions {
  const { hostname: host, port } = new URL(bench.primary.url)
  return { host, port: Number(port), user, password: passwords[user], database: 'app' }
}

function query(on: Connection | Pool, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    on.query({ sql, rowsAsArray: true }, (error, rows) =>
      error ? reject(error) : resolve((rows as unknown[][])[0]?.[0]),
    )
  })
}

async function asked(driver: FlyrouteDriver, config: ConnectionOptions | string, sql: string): Promise<unknown> {
  const connection = driver.createConnection(config as ConnectionOptions)
  connection.on('error', () => undefined)
  try {
    return await query(connection, sql)
  } finally {
    connection.destroy()
  }
}

async function withPool<T>(driver: FlyrouteDriver, config: PoolOptions, use: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = driver.createPool(config)
  try {
    return await use(pool)
  } finally {
    await end(pool)
  }
}

function end(pool: Pool): Promise<void> {
  return promisify((done: (error?: Error | null) => void) => pool.end(done as never))()
}

function replicationOf(of: object): DatabaseReplication {
  return (of as { replication: DatabaseReplication }).replication
}

describe.each(places)('%s', (_, env) => {
  test('connections have their own settings, whichever came first', async () => {
    const driver = createDriver({ env: env() })
    const { url } = bench.primary
    const date = "select cast('2020-01-01' as date)"
    expect(await asked(driver, `${url}?dateStrings=true`, date)).toBe('2020-01-01')
    expect(await asked(driver, url, date)).toBeInstanceOf(Date)
    const moment = "select cast('2020-01-01 00:00:00' as datetime)"
    expect(await asked(driver, `${url}?timezone=%2B05:00`, moment)).toEqual(new Date('2019-12-31T19:00:00Z'))
    expect(await asked(driver, `${url}?timezone=Z`, moment)).toEqual(new Date('2020-01-01T00:00:00Z'))
    expect(await asked(driver, { ...pieces(), dateStrings: true }, date)).toBe('2020-01-01')
    expect(await asked(driver, pieces(), date)).toBeInstanceOf(Date)
    const charset = 'select @@character_set_client'
    expect(await asked(driver, { ...pieces(), charset: 'LATIN1_SWEDISH_CI' }, charset)).toBe('latin1')
    expect(await asked(driver, pieces(), charset)).toBe('utf8mb4')
    // What moves to the primary is read with the settings of the pool that asks.
    await withPool(driver, { ...pieces(), dateStrings: true }, async (pool) => {
      expect(await query(pool, date)).toBe('2020-01-01')
      expect(await runOnPrimary(() => query(pool, date))).toBe('2020-01-01')
    })
    await withPool(driver, pieces(), async (pool) => {
      expect(await runOnPrimary(() => query(pool, date))).toBeInstanceOf(Date)
    })
  })

  test('a wrong password is refused by the server, each time, whatever was opened with the right one', async () => {
    const driver = createDriver({ env: env() })
    const right = driver.createPool(pieces())
    await query(right, 'select 1')
    await runOnPrimary(() => query(right, 'select 1'))
    const wrong = { ...pieces(), password: 'wrong' }
    const refused = { code: 'ER_ACCESS_DENIED_ERROR' }
    for (let time = 0; time < 2; time++) {
      expect(await rejection(asked(driver, wrong, 'select 1'))).toMatchObject(refused)
      const url = bench.primary.url.replace(passwords.app, 'wrong')
      expect(await rejection(asked(driver, url, 'select 1'))).toMatchObject(refused)
      await withPool(driver, wrong, async (pool) => {
        expect(await rejection(query(pool, 'select 1'))).toMatchObject(refused)
        expect(await rejection(runOnPrimary(() => query(pool, 'select 1')))).toMatchObject(refused)
      })
    }
    // Nobody else is the worse for it.
    expect(replicationOf(right).prober.isUnavailable).toBe(false)
    expect(await query(right, 'select current_user()')).toBe('app@%')
    await end(right)
  })

  test('another user is another user, here and on the primary', async () => {
    const driver = createDriver({ env: env() })
    for (const user of ['app', 'tenant'] as const) {
      await withPool(driver, pieces(user), async (pool) => {
        expect(await query(pool, 'select current_user()')).toBe(`${user}@%`)
        expect(await runOnPrimary(() => query(pool, 'select current_user()'))).toBe(`${user}@%`)
        expect(await asked(driver, pieces(user), 'select current_user()')).toBe(`${user}@%`)
      })
    }
  })
})

test('nodes of a cluster log in as themselves, on the primary too', async () => {
  const driver = createDriver({ env: bench.env })
  const cluster = driver.createPoolCluster()
  cluster.add('ONE', pieces('app'))
  cluster.add('TWO', bench.replica.url.replace(/\/\/[^@]*@/, '//tenant:tenants-own@'))
  for (const [node, user] of [
    ['ONE', 'app'],
    ['TWO', 'tenant'],
  ] as const) {
    const of = cluster.of(node) as unknown as Pool
    expect(await query(of, 'select current_user()')).toBe(`${user}@%`)
    expect(await runOnPrimary(() => query(of, 'select concat(current_user(), @@port)'))).toBe(
      `${user}@%${bench.primary.port}`,
    )
  }
  await promisify((done: (error?: Error) => void) => cluster.end(done as never))()
})

test('a login that is refused is no outage: the server is asked with another one', async () => {
  const driver = createDriver({ env: bench.env })
  const stale = driver.createPool({ ...pieces('tenant'), password: 'yesterdays' })
  const replication = replicationOf(stale)
  expect(await rejection(replication.prober.probe())).toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
  expect(replication.prober.isUnavailable).toBe(false)
  const current = driver.createPool(pieces('tenant'))
  expect(replicationOf(current)).toBe(replication)
  expect(await replication.status()).toMatchObject({ role: 'replica', replicaUnavailable: false })
  await Promise.all([end(current), end(stale)])
})

test('20,000 tenants, one after the other, leave nothing behind', async () => {
  const driver = createDriver({ env: bench.env })
  const tenant = async (n: number): Promise<void> => {
    const pool = driver.createPool({ ...pieces(), connectAttributes: { tenant: `number ${n}` } } as PoolOptions)
    // Some of them connect, here and to the primary.
    if (n % 100 === 0) {
      expect(await query(pool, 'select 1')).toBe(1)
      expect(await runOnPrimary(() => query(pool, 'select 1'))).toBe(1)
    }
    await end(pool)
  }
  // 16,000 of them, at a hundred bytes each, would be more; so would four connections of the driver's.
  expect(await heapGrowth(tenant)).toBeLessThan(1_500_000)
}, 60_000)

describe('what is printed', () => {
  const secret = /[0-9a-f]{32}|tenants-own|TOP-SECRET/

  test('of pools and connections shows no password and no key, and says the rest', async () => {
    const driver = createDriver({ env: bench.env })
    const ssl = { key: 'TOP-SECRET-KEY', passphrase: 'TOP-SECRET-PHRASE', rejectUnauthorized: false }
    for (const config of [pieces('tenant'), { uri: bench.primary.url }, { ...pieces(), ssl }]) {
      const pool = driver.createPool({ ...config, connectionLimit: 7 })
      const near = createPool({ env: home(), ...config } as never)
      const { connectionConfig } = (pool as unknown as { config: { connectionConfig: object } }).config
      for (const made of [pool, pool.promise(), near, driver, replicationOf(pool)]) {
        expect(inspect(made, { depth: 8 })).not.toMatch(secret)
      }
      expect(JSON.stringify(connectionConfig)).not.toMatch(secret)
      expect(inspect(pool)).toContain('connectionLimit: 7')
      await Promise.all([end(pool), end(near)])
    }
    const connection = driver.createConnection(pieces('tenant'))
    await query(connection, 'select 1')
    expect(inspect(connection, { depth: 8 })).not.toMatch(secret)
    connection.destroy()
  })

  test('is not what code reads that connects once more with the same configuration, as Kysely does', async () => {
    const driver = createDriver({ env: bench.env })
    const pool = driver.createPool(pieces('tenant'))
    const connection = await new Promise<mysql.PoolConnection>((resolve, reject) => {
      pool.getConnection((error, one) => (error ? reject(error) : resolve(one)))
    })
    expect(inspect(connection, { depth: 8 })).not.toMatch(secret)
    const {
      clientFlags: _,
      maxPacketSize: __,
      ...config
    } = { ...(connection.config as object as Record<string, never>) }
    const bare = mysql.createConnection(config as ConnectionOptions)
    expect(await query(bare, 'select concat(current_user(), @@port)')).toBe(`tenant@%${bench.replica.port}`)
    bare.destroy()
    connection.release()
    await end(pool)
  })
})
