import { runOnPrimary } from '@flyroute/core'
import { createDriver } from '@flyroute/pg'
import { expect, test } from '@jest/globals'
import Knex from 'knex'
import pg from 'pg'
import { Bench } from './support/open.ts'

// A client by itself is of a library's own pool, as Knex, Sequelize and MikroORM make them: it is never seen to be given back. What is
// set in its session holds for all of it, on whichever server.

const bench = new Bench(
  'create schema tenant_a create table item (note text); create schema tenant_b create table item (note text)',
)

const insert =
  "insert into item values (current_setting('app.tenant', true)) returning tableoid = 'tenant_b.item'::regclass as theirs, note"
const local = "select current_setting('search_path') as path, current_setting('app.tenant', true) as tenant"

type Steps = (client: pg.Client) => Promise<unknown>

const settings: [string, Steps][] = [
  ['awaited', (client) => client.query("set search_path = tenant_b; set app.tenant = 'b'")],
  [
    'one by one, with values',
    async (client) => {
      await client.query("set search_path = 'tenant_b'")
      await client.query('select set_config($1, $2, false)', ['app.tenant', 'b'])
    },
  ],
  [
    'in a transaction that writes',
    async (client) => {
      await client.query('begin')
      await client.query("insert into tenant_a.item values ('first')")
      await client.query("set search_path = tenant_b; set app.tenant = 'b'")
      await client.query('commit')
    },
  ],
  [
    'after one that was undone, and one that fails',
    async (client) => {
      await client.query('begin')
      await client.query("insert into tenant_a.item values ('undone')")
      await client.query('set search_path = nowhere')
      await client.query('rollback')
      await client.query('set role nobody_at_all').catch(() => undefined)
      await client.query("set search_path = tenant_b; set app.tenant = 'b'")
    },
  ],
]

test.each(settings)('a setting holds where it was made, and where its session goes: %s', async (_, steps) => {
  const driver = createDriver({ env: bench.env, outsideRequest: 'primary' })
  const client = new driver.Client()
  await client.connect()
  try {
    const written = await runOnPrimary(async () => {
      await steps(client)
      return (await client.query(insert)).rows
    })
    expect(written).toEqual([{ theirs: true, note: 'b' }])
    let isBack = false
    while (!isBack) {
      const [{ here, ...set }] = (await client.query(`${local}, pg_is_in_recovery() as here`)).rows
      expect(set).toEqual({ path: 'tenant_b', tenant: 'b' })
      isBack = here
    }
    expect((await client.query(insert)).rows).toEqual(written)
  } finally {
    await client.end()
  }
})

test('Knex sets the schema of its connections, which are made inside of runOnPrimary', async () => {
  const driver = createDriver({ env: bench.env })
  const db = Knex({
    client: 'pg',
    connection: bench.cluster.primary.url,
    searchPath: ['tenant_b'],
    pool: { min: 0, max: 1 },
  })
  db.client.driver = driver
  try {
    await runOnPrimary(() => db('item').insert({ note: 'k' }))
    const { rows } = await bench
      .bare(bench.cluster.primary.adminUrl)
      .query("select 1 from tenant_b.item where note = 'k'")
    expect(rows).toHaveLength(1)
    expect((await db.raw(local)).rows).toEqual([{ path: 'tenant_b', tenant: null }])
  } finally {
    await db.destroy()
  }
})

test('a client hears that it has nothing more to do, wherever its statements run', async () => {
  const drainsOf = async (client: pg.Client): Promise<number> => {
    let drains = 0
    client.on('drain', () => drains++)
    await client.connect()
    await client.query('select 1')
    await client.query("insert into tenant_a.item values ('drained')")
    // A client that ends at its drain ends.
    client.on('drain', () => void client.end())
    const ended = new Promise((resolve) => client.once('end', resolve))
    await client.query("insert into tenant_a.item values ('drained')")
    await ended
    return drains
  }
  const driver = createDriver({ env: bench.env, outsideRequest: 'primary' })
  const far = await drainsOf(new driver.Client())
  expect(far).toBe(await drainsOf(new pg.Client(bench.cluster.primary.url)))
}, 20_000)
