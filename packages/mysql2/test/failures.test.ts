import { once } from 'node:events'
import type { Socket } from 'node:net'
import { healthResponse, runOnPrimary } from '@flyroute/core'
import { createDriver } from '@flyroute/mysql2'
import { createPool, type FlyroutePool } from '@flyroute/mysql2/promise'
import { startMariadb } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { failedRequest, inRequest, rejection } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import mysql from 'mysql2'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { openDatabases } from '../src/database.ts'
import { resolve as resolveOptions } from '../src/options.ts'
import { openPrimaryPool, PrimaryPool } from '../src/primary-pool.ts'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// A server that goes away, or hangs, in the middle of something: no crash, no lost read, nothing that is done twice, no
// connection that leaks, and the way back.

const bench = new Bench(
  () => startMariadb({ replicas: 1 }),
  [
    'create table app.item (id int primary key auto_increment, name varchar(40) not null)',
    "insert into app.item (name) values ('one')",
    "create definer = 'app'@'%' procedure app.add_item(in name varchar(40)) modifies sql data insert into item (name) values (name)",
  ],
)

const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)
beforeAll(() => void process.on('unhandledRejection', note).on('uncaughtException', note))
afterAll(() => {
  process.off('unhandledRejection', note).off('uncaughtException', note)
  expect(unhandled).toEqual([])
})

const where = 'select @@port as port'

async function portOf(db: Pick<FlyroutePool | PoolConnection, 'query'>): Promise<number> {
  const [[row]] = await db.query<RowDataPacket[]>(where)
  return row?.['port']
}

async function readsLocally(pool: FlyroutePool): Promise<void> {
  await eventually(async () => expect(await portOf(pool)).toBe(bench.replica.port))
}

/** What a server runs for the app at the moment, by its text. */
async function running(node: 'primary' | 'replica', text: string): Promise<number | undefined> {
  const [row] = await bench[node].query<{ id: number }>(
    `select id from information_schema.processlist where user = 'app' and info like '${text}%'`,
  )
  return row?.id
}

async function kill(node: 'primary' | 'replica', text: string): Promise<void> {
  await eventually(async () => expect(await running(node, text)).toBeDefined())
  await bench[node].query(`kill connection ${await running(node, text)}`)
}

/** From now on, how often a server was sent a statement, by its whole text. */
async function logOf(node: 'primary' | 'replica'): Promise<(sql: string) => Promise<number>> {
  await bench[node].query("set global log_output = 'TABLE'")
  await bench[node].query('set global general_log = 1')
  return async (sql) => {
    const text = `select count(*) as n from mysql.general_log where command_type in ('Query', 'Execute') and argument = '${sql}'`
    return Number((await bench[node].query<{ n: number }>(text))[0]?.n)
  }
}

async function names(): Promise<string[]> {
  return (await bench.primary.query<{ name: string }>('select name from app.item order by id')).map(({ name }) => name)
}

test('an idle connection that dies is no more than a new connection', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const [[row]] = await pool.query<RowDataPacket[]>('select connection_id() as id')
  await bench.replica.query(`kill connection ${row?.['id']}`)
  await readsLocally(pool)
})

test('a read that is cut: replayed in a request, made on the primary outside of one', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const slow = 'select @@port as port, sleep(if(@@port = ?, 30, 0)) as slept'
  const read = async (): Promise<number> => {
    const [[row]] = await pool.query<RowDataPacket[]>(slow, [bench.replica.port])
    return row?.['port']
  }
  const outside = read()
  await kill('replica', 'select @@port as port, sleep')
  expect(await outside).toBe(bench.primary.port)
  await readsLocally(pool)
  const inside = failedRequest(read)
  await kill('replica', 'select @@port as port, sleep')
  const { error, state } = await inside
  expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
  expect(state.refusal).toBe(error)
  await readsLocally(pool)
})

