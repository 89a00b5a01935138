import { inspect } from 'node:util'
import { runOnPrimary } from '@flyroute/core'
import type { DatabaseReplication } from '@flyroute/core/adapter'
import { createDriver, createPool, type FlyrouteDriver } from '@flyroute/pg'
import { heapGrowth } from '@flyroute/testkit/heap'
import { rejection, request } from '@flyroute/testkit/requests'
import { beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// Clients of one driver share what is opened for them only if everything that says who and how they connect is the same.

const bench = new Bench('create table item (id int primary key)')

const passwords = { app: '', tenant: 'tenants-own', changing: 'before' }

beforeAll(async () => {
  passwords.app = new URL(bench.cluster.primary.url).password
  await bench.cluster.primary.query(`create role tenant login password '${passwords.tenant}'`)
  await bench.cluster.primary.query(`create role changing login password '${passwords.changing}'`)
  await bench.cluster.caughtUp()
})

const home = (): Record<string, string> => ({ ...bench.env, FLY_REGION: 'ord' })
const places: [string, () => Record<string, string>][] = [
  ['off Fly', () => ({})],
  ['in the primary’s region', home],
  ['on a replica', () => bench.env],
]

/** How the primary is reached, in pieces. */
function pieces(user: keyof typeof passwords = 'app'): pg.ClientConfig {
  const { hostname: host, port } = new URL(bench.cluster.primary.url)
  return { host, port: Number(port), user, password: passwords[user], database: 'app' }
}

async function asked(driver: FlyrouteDriver, config: pg.ClientConfig | string, sql: string): Promise<unknown> {
  const client = new driver.Client(config as pg.ClientConfig)
  await client.connect()
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}

/** Uses a pool, and ends it. */
async function withPool<T>(
  driver: FlyrouteDriver,
  config: pg.PoolConfig,
  use: (pool: pg.Pool) => Promise<T>,
): Promise<T> {
  const pool = new driver.Pool(config)
  try {
    return await use(pool)
  } finally {
    await pool.end()
  }
}

function replicationOf(of: object): DatabaseReplication {
  return (of as { replication: DatabaseReplication }).replication
}

describe.each(places)('%s', (_, env) => {
  test('clients have their own settings, whichever came first', async () => {
    const driver = createDriver({ env: env() })
    const { url } = bench.cluster.primary
    const path = 'show search_path'
    expect(await asked(driver, `${url}?options=-c%20search_path%3Dtenant_a`, path)).toBe('tenant_a')
    expect(await asked(driver, `${url}?options=-c%20search_path%3Dtenant_b`, path)).toBe('tenant_b')
    expect(await asked(driver, url, path)).toBe('"$user", public')
    expect(await asked(driver, `${url}?application_name=one`, 'show application_name')).toBe('one')
    expect(await asked(driver, { ...pieces(), options: '-c search_path=a' }, path)).toBe('a')
    expect(await asked(driver, { ...pieces(), options: '-c search_path=b' }, path)).toBe('b')
    const types = { getTypeParser: () => (value: string) => `read: ${value}` } as never
    expect(await asked(driver, { ...pieces(), types }, 'select 1')).toBe('read: 1')
    expect(await asked(driver, pieces(), 'select 1')).toBe(1)
  })

  test('a wrong password is refused by the server, each time, whatever was opened with the right one', async () => {
    const driver = createDriver({ env: env() })
    const right = new driver.Pool(pieces())
    await right.query('select 1')
    await runOnPrimary(() => right.query('select 1'))
    const wrong = { ...pieces(), password: 'wrong' }
    for (let time = 0; time < 2; time++) {
      const client = new driver.Client(wrong)
      expect(await rejection(client.connect())).toMatchObject({ code: '28P01' })
      await withPool(driver, wrong, async (pool) => {
        expect(await rejection(pool.query('select 1'))).toMatchObject({ code: '28P01' })
        expect(await rejection(pool.connect())).toMatchObject({ code: '28P01' })
        expect(await rejection(runOnPrimary(() => pool.query('select 1')))).toMatchObject({ code: '28P01' })
        expect(await rejection(runOnPrimary(() => pool.connect()))).toMatchObject({ code: '28P01' })
      })
    }
    // Nobody else is the worse for it.
    expect(replicationOf(right).prober.isUnavailable).toBe(false)
    expect((await right.query('select current_user as name')).rows).toEqual([{ name: 'app' }])
    await right.end()
  })

  test('another user is another user, here and on the primary', async () => {
    const driver = createDriver({ env: env() })
    const who = 'select current_user as name'
    for (const user of ['app', 'tenant'] as const) {
      await withPool(driver, pieces(user), async (pool) => {
        expect((await pool.query(who)).rows).toEqual([{ name: user }])
        expect((await runOnPrimary(() => pool.query(who))).rows).toEqual([{ name: user }])
        expect(await asked(driver, pieces(user), 'select current_user')).toBe(user)
      })
    }
  })

  test('a password that changes is taken for the next connection', async () => {
    const driver = createDriver({ env: env() })
    let current = passwords.changing
    const config = { ...pieces('changing'), password: () => current, max: 1 }
    const pool = new driver.Pool(config)
    const onPrimary = (): Promise<unknown> => runOnPrimary(() => pool.query('select 1'))
    await pool.query('select 1')
    await onPrimary()
    const next = `${current}-and-after`
    await bench.cluster.primary.query(`alter role changing password '${next}'`)
    await bench.cluster.caughtUp()
    const old = new driver.Client(config)
    expect(await rejection(old.connect())).toMatchObject({ code: '28P01' })
    current = next
    passwords.changing = next
    for (const node of [bench.cluster.primary, bench.replica]) {
      await node.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'changing'")
    }
    expect(await asked(driver, config, 'select current_user')).toBe('changing')
    expect(await asked(driver, { ...config, password: next }, 'select current_user')).toBe('changing')
    await withPool(driver, config, async (fresh) => {
      await fresh.query('select 1')
      await runOnPrimary(() => fresh.query('select 1'))
      expect(await replicationOf(fresh).status()).toMatchObject({ replicaUnavailable: false })
    })
    await pool.end()
  })
})

test('runOnPrimary has the types and settings of the pool that asks, not of what was opened first', async () => {
  const driver = createDriver({ env: bench.env })
  const first = {
    types: { getTypeParser: () => (value: string) => value } as never,
    options: '-c search_path=tenant_a',
  }
  await asked(driver, { ...first, application_name: 'a' }, 'select 1')
  const sql = `select 1 as one, current_setting('search_path') as path, current_setting('application_name') as app,
    pg_is_in_recovery() as replica`
  await withPool(driver, { options: '-c search_path=tenant_b', application_name: 'b' }, async (pool) => {
    const expected = { one: 1, path: 'tenant_b', app: 'b' }
    expect((await pool.query(sql)).rows).toEqual([{ ...expected, replica: true }])
    expect((await runOnPrimary(() => pool.query(sql))).rows).toEqual([{ ...expected, replica: false }])
  })
})

test('a client’s own settings go before those in the environment’s URLs', async () => {
  const env = { ...bench.env, DATABASE_URL_AMS: `${bench.replica.url}?options=-c%20search_path%3Dfrom_the_environment` }
  const driver = createDriver({ env })
  expect(await asked(driver, {}, 'show search_path')).toBe('from_the_environment')
  expect(await asked(driver, { options: '-c search_path=own' }, 'show search_path')).toBe('own')
  const own = `${bench.cluster.primary.url}?options=-c%20search_path%3Din_url`
  expect(await asked(driver, own, 'show search_path')).toBe('in_url')
})

test('a login that is refused is no outage: the server is asked with another one', async () => {
  const driver = createDriver({ env: bench.env })
  const stale = new driver.Pool({ ...pieces('tenant'), password: 'yesterdays' })
  const replication = replicationOf(stale)
  expect(await rejection(replication.prober.probe())).toMatchObject({ code: '28P01' })
  expect(replication.prober.isUnavailable).toBe(false)
  const current = new driver.Pool(pieces('tenant'))
  expect(replicationOf(current)).toBe(replication)
  expect(await replication.status()).toMatchObject({ role: 'replica', replicaUnavailable: false })
  await current.end()
  // A real outage is one, and it is over when the server refuses the only login that is left.
  replication.prober.reportUnreachable(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }))
  expect(replication.prober.isUnavailable).toBe(true)
  while (replication.prober.isUnavailable) await new Promise((resolve) => setTimeout(resolve, 10))
  await stale.end()
})

