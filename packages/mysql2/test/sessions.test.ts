import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/mysql2/promise'
import { startMariadb } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { innodbStatus, openTransactions } from '@flyroute/testkit/innodb'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import type { Pool, RowDataPacket } from 'mysql2'
import type { PoolConnection } from 'mysql2/promise'
import { Bench } from './support/open.ts'

// What a connection is in the middle of, and what a reset, or another user, makes of that.

const bench = new Bench(
  () => startMariadb({ replicas: 1 }),
  [
    'create table app.item (id int primary key auto_increment, name varchar(40) not null)',
    "insert into app.item (name) values ('one'), ('two')",
    "create user 'other'@'%' identified by 'pw'",
    "grant all on app.* to 'other'@'%'",
  ],
)

const write = "insert into item (name) values ('new')"
const ways: Readonly<Record<string, (connection: PoolConnection) => Promise<void>>> = {
  'a reset': (connection) => connection.reset(),
  'another user': (connection) => connection.changeUser({ user: 'other', password: 'pw' }),
}

async function portOf(db: Pick<PoolConnection, 'query'>): Promise<number> {
  const [[row]] = await db.query<RowDataPacket[]>('select @@port as port')
  return row?.['port']
}

async function count(): Promise<number> {
  const [row] = await bench.primary.query<{ n: number }>('select count(*) as n from app.item')
  return Number(row?.n)
}

describe.each(Object.entries(ways))('%s', (_, reset) => {
  test('on the primary, rolls back what was written: nothing was committed, whatever was queued ahead of it', async () => {
    const pool = bench.near({ connectionLimit: 1 })
    const connection = await pool.getConnection()
    const before = await count()
    const { state } = await inRequest(async () => {
      await Promise.all([connection.beginTransaction(), connection.query(write), reset(connection)])
      await connection.query('select 1')
    })
    expect(state).toMatchObject({ committed: false, writesUnderWay: 0 })
    expect([...state.positions]).toEqual([])
    expect(await count()).toBe(before)
    // What comes behind it is a transaction of its own, and has its position.
    const { state: next } = await inRequest(() => connection.query(write))
    expect([...next.positions.values()]).toEqual([expect.objectContaining({ at: expect.stringMatching(/^0-\d+-\d+/) })])
    connection.release()
  })

  test('on a replica, ends a transaction in which something was refused', async () => {
    const pool = bench.far({ connectionLimit: 1 })
    const connection = await pool.getConnection()
    await connection.beginTransaction()
    expect(isPrimaryRequired(await rejection(connection.query(write)))).toBe(true)
    expect(isPrimaryRequired(await rejection(connection.query('select 1')))).toBe(true)
    await reset(connection)
    expect(await portOf(connection)).toBe(bench.replica.port)
    expect(isPrimaryRequired(await rejection(connection.query(write)))).toBe(true)
    connection.release()
  })

  test('is of the connection to the primary where that is used, and leaves nothing open there', async () => {
    const pool = bench.far({ connectionLimit: 1 })
    const connection = await pool.getConnection()
    const before = await count()
    await runOnPrimary(async () => {
      await connection.beginTransaction()
      await connection.query(write)
    })
    expect(await portOf(connection)).toBe(bench.primary.port)
    await reset(connection)
    // It was reset there, where it stays until it is given back.
    expect(await portOf(connection)).toBe(bench.primary.port)
    connection.release()
    await eventually(async () => {
      const [row] = await bench.primary.query<{ Status: string }>(innodbStatus)
      expect(openTransactions(row?.Status ?? '')).toEqual([])
    })
    expect(await count()).toBe(before)
  })

  test('a statement that was executed before is prepared again behind it', async () => {
    for (const pool of [bench.near({ connectionLimit: 1 }), bench.far({ connectionLimit: 1 })]) {
      const connection = await pool.getConnection()
      const read = async (): Promise<unknown> =>
        (await connection.execute('select name from item where id = ?', [1]))[0]
      expect(await read()).toEqual([{ name: 'one' }])
      const old = await connection.prepare('select name from item where id = ?')
      await reset(connection)
      expect(await read()).toEqual([{ name: 'one' }])
      expect(await rejection(old.execute([1]))).toMatchObject({ code: 'ER_UNKNOWN_STMT_HANDLER' })
      expect(await read()).toEqual([{ name: 'one' }])
      connection.release()
    }
  })
})