test('a read that is cut in the middle of its rows: replayed in a request, and not made again outside of one', async () => {
  const pool = bench.far({ connectionLimit: 1 })
  const many = "select seq, repeat('x', 1000) as filler from seq_1_to_200000"
  /** Cuts a connection as soon as something of the next answer is there. */
  const cutInAnswer = ({ stream, threadId }: { stream: Socket; threadId: number }): void => {
    stream.once('data', () => {
      stream.pause()
      void bench.replica.query(`kill connection ${threadId}`).then(() => stream.resume())
    })
  }
  const read = async (): Promise<unknown> => {
    const connection = await pool.getConnection()
    try {
      await portOf(connection)
      cutInAnswer(connection.connection as unknown as Parameters<typeof cutInAnswer>[0])
      return await connection.query(many)
    } finally {
      connection.release()
    }
  }
  const lost = await rejection(read())
  expect(lost['code']).toMatch(/ECONNRESET|PROTOCOL_CONNECTION_LOST/)
  await readsLocally(pool)
  const { error, state } = await failedRequest(read)
  expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
  expect(state.refusal).toBe(error)
  await readsLocally(pool)
  // The connection of a single statement goes, and who waits for it gets another one.
  pool.pool.once('acquire', (connection) => cutInAnswer(connection as unknown as Parameters<typeof cutInAnswer>[0]))
  const single = rejection(pool.query(many))
  const next = portOf(pool)
  expect((await single)['code']).toMatch(/ECONNRESET|PROTOCOL_CONNECTION_LOST/)
  expect([bench.replica.port, bench.primary.port]).toContain(await next)
  await readsLocally(pool)
})

test('what may have written is not tried again elsewhere when its connection is lost', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = bench.far({
    connectionLimit: 1,
    outsideRequest: 'primary',
    env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) },
  })
  // Until the server has told which routines there are, a call of one goes to the primary.
  let isHere = false
  wire.onCommand = (text) => {
    isHere ||= text.includes('add_item')
  }
  await eventually(async () => {
    await pool.query("call add_item('warming up')")
    expect(isHere).toBe(true)
  })
  wire.onCommand = (text, { cut }) => void (text.includes('add_item') && cut())
  const error = await rejection(pool.query("call add_item('twice?')"))
  expect(error['code']).toMatch(/ECONNRESET|PROTOCOL_CONNECTION_LOST/)
  expect(await names()).not.toContain('twice?')
  // A read is.
  await eventually(async () => expect(await portOf(pool)).toBe(bench.replica.port))
  wire.onCommand = (text, { cut }) => void (text.includes('name') && cut())
  expect((await pool.query('select name from item where id = 1'))[0]).toEqual([{ name: 'one' }])
})

test('a statement that the driver had prepared, and closed to make room, is read elsewhere as any other', async () => {
  await using wire = await Wire.to(bench.replica.port)
  const pool = bench.far({
    connectionLimit: 1,
    maxPreparedStatements: 1,
    outsideRequest: 'primary',
    env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) },
  })
  const [one, other] = ['select name from item where id = ?', 'select id from item where id = ?']
  for (const sql of [one, one, other]) await pool.execute(sql, [1])
  wire.onCommand = (text, { cut }) => void (text.includes(one) && cut())
  expect((await pool.execute(one, [1]))[0]).toEqual([{ name: 'one' }])
})

test('a statement that could not be prepared locally is prepared and executed elsewhere', async () => {
  const pool = bench.far({ connectionLimit: 1, outsideRequest: 'primary' })
  await portOf(pool)
  const [reader, renamer] = [0, 1].map(() => mysql.createConnection({ uri: bench.replica.adminUrl }).promise())
  await reader?.query('start transaction')
  await reader?.query('select * from app.item')
  // It waits for the reader, and whoever prepares a statement for that table waits for it.
  const renaming = rejection(renamer?.query('rename table app.item to app.renamed') as Promise<unknown>)
  await eventually(async () => expect(await waiting('Query')).toBeDefined())
  const reading = pool.execute('select name from item where id = ?', [1])
  await eventually(async () => expect(await waiting('Prepare')).toBeDefined())
  await bench.replica.query(`kill connection ${await waiting('Prepare')}`)
  expect((await reading)[0]).toEqual([{ name: 'one' }])
  await bench.replica.query(`kill connection ${await waiting('Query')}`)
  await renaming
  await reader?.end()
})

