import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type FlyrouteEvents, runWithToken } from '@flyroute/core'
import { type DatabaseReplication, encodeToken } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'
import { inRequest } from '@flyroute/testkit/requests'
import { beforeEach, expect, test } from '@jest/globals'
import type { QueryConfig } from 'pg'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// A read with a token, where nothing says that the replica is behind: it asks and reads in one round trip.

const bench = new Bench('create table item (id int primary key)')
const question = /^select pg_is_in_recovery\(\)::text, pg_last_wal_replay_lsn/
let last = 0
let near: FlyroutePool
beforeEach(() => {
  near = bench.near()
})

/** Writes one row more, and gives its token. */
async function write(): Promise<string> {
  const { state } = await inRequest(() => near.query('insert into item values ($1)', [++last]))
  return encodeToken(state.positions)
}

/** A pool of one connection through a wire, which has been used once. */
async function far(wire: Wire, options = {}): Promise<FlyroutePool> {
  const env = { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) }
  const pool = bench.far({ env, max: 1, replayCostMs: 10_000, ...options })
  await pool.query('select 1')
  return pool
}

const rows = async (asked: Promise<{ rows: unknown[] }>): Promise<unknown[]> => (await asked).rows

test('question and read leave together, and the question only as long as the answer is not known', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = await far(wire)
  const token = await write()
  await bench.cluster.caughtUp()
  const oneWayMs = 250
  wire.delay(oneWayMs)
  const sentAt: number[] = []
  wire.statements.length = 0
  wire.onStatement = () => void sentAt.push(performance.now())
  const told: FlyrouteEvents['statement'][] = []
  const listen = (message: unknown): unknown => told.push(message as FlyrouteEvents['statement'])
  subscribe('flyroute:statement', listen)
  await runWithToken(token, async () => {
    const text = 'select id from item where id = $1'
    expect(await rows(pool.query(text, [last]))).toEqual([{ id: last }])
    expect(await rows(pool.query({ name: 'again', text, values: [last] }))).toEqual([{ id: last }])
  })
  const [asked, read, again] = wire.statements.filter((text) => !text.includes('pg_proc'))
  expect([question.test(asked ?? ''), read, again]).toEqual([true, expect.stringContaining('$1'), read])
  const [first = 0, second = 0] = sentAt
  expect(second - first).toBeLessThan(2 * oneWayMs)
  unsubscribe('flyroute:statement', listen)
  // Measured from when it was sent, and not from the answer to the question ahead of it.
  expect(told.map(({ durationMs }) => durationMs >= oneWayMs)).toEqual([true, true])
})

test('what was read too early is not seen: the read is made again when the replica has come so far', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = await far(wire)
  await bench.replica.pauseReplay()
  const token = await write()
  wire.statements.length = 0
  const reads: Promise<unknown>[] = []
  runWithToken(token, () => {
    reads.push(rows(pool.query('select max(id) as id from item')))
    reads.push(rows(pool.query({ text: 'select id from item where id = $1', values: [last], rowMode: 'array' })))
    reads.push(
      pool.query('select 1 / (select count(*) from item where id = $1)', [last]).then(() => 'no division by zero'),
    )
  })
  while (!wire.statements.some((text) => text.includes('max(id)'))) await new Promise(setImmediate)
  // Its answer has come, and was of no use: the next attempt waits for the replica.
  while ((pool.replication as unknown as DatabaseReplication).freshness.waiting === 0) await new Promise(setImmediate)
  await bench.replica.resumeReplay()
  expect(await Promise.all(reads)).toEqual([[{ id: last }], [[last]], 'no division by zero'])
  expect(wire.statements.filter((text) => text.includes('max(id)')).length).toBe(2)
})

test('errors of a read are its own', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = await far(wire)
  const error = async (query: QueryConfig): Promise<unknown> => {
    const token = await write()
    await bench.cluster.caughtUp()
    return runWithToken(token, () => pool.query(query)).catch(({ code, message }) => code ?? message)
  }
  expect(await error({ text: 'select nothing from item' })).toBe('42703')
  await error({ name: 'one', text: 'select 1' })
  expect(await error({ name: 'one', text: 'select 2' })).toMatch(/unique/)
  expect(await error({ text: 'select $1::int', values: ['x'] })).toBe('22P02')
  expect(await error({ text: 'select 1 as x' })).toMatchObject({ rows: [{ x: 1 }] })
})

test('where the connection breaks in between, the primary reads', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = await far(wire)
  const token = await write()
  await bench.cluster.caughtUp()
  wire.onStatement = (text, cut) => {
    if (question.test(text)) cut()
  }
  const read = runWithToken(token, () =>
    pool.query('select id, pg_is_in_recovery() as away from item where id = $1', [last]),
  )
  expect(await rows(read)).toEqual([{ id: last, away: false }])
})
