import { runOnPrimary, runWithToken } from '@flyroute/core'
import { currentScope } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// Whose statement it is: that of the request which called, whoever's turn it is when it is sent and answered.

const bench = new Bench('create table item (id int primary key)')

const requests = 20

/** Many requests at once over two connections, each of which says whether its callbacks ran in its own scope. */
async function crowd(run: (done: (value: unknown) => void) => void): Promise<boolean[]> {
  return Promise.all(
    Array.from({ length: requests }, async () => {
      const { state, value } = await inRequest(() => new Promise<unknown>(run))
      return value === state
    }),
  )
}

const here = (): unknown => currentScope()?.request

describe.each([
  ['the replica', () => bench.far({ max: 2 })],
  ['the primary', () => bench.near({ max: 2 })],
])('on %s, with 20 requests over 2 connections', (_, open) => {
  test.each<[string, (pool: FlyroutePool, done: (value: unknown) => void) => void]>([
    ['pool.query by callback', (pool, done) => pool.query('select 1', () => done(here()))],
    ['pool.query by promise', (pool, done) => void pool.query('select 1').then(() => done(here()))],
    ['pool.connect by callback', (pool, done) => pool.connect((_error, _client, release) => {
      done(here())
      release()
    })], // biome-ignore format: short
    ['client.query by callback', (pool, done) => pool.connect((_error, client, release) => {
      client?.query('select 1', () => {
        done(here())
        release()
      })
    })], // biome-ignore format: short
    ['an error by callback', (pool, done) => pool.query('select 1/0', () => done(here()))],
    ['a refusal or a write by callback', (pool, done) => pool.query('delete from item', () => done(here()))],
    ['the end of a query object', (pool, done) => void pool.connect().then((client) => {
      client.query({ text: 'select 1', callback: () => {
        done(here())
        client.release()
      } } as never)
    })], // biome-ignore format: short
  ])('%s comes back in the scope that asked', async (_title, run) => {
    const pool = open()
    expect(await crowd((done) => run(pool, done))).toEqual(Array.from({ length: requests }, () => true))
  })

  test('what runs outside of a request comes back outside of it, whoever made the connection', async () => {
    const pool = open()
    await request(() => Promise.all([pool.query('select 1'), pool.query('select 1')]))
    const crowded = crowd((done) => pool.query('select pg_sleep(0.01)', () => done(here())))
    const outside = await Promise.all(
      Array.from({ length: 5 }, () => new Promise((resolve) => pool.query('select 1', () => resolve(here())))),
    )
    await crowded
    expect(outside).toEqual(outside.map(() => undefined))
  })
})

test('each request has its own refusal, in a pool that all of them wait for', async () => {
  const pool = bench.far({ max: 2 })
  const refused = await Promise.all(
    Array.from({ length: requests }, async (_, i) => {
      const { state } = await inRequest(async () => {
        const client = await pool.connect()
        await client.query('select pg_sleep(0.002)')
        if (i % 2 === 0) await client.query('delete from item').catch(() => undefined)
        client.release()
      })
      return state.refusal !== undefined
    }),
  )
  expect(refused).toEqual(refused.map((_, i) => i % 2 === 0))
})

describe('the pool behind runOnPrimary', () => {
  const connections = async (): Promise<number> => {
    const [row] = await bench.cluster.primary.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where usename = 'app' and application_name <> 'flyroute'",
    )
    return row?.n ?? -1
  }

  test('is opened only when it is needed, and is bounded', async () => {
    const pool = bench.far({ max: 20 })
    await Promise.all(Array.from({ length: 10 }, () => pool.query('select 1')))
    expect(await connections()).toBe(0)
    const many = Array.from({ length: 20 }, () => runOnPrimary(() => pool.query('select pg_sleep(0.05)')))
    await many[0]
    expect(await connections()).toBeLessThanOrEqual(5)
    await Promise.all(many)
  })

  test('has time-outs of its own, which the app can change', async () => {
    const pool = bench.far({ primaryPool: { max: 1, query_timeout: 100, connectionTimeoutMillis: 300 } })
    expect(await rejection(runOnPrimary(() => pool.query('select pg_sleep(0.6)')))).toMatchObject({
      message: 'Query read timeout',
    })
    await runOnPrimary(async () => {
      const client = await pool.connect()
      expect(await rejection(pool.query('select 1'))).toMatchObject({
        message: 'timeout exceeded when trying to connect',
      })
      client.release()
    })
  })

  test('is what a request without a way back uses, for single statements, clients and callbacks', async () => {
    const pool = bench.far()
    const { value, state } = await inRequest(async (own) => {
      own.answerBegins()
      await pool.query('insert into item values (1)')
      const client = await pool.connect()
      const { rows } = await client.query('select id, pg_is_in_recovery() as replica from item')
      client.release()
      const called = await new Promise((resolve) =>
        pool.query('delete from item returning id', (_, result) => resolve([result.rows, here()])),
      )
      return [rows, called]
    })
    expect(value).toEqual([[{ id: 1, replica: false }], [[{ id: 1 }], state]])
    expect(state.positions.get('app')).toMatchObject({ at: expect.any(String) })
  })
})

describe('outside of any request', () => {
  test('a write is refused, in words that name both ways', async () => {
    const { message } = await rejection(bench.far().query('delete from item'))
    expect(message).toMatch(
      /^\[ERR_PRIMARY_REQUIRED\] .*outside a request; wrap the work in runOnPrimary\(fn\), or set outsideRequest: 'primary'$/,
    )
  })

  test('a job that carries a token waits for the replica, also with a client of its own', async () => {
    const [near, far] = [bench.near(), bench.far()]
    await bench.replica.setApplyDelay(150)
    try {
      await near.query('insert into item values (7)')
      const token = await near.replication.currentToken()
      const ids = await runWithToken(token, async () => {
        const client = await far.connect()
        try {
          // Behind the one that waits, in their order.
          const [, , result] = await Promise.all([
            client.query('begin'),
            client.query('select 1'),
            client.query('select id, pg_is_in_recovery() as replica from item'),
            client.query('commit'),
          ])
          return result.rows
        } finally {
          client.release()
        }
      })
      expect(ids).toEqual([{ id: 7, replica: true }])
    } finally {
      await bench.replica.setApplyDelay(0)
      await near.query('delete from item')
    }
  })

  test('… and when it stays behind, the read is refused as stale; the client goes on', async () => {
    const [near, far] = [bench.near(), bench.far()]
    await near.query('insert into item values (8)')
    await bench.replica.pauseReplay()
    try {
      await near.query('delete from item')
      const token = await near.replication.currentToken()
      const signal = AbortSignal.timeout(50)
      await runWithToken(token, async () => {
        await expect(far.replication.waitFor(token, { signal })).rejects.toThrow()
      })
      const client = await far.connect()
      const { error } = await failedRequest(() => runWithToken(token, () => client.query('select 1')))
      expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'stale' })
      expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }])
      client.release()
    } finally {
      await bench.replica.resumeReplay()
    }
  })
})
