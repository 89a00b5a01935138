import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'

let cluster: PostgresCluster
beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
})
afterAll(async () => {
  await cluster?.dispose()
})

test('reads next door, refuses a write, writes on the primary when told', async () => {
  const env = {
    FLY_REGION: 'ams',
    PRIMARY_REGION: 'ord',
    DATABASE_URL: cluster.primary.url,
    DATABASE_URL_AMS: cluster.replicas[0]!.url,
  }
  const pool = createPool({ env })
  expect(pool).toBeInstanceOf(pg.Pool)
  const { rows } = await pool.query('select pg_is_in_recovery() as r')
  expect(rows).toEqual([{ r: true }])
  await expect(pool.query('create table t (id int)')).rejects.toMatchObject({
    code: 'ERR_PRIMARY_REQUIRED',
    reason: 'write',
  })
  await runOnPrimary(() => pool.query('create table t (id int)'))
  await cluster.caughtUp()
  const client = await pool.connect()
  await client.query('begin')
  await client.query('select 1')
  const error = await client.query('insert into t values (1)').catch((e) => e)
  expect(isPrimaryRequired(error)).toBe(true)
  const aborted = await client.query('select 1').catch((e) => e)
  expect(aborted.code).toBe('25P02')
  expect(isPrimaryRequired(aborted)).toBe(true)
  expect((await client.query('commit')).command).toBe('ROLLBACK')
  expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }])
  client.release()
  expect(pool.totalCount).toBe(1)
  await pool.end()
})
