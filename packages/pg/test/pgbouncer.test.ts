import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary, runWithToken } from '@flyroute/core'
import { createPool, type FlyroutePool, type FlyroutePoolOptions } from '@flyroute/pg'
import { whyNoPgbouncer } from '@flyroute/testkit'
import { rejection, request } from '@flyroute/testkit/requests'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { PooledCluster } from './support/pooled.ts'

// What a session is behind the real PgBouncer, in both of its modes, beside the bare driver there.

const missing = await whyNoPgbouncer()
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.each(['session', 'transaction'] as const)('in %s mode', (mode) => {
  const testHere = missing === undefined ? test : test.skip
  let cluster: PooledCluster
  const pools: pg.Pool[] = []
  beforeAll(async () => {
    if (missing !== undefined) return
    cluster = await PooledCluster.start(mode)
    const bare = new pg.Client({ connectionString: cluster.primary.url })
    await bare.connect()
    await bare.query('create table item (id int primary key)')
    await bare.end()
    await cluster.caughtUp()
  }, 60_000)
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end()
  })
  afterAll(() => cluster?.dispose())

  const open = (region: 'ord' | 'ams', options: FlyroutePoolOptions = {}): FlyroutePool => {
    const { primary, replicas } = cluster
    const env = {
      FLY_REGION: region,
      PRIMARY_REGION: 'ord',
      DATABASE_URL: primary.url,
      DATABASE_URL_AMS: replicas[0]!.url,
    }
    const pool = createPool({ env, ...options })
    pools.push(pool)
    return pool
  }
  const bare = (): pg.Pool => {
    const pool = new pg.Pool({ connectionString: cluster.primary.url })
    pools.push(pool)
    return pool
  }

  testHere('tokens: who has written sees it, again and again, on a replica', async () => {
    const [near, far] = [open('ord'), open('ams')]
    for (let id = 1; id <= 30; id++) {
      await request(() => near.query('insert into item values ($1)', [id]))
      const token = await near.replication.currentToken()
      const { rows } = await runWithToken(token, () => far.query('select id from item where id = $1', [id]))
      expect(rows).toEqual([{ id }])
    }
    expect(await far.replication.status()).toMatchObject({ role: 'replica', lagBytes: 0 })
  })

  testHere('what a session has on the primary from the region of a replica is of its transaction', async () => {
    const far = open('ams')
    await runOnPrimary(async () => {
      const client = await far.connect()
      await client.query('begin')
      await client.query("set local application_name = 'mine'")
      await client.query('create temporary table scratch (id int) on commit drop')
      await client.query('insert into scratch values (1)')
      await client.query('select pg_advisory_xact_lock(7)')
      expect(
        (await client.query('select id, current_setting($1) as name from scratch', ['application_name'])).rows,
      ).toEqual([{ id: 1, name: 'mine' }])
      await client.query('commit')
      client.release()
    })
  })

  testHere('a setting that PgBouncer keeps for each client is kept', async () => {
    const pool = open('ord')
    const [one, two] = [await pool.connect(), await pool.connect()]
    await one.query("set time zone 'Europe/Amsterdam'")
    await two.query("set time zone 'Asia/Tokyo'")
    for (let count = 0; count < 4; count++) {
      expect((await one.query('show time zone')).rows).toEqual([{ TimeZone: 'Europe/Amsterdam' }])
      expect((await two.query('show time zone')).rows).toEqual([{ TimeZone: 'Asia/Tokyo' }])
    }
    for (const client of [one, two]) client.release()
  })

  testHere('named statements do as with the bare driver', async () => {
    const run = async (pool: pg.Pool): Promise<unknown[]> => {
      const clients = [await pool.connect(), await pool.connect()]
      const come: unknown[] = []
      for (let count = 0; count < 4; count++) {
        for (const client of clients) {
          const named = { name: 'of-two', text: 'select $1::int as n', values: [count] }
          come.push(
            await client.query(named).then(
              ({ rows }) => rows,
              (error) => (error as { code: string }).code,
            ),
          )
        }
      }
      for (const client of clients) client.release(true)
      return come
    }
    for (const come of [await run(bare()), await run(open('ord'))]) {
      // In transaction mode each meets whichever connection of the pooler's it meets: there it is, or is not, or is another client's.
      const errors = come.filter(
        (one) => typeof one === 'string' && !(mode === 'transaction' && /^(26000|42P05)$/.test(one)),
      )
      expect(errors).toEqual([])
      expect(come).toHaveLength(8)
    }
  })

  const forSession = [
    'listen news',
    'select pg_advisory_lock(42)',
    'select pg_try_advisory_lock(42)',
    'create temporary table scratch (id int)',
    'select 1 as one into temp scratch',
    'prepare one as select 1',
    'declare rows cursor with hold for select 1',
  ]

  testHere('what needs a session has one, or is refused clearly', async () => {
    for (const region of ['ord', 'ams'] as const) {
      const pool = open(region, mode === 'transaction' ? { pooler: mode } : {})
      for (const sql of forSession) {
        // On a session that nothing else is done with.
        const client = await runOnPrimary(() => pool.connect())
        if (mode === 'session') {
          if (sql.startsWith('declare')) await client.query('begin')
          await client.query(sql)
        } else {
          const error = await rejection(client.query(sql))
          expect(error).toMatchObject({ code: 'ERR_CONFIGURATION' })
          expect(error.message).toMatch(/pooler .*session.*around the pooler/)
          expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
        }
        client.release(true)
      }
      for (const sql of [
        'select pg_advisory_xact_lock(42)',
        'unlisten *',
        "select 'listen' as word",
        "set work_mem = '4MB'",
      ])
        await runOnPrimary(() => pool.query(sql))
    }
  })

  if (mode === 'session') {
    testHere('a notification arrives', async () => {
      const client = await open('ord').connect()
      await client.query('listen news')
      const heard = once(client, 'notification')
      await open('ams', { outsideRequest: 'primary' }).query("select pg_notify('news', 'it works')")
      expect(await heard).toMatchObject([{ channel: 'news', payload: 'it works' }])
      client.release(true)
      await sleep(0)
    })
  }
})