test('what one login has written, the driver’s token covers for all', async () => {
  await bench.cluster.primary.query('grant all on item to tenant')
  const driver = createDriver({ env: home() })
  await asked(driver, pieces(), 'select 1')
  await withPool(driver, pieces('tenant'), async (pool) => {
    await request(() => pool.query('insert into item values (1)'))
    const { furthest } = replicationOf(pool).written
    expect(furthest).toBeDefined()
    expect(replicationOf(pool)).not.toBe(replicationOf(driver))
    expect(replicationOf(driver).name).toBe('app')
    expect(replicationOf(driver).written.furthest).toEqual(furthest)
  })
})

test('20,000 tenants, one after the other, leave nothing behind', async () => {
  const driver = createDriver({ env: bench.env })
  const tenant = async (n: number): Promise<void> => {
    const pool = new driver.Pool({ ...pieces(), options: `-c search_path=tenant_${n}`, max: 1 })
    // Some of them connect, here and to the primary.
    if (n % 100 === 0) {
      expect((await pool.query('show search_path')).rows).toEqual([{ search_path: `tenant_${n}` }])
      await runOnPrimary(() => pool.query('select 1'))
    }
    await pool.end()
  }
  // 16,000 of them, at a hundred bytes each, would be more; so would four connections of the driver's.
  expect(await heapGrowth(tenant)).toBeLessThan(1_500_000)
}, 60_000)

