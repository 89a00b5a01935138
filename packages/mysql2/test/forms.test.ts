import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, currentScope, runInScope } from '@flyroute/core/adapter'
import { createDriver, createPool, type FlyroutePool } from '@flyroute/mysql2'
import { createPool as createPromisePool, type FlyroutePool as PromisePool } from '@flyroute/mysql2/promise'
import { type MysqlCluster, startMariadb } from '@flyroute/testkit'
import { failedRequest, inRequest } from '@flyroute/testkit/requests'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import mysql, { type Connection, type QueryError } from 'mysql2'
import mysqlPromise from 'mysql2/promise'

// Whatever way a statement takes through mysql2, on a replica it is refused before it is sent, and the connection is as good
// as before. Reads come out as they do without us.

let cluster: MysqlCluster
let pool: FlyroutePool
let promises: PromisePool
let env: Record<string, string>

beforeAll(async () => {
  cluster = await startMariadb({ replicas: 1 })
  const [replica] = cluster.replicas
  await cluster.primary.query('create table app.form (id int primary key, name varchar(20))')
  await cluster.primary.query("insert into app.form values (1, 'one'), (2, 'two')")
  await cluster.caughtUp()
  env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: cluster.primary.url, DATABASE_URL_AMS: replica!.url }
  pool = createPool({ env, connectionLimit: 2, multipleStatements: true, namedPlaceholders: true })
  promises = createPromisePool({ env, connectionLimit: 2 })
})
afterAll(async () => {
  await promisify((done: (error?: unknown) => void) => pool.end(done))()
  await promises.end()
  await cluster.dispose()
})

const write = "insert into form values (9, 'nine')"

/** What a callback is given as its error. */
function errorOf(run: (callback: (error: unknown) => void) => unknown): Promise<unknown> {
  return new Promise((resolve) => void run(resolve))
}

test('the objects are those of the driver', async () => {
  expect(pool).toBeInstanceOf((mysql as unknown as { Pool: new () => unknown }).Pool)
  expect(promises).toBeInstanceOf((mysqlPromise as unknown as { PromisePool: new () => unknown }).PromisePool)
  const connection = await promises.getConnection()
  const { PromisePoolConnection } = mysqlPromise as unknown as { PromisePoolConnection: new () => unknown }
  expect(connection).toBeInstanceOf(PromisePoolConnection)
  expect(connection.connection).toBeInstanceOf(
    (mysql as unknown as { PoolConnection: new () => unknown }).PoolConnection,
  )
  connection.release()
})

test('an execution that was refused leaves nothing in its session: the next one can go to the primary', async () => {
  const one = createPromisePool({ env, connectionLimit: 1 })
  const text = "insert into form values (?, 'one') on duplicate key update name = values(name)"
  const write = (): Promise<unknown> => one.execute(text, [1])
  try {
    const { error } = await failedRequest(write)
    expect(isPrimaryRequired(error)).toBe(true)
    const { value } = await inRequest(write, { obstacle: 'upgrade' })
    expect(value).toMatchObject([{ warningStatus: 0 }, undefined])
  } finally {
    await one.end()
  }
})