test('a transaction on the primary, on a connection that leads to the replica, is one', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const connection = await pool.getConnection()
  const before = await count()
  for (const end of ['rollback', 'commit'] as const) {
    await runOnPrimary(async () => {
      await connection.beginTransaction()
      await connection.query(write)
      await connection.execute(write)
      expect(await count()).toBe(before)
      await connection[end]()
    })
    expect(await count()).toBe(end === 'commit' ? before + 2 : before)
    // What has moved stays, until it is given back: a session is on one server.
    expect(await portOf(connection)).toBe(bench.primary.port)
  }
  connection.release()
  expect(await portOf(pool)).toBe(bench.replica.port)
})

test('a pool that resets what it gets back: transactions are over, and positions go on', async () => {
  const pool = bench.near({ connectionLimit: 1, resetOnRelease: true })
  const before = await count()
  const { state } = await inRequest(async () => {
    const connection = await pool.getConnection()
    await connection.beginTransaction()
    await connection.query(write)
    connection.release()
    await pool.query('select 1')
  })
  // It was given back in the middle: what would come of it, nobody could know.
  expect(state.writesUnderWay).toBe(0)
  expect(await count()).toBe(before)
  const { state: next } = await inRequest(() => pool.query(write))
  expect([...next.positions.values()]).toEqual([expect.objectContaining({ at: expect.any(String) })])
})

test('a slow reader holds up nobody but its own connection, and gets every row', async () => {
  for (const consistency of ['read-your-writes', 'monotonic'] as const) {
    const pool = bench.far({ connectionLimit: 2 })
    const { value } = await inRequest(
      async () => {
        const { pool: callbacks } = pool as unknown as { pool: Pool }
        const stream = callbacks.query('select seq from seq_1_to_5000').stream({ highWaterMark: 4 })
        let rows = 0
        for await (const row of stream) {
          expect(row).toEqual({ seq: ++rows })
          if (rows % 1_000 === 0) expect(await portOf(pool)).toBe(bench.replica.port)
        }
        return rows
      },
      { consistency },
    )
    expect(value).toBe(5_000)
  }
})

test('a reader that stops in the middle gives its connection back', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const { pool: callbacks } = pool as unknown as { pool: Pool }
  for (const [sql, isRefused] of [
    ['select seq from seq_1_to_5000', false],
    ['select * from item for update', true],
  ] as const) {
    const reading = async (): Promise<void> => {
      for await (const _ of callbacks.query(sql).stream({ highWaterMark: 2 })) break
    }
    expect(isPrimaryRequired(await reading().catch((error: unknown) => error))).toBe(isRefused)
    expect(await portOf(pool)).toBe(bench.replica.port)
  }
})

test('a connection that the app has paused goes on when it is resumed', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const connection = await pool.getConnection()
  expect(await portOf(connection)).toBe(bench.replica.port)
  const refused = rejection(connection.query(write))
  connection.connection.pause()
  const asked = connection.query('select 1 as one')
  expect(isPrimaryRequired(await refused)).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 50))
  connection.connection.resume()
  expect((await asked)[0]).toEqual([{ one: 1 }])
  connection.release()
})

test('what is disposed of by `using` is given back, or ended', async () => {
  {
    await using pool = createPool({ env: bench.env, connectionLimit: 1 })
    {
      await using connection = await pool.getConnection()
      expect(await portOf(connection)).toBe(bench.replica.port)
    }
    expect(await portOf(pool)).toBe(bench.replica.port)
    expect(await runOnPrimary(() => portOf(pool))).toBe(bench.primary.port)
  }
  await eventually(async () => {
    for (const node of [bench.primary, bench.replica]) {
      expect(await node.query("select id from information_schema.processlist where user = 'app'")).toEqual([])
    }
  })
})