describe('what is printed', () => {
  const secret = /[0-9a-f]{32}|tenants-own|TOP-SECRET/

  test('of pools and clients shows no password and no key, and says the rest', async () => {
    const driver = createDriver({ env: bench.env })
    const ssl = { key: 'TOP-SECRET-KEY', passphrase: 'TOP-SECRET-PHRASE', rejectUnauthorized: false }
    for (const config of [pieces('tenant'), { connectionString: bench.cluster.primary.url }, { ...pieces(), ssl }]) {
      const pool = new driver.Pool({ ...config, max: 7 })
      const client = new driver.Client(config)
      const near = createPool({ env: home(), ...config })
      for (const made of [pool, client, near, driver, replicationOf(pool), replicationOf(pool).topology]) {
        expect(inspect(made, { depth: 8 })).not.toMatch(secret)
      }
      expect(JSON.stringify(pool.options)).not.toMatch(secret)
      expect(inspect(pool)).toContain('max: 7')
      await Promise.all([pool.end(), near.end()])
    }
  })

  test('is not what code reads that connects once more with a pool’s options, as Kysely does', async () => {
    for (const pool of [bench.far(), bench.near(), bench.far({ ...pieces('tenant') } as pg.PoolConfig)]) {
      const { Client, options } = pool as unknown as { Client: typeof pg.Client; options: pg.PoolConfig }
      const { rows } = await pool.query('select current_user as name, pg_is_in_recovery() as replica')
      const client = new Client({ ...options, password: options.password })
      await client.connect()
      const again = await client.query('select current_user as name, pg_is_in_recovery() as replica')
      expect(again.rows).toEqual(rows)
      await client.end()
      const bare = new pg.Client({ ...options, password: options.password })
      await bare.connect()
      expect((await bare.query('select current_user as name, pg_is_in_recovery() as replica')).rows).toEqual(rows)
      await bare.end()
    }
  })
})