describe('a write is refused', () => {
  const connect = promisify((done: (error: unknown, connection: mysql.PoolConnection) => void) => {
    pool.getConnection(done)
  })
  const forms: Record<string, () => Promise<unknown>> = {
    'pool.query': () => errorOf((done) => pool.query(write, done)),
    'pool.query with options': () => errorOf((done) => pool.query({ sql: write, rowsAsArray: true }, done)),
    'pool.query with values': () => errorOf((done) => pool.query('insert into form values (?, ?)', [9, 'x'], done)),
    'pool.execute': () => errorOf((done) => pool.execute('insert into form values (?, ?)', [9, 'x'], done)),
    'pool.execute with options': () => errorOf((done) => pool.execute({ sql: write }, done)),
    'pool.promise().query': () => pool.promise().query(write).catch(same),
    'pool.promise().execute': () => pool.promise().execute(write).catch(same),
    'the promise pool': () => promises.query(write).catch(same),
    'its execute': () => promises.execute('delete from form where id = ?', [1]).catch(same),
    'the callback pool below it': () =>
      errorOf((done) => (promises as unknown as { pool: mysql.Pool }).pool.query(write, done)),
    'named placeholders': () =>
      errorOf((done) => pool.query('insert into form values (:id, :name)', { id: 9, name: 'x' }, done)),
    'several statements': () => errorOf((done) => pool.query(`select 1; ${write}`, done)),
    'a fragment in place of a value': () => errorOf((done) => pool.query('?', [mysql.raw(write)], done)),
    'an identifier in place of a table': () => errorOf((done) => pool.query('delete from ??', ['form'], done)),
    events: async () => (await once(pool.query(write), 'error'))[0],
    'a stream': () =>
      new Promise((resolve) => {
        const stream = pool.query('select * from form for update').stream()
        stream.on('error', resolve)
        stream.resume()
      }),
    'a connection': () => withConnection((connection) => errorOf((done) => connection.query(write, done))),
    'its execute by callback': () => withConnection((connection) => errorOf((done) => connection.execute(write, done))),
    'its execute by events': () =>
      withConnection(async (connection) => (await once(connection.execute(write), 'error'))[0]),
    'its promise form': () => withConnection((connection) => connection.promise().query(write).catch(same)),
    prepare: () => withConnection((connection) => errorOf((done) => connection.prepare(write, done))),
    'a prepared statement that may write': () =>
      withConnection(async (connection) => {
        const statement = await connection.promise().prepare('select nextval(no_sequence)').catch(same)
        return statement
      }),
    'connection.connection': async () => {
      const connection = await promises.getConnection()
      try {
        return await errorOf((done) => (connection.connection as unknown as Connection).query(write, done))
      } finally {
        connection.release()
      }
    },
    beginTransaction: () =>
      withConnection(async (connection) => {
        const db = connection.promise()
        await db.beginTransaction()
        const error = await db.query(write).catch(same)
        await db.rollback()
        return error
      }),
    'behind a changeUser': () =>
      withConnection(async (connection) => {
        await connection.promise().changeUser({})
        return connection.promise().query(write).catch(same)
      }),
    'behind a reset': () =>
      withConnection(async (connection) => {
        await connection.promise().reset()
        return connection.promise().query(write).catch(same)
      }),
  }
  test.each(Object.entries(forms))('%s', async (_, run) => {
    const before = await refusedByServer()
    const error = await run()
    expect([isPrimaryRequired(error), (error as QueryError).code]).toEqual([true, 'ERR_PRIMARY_REQUIRED'])
    expect(await refusedByServer()).toBe(before)
    const [rows] = await pool.promise().query('select @@port as port')
    expect(rows).toEqual([{ port: cluster.replicas[0]!.port }])
  })

  async function withConnection<T>(use: (connection: mysql.PoolConnection) => Promise<T>): Promise<T> {
    const connection = await connect()
    try {
      return await use(connection)
    } finally {
      connection.release()
    }
  }

  /** How many writes the server itself has seen. */
  async function refusedByServer(): Promise<number> {
    const [row] = await cluster.replicas[0]!.query<{ n: string }>(
      "select sum(variable_value) as n from information_schema.global_status where variable_name in ('com_insert', 'com_delete', 'com_prepare_sql')",
    )
    return Number(row?.n)
  }
})

describe('a read comes out as without us', () => {
  const forms: Record<string, (db: mysql.Pool) => Promise<unknown>> = {
    'rows and fields': async (db) => {
      const [rows, fields] = await db.promise().query('select * from form order by id')
      return [rows, fields.map(({ name }) => name)]
    },
    values: async (db) => (await db.promise().query('select * from form where id in (?)', [[1, 2]]))[0],
    execute: async (db) => (await db.promise().execute('select * from form where id = ?', [2]))[0],
    'rows as arrays': async (db) => (await db.promise().query({ sql: 'select * from form', rowsAsArray: true }))[0],
    'nested tables': async (db) => (await db.promise().query({ sql: 'select * from form', nestTables: true }))[0],
    'a cast of types': async (db) =>
      (await db.promise().query({ sql: 'select id from form', typeCast: (field) => `<${field.string()}>` }))[0],
    'named placeholders': async (db) => (await db.promise().query('select * from form where id = :id', { id: 1 }))[0],
    'several results': async (db) => (await db.promise().query('select 1 as a; select 2 as b'))[0],
    events: async (db) => {
      const rows: unknown[] = []
      const query = db.query('select * from form')
      query.on('result', (row) => rows.push(row))
      await once(query, 'end')
      return rows
    },
    'a stream': async (db) => {
      const rows: unknown[] = []
      for await (const row of db.query('select * from form').stream()) rows.push(row)
      return rows
    },
    'a prepared statement': async (db) => {
      const connection = await db.promise().getConnection()
      const statement = await connection.prepare('select * from form where id = ?')
      const [rows] = await statement.execute([1])
      await statement.close()
      connection.release()
      return rows
    },
    'an error': async (db) => {
      const error = await db.promise().query('select nothing from form').catch(same)
      const { code, errno, sqlState, sqlMessage, sql } = error as QueryError & Record<string, unknown>
      return { code, errno, sqlState, sqlMessage, sql }
    },
    'an error of execute': async (db) => {
      const { code, errno } = (await db.promise().execute('select nothing from form').catch(same)) as QueryError
      return { code, errno }
    },
    'a local write to the session': async (db) => {
      const connection = await db.promise().getConnection()
      await connection.query('set @a = 7')
      const [rows] = await connection.query('select @a as a')
      connection.release()
      return rows
    },
  }
  let bare: mysql.Pool
  beforeAll(() => {
    bare = mysql.createPool({ uri: cluster.replicas[0]!.url, multipleStatements: true, namedPlaceholders: true })
  })
  afterAll(() => promisify((done: (error?: unknown) => void) => bare.end(done))())
  test.each(Object.entries(forms))('%s', async (_, run) => {
    expect(await run(pool)).toEqual(await run(bare))
  })
})