/** Who waits at the replica for a table. */
async function waiting(command: 'Query' | 'Prepare'): Promise<number | undefined> {
  const [row] = await bench.replica.query<{ id: number }>(
    `select id from information_schema.processlist where command = '${command}' and state like 'Waiting for table%'`,
  )
  return row?.id
}

test('a COMMIT whose answer is lost may have happened: the request is not replayed, and reads at home for a while', async () => {
  await using wire = await Wire.to(bench.primary.port)
  const pool = bench.near({ env: { ...bench.env, FLY_REGION: 'ord', DATABASE_URL: wire.url(bench.primary.url) } })
  await portOf(pool)
  wire.onCommand = (text, { cut }) => void (/commit/i.test(text) && cut())
  const { error, state } = await failedRequest(async () => {
    const connection = await pool.getConnection()
    try {
      await connection.beginTransaction()
      await connection.query("insert into item (name) values ('lost and found')")
      await connection.commit()
    } finally {
      connection.release()
    }
  })
  expect(error['code']).toMatch(/ECONNRESET|PROTOCOL_CONNECTION_LOST/)
  expect(state).toMatchObject({ committed: true, writesUnderWay: 0, primaryUnreachable: error })
  expect([...state.positions.values()]).toEqual([{ until: expect.any(Number) }])
  await eventually(async () => expect(await names()).toContain('lost and found'))
})

test('a write that is given up after its `timeout` may have happened as well', async () => {
  const pool = bench.near({ connectionLimit: 2 })
  await portOf(pool)
  const { error, state } = await failedRequest(() =>
    pool.query({ sql: "insert into item (name) select 'late' where sleep(0.5) = 0", timeout: 100 }),
  )
  expect(error['code']).toBe('PROTOCOL_SEQUENCE_TIMEOUT')
  expect(state).toMatchObject({ committed: true, writesUnderWay: 0 })
  expect([...state.positions.values()]).toEqual([{ until: expect.any(Number) }])
  // The connection is good for the next one, as soon as the answer is there.
  await eventually(async () => expect(await names()).toContain('late'))
  expect(state.writesUnderWay).toBe(0)
  expect(await Promise.all([portOf(pool), portOf(pool)])).toEqual([bench.primary.port, bench.primary.port])
})

test('a COMMIT that is given up, and then lost, is counted once', async () => {
  await using wire = await Wire.to(bench.primary.port)
  const pool = bench.near({ env: { ...bench.env, FLY_REGION: 'ord', DATABASE_URL: wire.url(bench.primary.url) } })
  await portOf(pool)
  wire.onCommand = (text, { swallow }) => void (/commit/i.test(text) && swallow())
  const { error, state } = await failedRequest(async () => {
    const connection = await pool.getConnection()
    await connection.beginTransaction()
    await connection.query("insert into item (name) values ('given up')")
    const outcome = connection.query({ sql: 'commit', timeout: 100 })
    await outcome.finally(() => connection.destroy())
  })
  expect(error['code']).toBe('PROTOCOL_SEQUENCE_TIMEOUT')
  expect(state).toMatchObject({ committed: true, writesUnderWay: 0 })
})

test('what was given up is not run elsewhere later', async () => {
  const pool = bench.far({ connectionLimit: 1, outsideRequest: 'primary' })
  await portOf(pool)
  const received = await logOf('primary')
  const sql = 'select sleep(30) as given_up'
  const reading = pool.query({ sql, timeout: 100 })
  expect((await rejection(reading))['code']).toBe('PROTOCOL_SEQUENCE_TIMEOUT')
  await kill('replica', sql)
  await eventually(async () => expect((await pool.replication.status()).replicaUnavailable).toBe(false))
  expect(await pool.query('select 1')).toBeDefined()
  await runOnPrimary(() => pool.query('select 1 as there'))
  // What the primary was sent is told, each statement once.
  expect([await received('select 1 as there'), await received(sql)]).toEqual([1, 0])
  await bench.primary.query('set global general_log = 0')
})

