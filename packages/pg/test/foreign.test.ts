import { channel } from 'node:diagnostics_channel'
import { runOnPrimary } from '@flyroute/core'
import { createPool, type FlyroutePool } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { failedRequest, inRequest } from '@flyroute/testkit/requests'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'

// A server of another cluster (yesterday's copy, staging) is neither read nor written, whatever the settings say of it.

let ours: PostgresCluster
let other: PostgresCluster
beforeAll(async () => {
  ;[ours, other] = await Promise.all([startPostgres({ replicas: 1 }), startPostgres({ replicas: 1 })])
  for (const { primary } of [ours, other]) {
    await primary.query('create table item (id int)')
    await primary.query('alter table item owner to app')
  }
  await ours.primary.query('insert into item values (1)')
  await Promise.all([ours.caughtUp(), other.caughtUp()])
}, 60_000)
afterAll(() => Promise.all([ours?.dispose(), other?.dispose()]))

const pools: FlyroutePool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end()
})

function poolWith(replica: string): FlyroutePool {
  const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: ours.primary.url, DATABASE_URL_AMS: replica }
  const pool = createPool({ env })
  pools.push(pool)
  return pool
}

const count = 'select count(*)::int as n from item'

test.each([
  ['its primary', () => other.primary.url],
  ['its replica', () => other.replicas[0]?.url ?? ''],
])('settings that name another cluster, %s: out of reach from the first statement on, and said so', async (_, url) => {
  const events: unknown[] = []
  const listen = (message: unknown): unknown => events.push(message)
  for (const name of ['notice', 'replica-unavailable', 'role-mismatch']) channel(`flyroute:${name}`).subscribe(listen)
  // What was told before is kept for the first subscriber.
  events.length = 0
  const pool = poolWith(url())
  const { error } = await failedRequest(() => pool.query(count))
  for (const name of ['notice', 'replica-unavailable', 'role-mismatch']) channel(`flyroute:${name}`).unsubscribe(listen)
  expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
  expect(events).toEqual(
    expect.arrayContaining([
      { database: 'app', message: expect.stringContaining('another cluster') },
      { database: 'app', setting: 'DATABASE_URL_AMS', code: 'FOREIGN_CLUSTER' },
    ]),
  )
  expect(events).toHaveLength(2)
  expect(pool.replication.topology.role).toBe('replica')

  // Outside of a request reads go to the primary, and so does what must be written.
  expect((await pool.query(count)).rows).toEqual([{ n: 1 }])
  const client = await runOnPrimary(() => pool.connect())
  expect((await client.query(count)).rows).toEqual([{ n: 1 }])
  client.release()
  const { error: refusal } = await failedRequest(() => pool.query('insert into item values (2)'))
  expect(refusal).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
  expect(await other.primary.query(count)).toEqual([{ n: 0 }])
})

test('a replica of the primary is read at once', async () => {
  const pool = poolWith(ours.replicas[0]?.url ?? '')
  const { value } = await inRequest(() => pool.query('select pg_is_in_recovery() as here'))
  expect(value.rows).toEqual([{ here: true }])
})
