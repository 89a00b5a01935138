import { findPrimaryRequired, isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// Transactions on a replica's connection: aborted by a refusal as the server would, or moved to the primary as a whole.

const bench = new Bench(`
  create table item (id int primary key);
  create schema tenant; create table tenant.item (id int primary key);
  create function touch(id int) returns int language sql as $$ insert into item values (id) returning id $$`)

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

async function ids(table = 'item'): Promise<number[]> {
  const rows = await bench.cluster.primary.query<{ id: number }>(`select id from ${table} order by id`)
  await bench.cluster.primary.query(`delete from ${table}`)
  return rows.map(({ id }) => id)
}

const inRecovery = 'select pg_is_in_recovery() as replica'

describe.each([
  ['a refused write', 'insert into item values (1)', 'write'],
  ['a write that the server refuses', 'select touch(1)', 'refused'],
] as const)('%s aborts its transaction', (_, write, reason) => {
  test('everything is rejected as by the server, until ROLLBACK', async () => {
    await withClient(bench.far({ max: 1 }), async (client) => {
      await client.query('begin')
      await client.query('select 1')
      expect(await rejection(client.query(write))).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
      for (const sql of [
        'select 1',
        'insert into item values (2)',
        'savepoint s',
        'release s',
        'begin',
        'select 1; commit',
      ]) {
        const error = await rejection(client.query(sql))
        expect(error).toBeInstanceOf(pg.DatabaseError)
        expect(error).toMatchObject({ code: '25P02', severity: 'ERROR' })
        expect(findPrimaryRequired(error)?.target).toEqual({ region: 'ord' })
      }
      expect((await client.query('rollback')).command).toBe('ROLLBACK')
      expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    })
    expect(await ids()).toEqual([])
  })

  test('COMMIT reports ROLLBACK, by promise and by callback', async () => {
    await withClient(bench.far({ max: 1 }), async (client) => {
      for (const commit of ['commit', 'end', 'COMMIT WORK']) {
        await client.query('begin')
        await rejection(client.query(write))
        expect((await client.query(commit)).command).toBe('ROLLBACK')
      }
      await client.query('begin')
      await rejection(client.query(write))
      const result = await new Promise<pg.QueryResult>((resolve, reject) => {
        client.query('commit', (error: unknown, value: pg.QueryResult) => (error ? reject(error) : resolve(value)))
      })
      expect(result.command).toBe('ROLLBACK')
      expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    })
  })

  test('COMMIT AND CHAIN begins the next one', async () => {
    await withClient(bench.far({ max: 1 }), async (client) => {
      await client.query('begin')
      await rejection(client.query(write))
      expect((await client.query('commit and chain')).command).toBe('ROLLBACK')
      // Only in a transaction.
      await client.query('savepoint s')
      await client.query('commit')
    })
  })

  test('COMMIT AND CHAIN behind an error begins one without the modes of the one before, as the server does', async () => {
    const steps = async (client: pg.ClientBase): Promise<unknown> => {
      await client.query('begin isolation level repeatable read, read only')
      await rejection(client.query('select 1 / 0'))
      await client.query('rollback and chain')
      const { rowCount } = await client.query(write)
      const { rows } = await client.query('show transaction_isolation')
      await client.query('rollback')
      return { rows, rowCount }
    }
    const bare = await withClient(bench.bare(), steps)
    const far = await withClient(bench.far({ max: 1, outsideRequest: 'primary' }), steps)
    expect(bare).toEqual({ rows: [{ transaction_isolation: 'read committed' }], rowCount: 1 })
    expect(far).toEqual(bare)
  })

  test('what a transaction sets for those behind it does not make it read-only', async () => {
    const steps = async (client: pg.ClientBase): Promise<unknown> => {
      await client.query('begin')
      await client.query('set default_transaction_read_only to on')
      const { rowCount } = await client.query(write)
      await client.query('commit')
      return [rowCount, await rejection(client.query('insert into item values (99)'))]
    }
    const outcomes: unknown[] = []
    for (const pool of [bench.bare(), bench.far({ max: 1, outsideRequest: 'primary' })]) {
      outcomes.push(await withClient(pool, steps))
      expect(await ids()).toHaveLength(1)
    }
    expect(outcomes[1]).toEqual([1, expect.objectContaining({ code: '25006' })])
    expect(outcomes[1]).toEqual(outcomes[0])
  })

  test('ROLLBACK TO a savepoint revives it', async () => {
    const { state } = await inRequest(() =>
      withClient(bench.far({ max: 1 }), async (client) => {
        await client.query('begin')
        await client.query('savepoint before')
        await rejection(client.query(write))
        await client.query('rollback to before')
        expect((await client.query(inRecovery)).rows).toEqual([{ replica: true }])
        expect((await client.query('commit')).command).toBe('COMMIT')
      }),
    )
    // It was asked for, all the same: the request is replayed, and does on the primary what it is meant to do.
    expect(state.refusal).toMatchObject({ reason: expect.stringMatching(/write|refused/) })
    expect(reason).toMatch(/write|refused/)
  })
})

test('statements that are not waited for are refused just so', async () => {
  await withClient(bench.far({ max: 1 }), async (client) => {
    const results = await Promise.allSettled([
      client.query('begin'),
      client.query('insert into item values (1)'),
      client.query('select 1'),
      client.query('commit'),
    ])
    expect(
      results.map((result) => (result.status === 'fulfilled' ? result.value.command : result.reason.code)),
    ).toEqual(['BEGIN', 'ERR_PRIMARY_REQUIRED', '25P02', 'ROLLBACK'])
  })
})

describe('a transaction that was begun as READ ONLY refuses by itself', () => {
  test.each([
    ['BEGIN READ ONLY', ['begin read only']],
    ['START TRANSACTION … READ ONLY', ['start transaction isolation level repeatable read, read only']],
    ['SET TRANSACTION READ ONLY', ['begin', 'set transaction read only']],
  ])('%s: 25006 is passed on as it is, on the replica and on the primary', async (_, begin) => {
    for (const pool of [bench.far(), bench.near()]) {
      const { state, error } = await failedRequest(() =>
        withClient(pool, async (client) => {
          for (const sql of begin) await client.query(sql)
          try {
            await client.query('insert into item values (1)')
          } finally {
            await client.query('rollback')
          }
        }),
      )
      expect(error).toBeInstanceOf(pg.DatabaseError)
      expect(error).toMatchObject({ code: '25006' })
      expect([isPrimaryRequired(error), state.refusal]).toEqual([false, undefined])
    }
  })

  test('on the primary also where it is the default', async () => {
    const pool = bench.near({ options: '-c default_transaction_read_only=on' })
    const { state, error } = await failedRequest(() => pool.query('insert into item values (1)'))
    expect(error).toMatchObject({ code: '25006' })
    expect([isPrimaryRequired(error), state.refusal]).toEqual([false, undefined])
  })

  test('but not what only a standby refuses, nor a lock that would protect nothing there', async () => {
    await withClient(bench.far(), async (client) => {
      for (const sql of ["notify news, 'x'", 'select pg_advisory_xact_lock(1)']) {
        await client.query('begin read only')
        expect(isPrimaryRequired(await rejection(client.query(sql)))).toBe(true)
        await client.query('rollback')
      }
    })
  })
})

describe('where the request cannot be replayed', () => {
  const obstacle = 'upgrade' as const

  test('a transaction that begins with a write is begun on the primary, with its modes and settings', async () => {
    const pool = bench.far()
    const { state, value } = await inRequest(
      () =>
        withClient(pool, async (client) => {
          await client.query('begin')
          await client.query('set transaction isolation level repeatable read')
          await client.query('insert into item values (1)')
          const { rows } = await client.query('select current_setting($1) as level, pg_is_in_recovery() as replica', [
            'transaction_isolation',
          ])
          await client.query('commit')
          return [rows[0], (await client.query(inRecovery)).rows[0]]
        }),
      { obstacle },
    )
    // After its write the request reads what it wrote: on the primary.
    expect(value).toEqual([{ level: 'repeatable read', replica: false }, { replica: false }])
    expect(state.positions.get('app')).toMatchObject({ at: expect.any(String) })
    expect(await ids()).toEqual([1])
    expect((await request(() => pool.query(inRecovery))).rows).toEqual([{ replica: true }])
  })

  test('its ROLLBACK rolls back there', async () => {
    await inRequest(
      () =>
        withClient(bench.far(), async (client) => {
          await client.query('begin')
          await client.query('insert into item values (1)')
          await client.query('rollback')
        }),
      { obstacle },
    )
    expect(await ids()).toEqual([])
  })

  test('one that has read something is refused: it cannot be moved', async () => {
    const { error } = await failedRequest(
      () =>
        withClient(bench.far(), async (client) => {
          await client.query('begin')
          await client.query('select 1')
          try {
            await client.query('insert into item values (1)')
          } finally {
            expect(await rejection(client.query('select 1'))).toMatchObject({ code: '25P02' })
            expect((await client.query('commit')).command).toBe('ROLLBACK')
          }
        }),
      { obstacle },
    )
    expect(error).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'upgrade', detail: 'transaction' })
    expect(await ids()).toEqual([])
  })

  test('settings of the session go along, and do not stay behind', async () => {
    const pool = bench.far({ max: 1, primaryPool: { max: 1 } })
    await inRequest(
      () =>
        withClient(pool, async (client) => {
          await client.query('set search_path to tenant')
          await client.query('insert into item values (5)')
          await client.query('begin')
          await client.query('insert into item values (6)')
          await client.query('commit')
          await client.query('reset search_path')
        }),
      { obstacle },
    )
    expect(await ids('tenant.item')).toEqual([5, 6])
    await runOnPrimary(() => pool.query('insert into item values (7)'))
    expect(await ids()).toEqual([7])
  })

  test('what a connect listener sets up is set up there too', async () => {
    const pool = bench.far()
    pool.on('connect', (client) => void client.query('set search_path to tenant'))
    await runOnPrimary(() => pool.query('insert into item values (8)'))
    expect(await ids('tenant.item')).toEqual([8])
  })

  test('a transaction that only reads stays where it is while a write happens elsewhere: a snapshot reads on, others would miss it', async () => {
    const pool = bench.far({ max: 2 })
    const readsAfterAWrite = (begin: string, id: number): Promise<unknown> =>
      request(() =>
        withClient(pool, async (client) => {
          await client.query(begin)
          await client.query('select 1')
          await runOnPrimary(() => pool.query('insert into item values ($1)', [id]))
          try {
            return (await client.query(inRecovery)).rows
          } finally {
            await client.query('rollback')
          }
        }),
      )
    expect(await readsAfterAWrite('begin isolation level repeatable read', 9)).toEqual([{ replica: true }])
    const missing = await rejection(readsAfterAWrite('begin', 10))
    expect(missing).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'already-written', detail: 'transaction' })
    expect(await ids()).toEqual([9, 10])
  })

  test('a connection whose transaction nobody has ended is not given to anybody else', async () => {
    const pool = bench.far({ primaryPool: { max: 1 } })
    await inRequest(
      () =>
        withClient(pool, async (client) => {
          await client.query('begin')
          await client.query('insert into item values (10)')
        }),
      { obstacle },
    )
    expect((await runOnPrimary(() => pool.query('select count(*)::int as n from item'))).rows).toEqual([{ n: 0 }])
    expect(await ids()).toEqual([])
  })
})