test('the few connections to the primary are waited for, but not for ever: then it is a 503', async () => {
  const pool = bench.far({ primaryPool: { connectionLimit: 1, connectTimeout: 300 } })
  const { error, state } = await failedRequest(() =>
    runOnPrimary(async () => {
      const held = await pool.getConnection()
      await held.query('select 1')
      await pool.getConnection().finally(() => held.release())
    }),
  )
  expect(error).toMatchObject({ code: 'ETIMEDOUT', message: 'No connection to the primary in 300 ms' })
  expect(state.primaryUnreachable).toBe(error)
  // The one that came too late went back.
  await runOnPrimary(() => pool.query('select 1'))
  await runOnPrimary(() => pool.query('select 1'))
})

test('a statement there is waited for, but not for ever; streams, and what has a `timeout` of its own, are left alone', async () => {
  const database = openDatabases(openPrimaryPool).openAlone(resolveOptions({ env: bench.env }))
  const primary = new PrimaryPool(mysql.createPool(bench.primary.url), database, { connectMs: 5_000, answerMs: 400 })
  const connect = (): Promise<mysql.PoolConnection> => primary.connect(undefined) as never
  const [one, two, three] = [await connect(), await connect(), await connect()]
  const rows: unknown[] = []
  const streamed = once(
    one.query('select sleep(3) as slept').on('result', (row) => rows.push(row)),
    'end',
  )
  const own = new Promise((resolve) =>
    two.query({ sql: 'select sleep(3) as slept', timeout: 20_000 }, (error, result) => resolve(error ?? result)),
  )
  const error = await new Promise((resolve) => three.query('select sleep(30)', resolve))
  expect(error).toMatchObject({ code: 'ETIMEDOUT', message: 'The server has not answered for 400 ms' })
  expect(await own).toEqual([{ slept: 0 }])
  await streamed
  expect(rows).toEqual([{ slept: 0 }])
  for (const connection of [one, two]) connection.release()
  await primary.end()
})

test('who waits for a connection when the replica hangs is served elsewhere, however many wait', async () => {
  const pool = bench.far({ connectionLimit: 2 })
  await Promise.all([portOf(pool), portOf(pool)])
  bench.replica.pauseProcess()
  try {
    const begun = performance.now()
    const ports = await Promise.all(Array.from({ length: 20 }, () => portOf(pool)))
    expect(new Set(ports)).toEqual(new Set([bench.primary.port]))
    // One time-out after the other, for two at a time, would be 50 s.
    expect(performance.now() - begun).toBeLessThan(25_000)
  } finally {
    bench.replica.resumeProcess()
  }
  await readsLocally(pool)
})

test('a pool ends although its replica hangs', async () => {
  const pool = createPool({ env: bench.env })
  await pool.query('select 1')
  bench.replica.pauseProcess()
  try {
    await pool.end().catch(() => undefined)
  } finally {
    bench.replica.resumeProcess()
  }
}, 20_000)

test('health: a replica that is down is as good as a primary that answers', async () => {
  const pool = bench.far()
  await portOf(pool)
  await bench.replica.kill()
  try {
    await portOf(pool)
    const { status, body } = await healthResponse({ databases: [pool] })
    expect([status, JSON.parse(body)]).toEqual([200, expect.objectContaining({ healthy: true })])
  } finally {
    await bench.replica.start()
  }
  await readsLocally(pool)
})

test('a single connection that cannot be made: a replay in a request, the driver’s error outside of one', async () => {
  const driver = createDriver({ env: bench.env })
  const failed = (): Promise<unknown> => once(driver.createConnection({}), 'error').then(([error]) => error)
  await bench.replica.kill()
  try {
    const { value, state } = await inRequest(failed)
    expect(value).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
    expect(state.refusal).toBe(value)
    // From here on it is known to be down.
    const elsewhere = driver.createConnection({}).promise()
    expect(await portOf(elsewhere as never)).toBe(bench.primary.port)
    await elsewhere.end()
  } finally {
    await bench.replica.start()
  }
  await eventually(async () => {
    const connection = driver.createConnection({}).promise()
    const port = await portOf(connection as never).finally(() => connection.end())
    expect(port).toBe(bench.replica.port)
  })
})

test('… outside of a request the first one tells as the driver does', async () => {
  const driver = createDriver({ env: bench.env })
  await bench.replica.kill()
  try {
    const [error] = await once(driver.createConnection({}), 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  } finally {
    await bench.replica.start()
  }
})