test('the order of what is queued on a connection stays, whatever is decided in between', async () => {
  const connection = await promises.getConnection()
  const order: string[] = []
  const note = (name: string) => (result: unknown) => {
    order.push(result instanceof Error ? `${name} refused` : name)
  }
  await Promise.all([
    connection.query('select 1').then(note('one')),
    connection.query(write).then(note('two'), note('two')),
    connection.execute('select 3').then(note('three')),
    connection.execute(write).then(note('four'), note('four')),
    connection.query('select 5').then(note('five')),
  ])
  connection.release()
  expect(order).toEqual(['one', 'two refused', 'three', 'four refused', 'five'])
})

describe('an answer comes back to where it was asked for, with one connection for all', () => {
  const storage = new AsyncLocalStorage<string>()
  const forms: Record<string, (db: mysql.Pool, told: () => void) => unknown> = {
    'query with a callback': (db, told) => db.query('select 1', told),
    'execute with a callback': (db, told) => db.execute('select 1', told),
    'query with events': (db, told) => db.query('select 1').on('end', told),
    'a connection': (db, told) =>
      db.getConnection((_, connection) =>
        connection.query('select 1', () => {
          connection.release()
          told()
        }),
      ),
    'its preparation of a statement': (db, told) =>
      db.getConnection((_, connection) =>
        connection.prepare('select 1', () => {
          connection.release()
          told()
        }),
      ),
    'a refused write': (db, told) => db.query(write, told),
    'what runs on the primary': (db, told) => runOnPrimary(() => db.query('select 1', told)),
  }
  test.each(Object.entries(forms))('%s', async (_, ask) => {
    const db = createPool({ env, connectionLimit: 1 })
    const visit = (name: string): Promise<unknown> => {
      const scope = createScope(createRequestState('request'))
      return new Promise((resolve) =>
        storage.run(name, () =>
          runInScope(scope, () =>
            ask(db, () => resolve([storage.getStore(), currentScope()?.request === scope.request])),
          ),
        ),
      )
    }
    const names = Array.from({ length: 6 }, (_, index) => `visitor ${index}`)
    expect(await Promise.all(names.map(visit))).toEqual(names.map((name) => [name, true]))
    await promisify((done: (error?: unknown) => void) => db.end(done))()
  })
})

test('what runs on the primary instead gives what it would give there', async () => {
  await runOnPrimary(async () => {
    const [inserted] = await promises.execute<mysql.ResultSetHeader>('insert into form values (?, ?)', [20, 'x'])
    expect(inserted.affectedRows).toBe(1)
    const rows: unknown[] = []
    for await (const row of pool.query('select id from form where id = 20').stream()) rows.push(row)
    expect(rows).toEqual([{ id: 20 }])
  })
  // From a connection to the replica, that was checked out before.
  const connection = await promises.getConnection()
  await runOnPrimary(async () => {
    await connection.execute('update form set name = ? where id = ?', ['y', 20])
    const statement = await connection.prepare('select name from form where id = ?')
    expect((await statement.execute([20]))[0]).toEqual([{ name: 'y' }])
    await connection.beginTransaction()
    await connection.query('delete from form where id = 20')
    await connection.commit()
  })
  // The statement that was prepared there keeps the check-out there; the next one is local again.
  connection.release()
  const [rows] = await promises.query('select @@port as port')
  expect(rows).toEqual([{ port: cluster.replicas[0]!.port }])
  expect(await cluster.primary.query('select * from app.form where id = 20')).toEqual([])
})

test('the drop-in guards connections and clusters as well', async () => {
  const driver = createDriver({ env })
  const connection = driver.createConnection({})
  expect(connection).toBeInstanceOf((mysql as unknown as { Connection: new () => unknown }).Connection)
  expect(isPrimaryRequired(await errorOf((done) => connection.query(write, done)))).toBe(true)
  const [rows] = await connection.promise().query('select @@port as port')
  expect(rows).toEqual([{ port: cluster.replicas[0]!.port }])
  connection.destroy()
  const nodes = driver.createPoolCluster()
  nodes.add('REPLICA1', { uri: cluster.replicas[0]!.url })
  expect(isPrimaryRequired(await errorOf((done) => nodes.of('REPLICA*').query(write, done)))).toBe(true)
  const inCluster = await new Promise<mysql.PoolConnection>((resolve, reject) =>
    nodes.getConnection((error, found) => (error ? reject(error) : resolve(found))),
  )
  expect(isPrimaryRequired(await inCluster.promise().execute(write).catch(same))).toBe(true)
  inCluster.release()
  nodes.end()
  expect(driver.format('?', [1])).toBe('1')
})

test('a connection that cannot be made says so as the driver does', async () => {
  const driver = createDriver({ env: {}, host: '127.0.0.1', port: 1 })
  const connection = driver.createConnection({})
  const [error] = await once(connection, 'error')
  expect((error as QueryError).code).toBe('ECONNREFUSED')
})

function same(error: unknown): unknown {
  return error
}
