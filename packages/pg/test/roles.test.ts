import { channel } from 'node:diagnostics_channel'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { createPool } from '@flyroute/pg'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import { Bench, knowsRoutines } from './support/open.ts'
import { Wire } from './support/wire.ts'

// Who is primary and who is replica: asked of the server, on each connection, and again when it says so.

const bench = new Bench('create table item (id int primary key)')

function listening(): { told: unknown[]; stop: () => void } {
  const told: unknown[] = []
  const listen = (message: unknown): unknown => told.push(message)
  channel('flyroute:role-mismatch').subscribe(listen)
  return { told, stop: () => channel('flyroute:role-mismatch').unsubscribe(listen) }
}

test('settings of a replica that lead to the primary: it works, and is reported', async () => {
  const { told, stop } = listening()
  const pool = bench.far({
    env: { ...bench.env, DATABASE_URL_AMS: bench.cluster.primary.url.replace('127.0.0.1', 'localhost') },
  })
  await pool.query('select 1')
  stop()
  expect(told).toEqual([{ database: 'app', expected: 'replica', found: 'primary', setting: 'DATABASE_URL_AMS' }])
  expect(await pool.replication.status()).toMatchObject({ role: 'primary' })
  await pool.query('delete from item')
})

test('settings of the primary that lead to a replica: writes are refused as on one, and the connections left', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = bench.near({
    env: { ...bench.env, FLY_REGION: 'ord', DATABASE_URL: wire.url(bench.cluster.primary.url) },
    max: 1,
  })
  const { told, stop } = listening()
  await pool.query('select 1')
  expect(isPrimaryRequired(await rejection(pool.query('delete from item')))).toBe(true)
  expect(told).toEqual([{ database: 'app', expected: 'primary', found: 'replica', setting: 'DATABASE_URL' }])
  // The name leads to the primary by now: a connection that should not be used is not kept.
  wire.port = bench.cluster.primary.port
  const giveUpAt = Date.now() + 15_000
  const write = (): Promise<unknown> =>
    pool.query('delete from item').then(
      () => 'done',
      (error: unknown) => error,
    )
  let outcome: unknown
  while ((outcome = await write()) !== 'done' && Date.now() < giveUpAt) await pool.query('select 1')
  expect(outcome).toBe('done')
  stop()
  await pool.end()
})

test('a primary endpoint that leads to a replica: runOnPrimary fails and says so, and nothing goes in circles', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = bench.far({ env: { ...bench.env, DATABASE_URL: wire.url(bench.cluster.primary.url) } })
  const { error, state } = await failedRequest(() => runOnPrimary(() => pool.query('delete from item')))
  expect(error).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'no-primary' })
  expect(state.primaryUnreachable).toBe(error)
  expect(wire.connections).toBe(1)
  await pool.end()
})

test('a primary that has become read-only: its errors are its own, and its connections are left', async () => {
  const { primary } = bench.cluster
  const pool = bench.near({ max: 1 })
  const client = await pool.connect()
  await client.query('select 1')
  await primary.settings({ default_transaction_read_only: 'on' })
  try {
    const error = await rejection(request(() => client.query('delete from item')))
    expect(error).toMatchObject({ code: '25006' })
    expect(isPrimaryRequired(error)).toBe(false)
  } finally {
    await primary.settings({ default_transaction_read_only: null })
  }
  client.release()
  expect(pool.totalCount).toBe(0)
  await pool.query('delete from item')
})

test('a server that does not even tell its role is what the settings say', async () => {
  const { primary } = bench.cluster
  await primary.query('revoke execute on function pg_is_in_recovery() from public')
  await bench.cluster.caughtUp()
  try {
    const [near, far] = [bench.near(), bench.far()]
    await near.query('delete from item')
    expect((await far.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    expect(isPrimaryRequired(await rejection(far.query('delete from item')))).toBe(true)
    await runOnPrimary(() => far.query('delete from item'))
  } finally {
    await primary.query('grant execute on function pg_is_in_recovery() to public')
    await bench.cluster.caughtUp()
  }
})

describe("simulate: 'replica'", () => {
  const open = (): ReturnType<typeof createPool> =>
    createPool({ connectionString: bench.cluster.primary.url, env: {}, simulate: 'replica' })

  test('one local Postgres refuses as a replica would, and runOnPrimary writes', async () => {
    const pool = open()
    expect((await pool.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    expect(await rejection(pool.query('insert into item values (1)'))).toMatchObject({ reason: 'write' })
    await bench.cluster.primary.query(
      `create or replace function hidden() returns int language sql as $$ insert into item values (2) returning 1 $$`,
    )
    await knowsRoutines(pool, 'hidden()')
    expect(await rejection(pool.query('select hidden()'))).toMatchObject({
      reason: 'refused',
      cause: { code: '25006' },
    })
    await runOnPrimary(() => pool.query('insert into item values (3)'))
    expect(
      (await pool.query('delete from item returning id').catch(() => pool.query('select id from item'))).rows,
    ).toEqual([{ id: 3 }])
    await runOnPrimary(() => pool.query('delete from item'))
    expect(await pool.replication.status()).toMatchObject({ role: 'replica' })
    await pool.end()
  })

  test('so that a unit test can say: this route replays', async () => {
    const pool = open()
    const app = replayable(
      async (incoming: Request) => {
        if (incoming.method === 'GET') return Response.json((await pool.query('select id from item')).rows)
        await pool.query('insert into item values (4)')
        return new Response(null, { status: 201 })
      },
      { databases: [pool], replayBeforeHandler: [] },
    )
    expect((await app(new Request('http://app.test/items'))).status).toBe(200)
    const answer = await app(new Request('http://app.test/items', { method: 'PUT' }))
    expect(answer.headers.get('fly-replay')).toMatch(/^region=/)
    await pool.end()
  })
})

// The last one: the cluster is not what it was.
test('promotion on a live connection: the server says so, and the next write runs on the very connection', async () => {
  const pool = bench.far({ max: 1 })
  const client = await pool.connect()
  const pid = async (): Promise<unknown> =>
    (await client.query('select pg_backend_pid() as pid, pg_is_in_recovery() as replica')).rows
  const [before] = (await pid()) as { pid: number; replica: boolean }[]
  expect(before?.replica).toBe(true)
  expect(isPrimaryRequired(await rejection(client.query('delete from item')))).toBe(true)
  const { told, stop } = listening()
  await bench.replica.promote()
  expect(await pid()).toEqual([{ pid: before?.pid, replica: false }])
  await request(() => client.query('insert into item values (100)'))
  const { state } = await inRequest(() => client.query('insert into item values (101)'))
  expect(state.positions.get('app')).toMatchObject({ epoch: 2 })
  stop()
  expect(told).toEqual([{ database: 'app', expected: 'replica', found: 'primary', setting: 'DATABASE_URL_AMS' }])
  expect(pool.replication.topology.role).toBe('primary')
  client.release()
})
