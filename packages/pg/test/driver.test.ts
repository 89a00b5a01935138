import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createDriver } from '@flyroute/pg'
import { failedRequest, fieldsOf, inRequest, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// The drop-in for the module: what libraries do with `pg`, as their sources have it.

const bench = new Bench('create table item (id int primary key)')

const where = 'select pg_is_in_recovery() as replica'
const onReplica = [{ replica: true }]

test('is the module, but for its classes', () => {
  const driver = createDriver({ env: bench.env })
  expect(driver.types).toBe(pg.types)
  expect(driver.DatabaseError).toBe(pg.DatabaseError)
  expect(driver.Query).toBe(pg.Query)
  expect(driver.defaults).toBe(pg.defaults)
  expect(driver.native).toBeNull()
  expect(Object.keys(driver)).toEqual(expect.arrayContaining(['Pool', 'Client']))
})

test('its objects are those of the driver, for both', async () => {
  const driver = createDriver({ env: bench.env })
  const [pool, client] = [new driver.Pool(), new driver.Client()]
  expect(pool).toBeInstanceOf(pg.Pool)
  expect(pool).toBeInstanceOf(driver.Pool)
  expect(pool.constructor.name).toMatch(/Pool$/)
  expect(client).toBeInstanceOf(pg.Client)
  expect(client).toBeInstanceOf(driver.Client)
  await Promise.all([pool.end(), client.end()])
})

describe('new driver.Client', () => {
  test('by promise', async () => {
    const driver = createDriver({ env: bench.env })
    const client = new driver.Client()
    expect(await client.connect()).toBe(client)
    expect((await client.query(where)).rows).toEqual(onReplica)
    expect(isPrimaryRequired(await rejection(client.query('delete from item')))).toBe(true)
    await client.end()
  })

  test('by callback', async () => {
    const driver = createDriver({ env: bench.env })
    const client = new driver.Client()
    await new Promise<void>((resolve, reject) =>
      client.connect((error: unknown) => (error ? reject(error) : resolve())),
    )
    const rows = await new Promise((resolve) => client.query(where, (_, result) => resolve(result.rows)))
    expect(rows).toEqual(onReplica)
    await new Promise<void>((resolve) => client.end(() => resolve()))
  })

  test('with statements that do not wait for the connection', async () => {
    const client = new (createDriver({ env: bench.env }).Client)()
    const connecting = client.connect()
    expect((await client.query(where)).rows).toEqual(onReplica)
    await connecting
    await client.end()
  })

  test('with a URL as text, which is the primary’s', async () => {
    const driver = createDriver({ env: { ...bench.env, DATABASE_URL: undefined } })
    const client = new driver.Client(bench.cluster.primary.url)
    await client.connect()
    expect((await client.query(where)).rows).toEqual(onReplica)
    await client.end()
  })

  test('with a password that its settings do not show, as Knex hides it', async () => {
    const { hostname: host, port, username: user, password: value } = new URL(bench.cluster.primary.url)
    const settings = { host, port: Number(port), user, database: 'app' }
    const client = new (createDriver({ env: {} }).Client)(
      Object.defineProperty(settings, 'password', { value, enumerable: false }),
    )
    await client.connect()
    expect((await client.query(where)).rows).toEqual([{ replica: false }])
    await client.end()
  })

  test('that cannot connect fails as the driver’s own', async () => {
    const config = { connectionString: bench.cluster.primary.url.replace(/:[0-9a-f]{32}@/, ':wrong@') }
    const [ours, theirs] = [new (createDriver({ env: {} }).Client)(config), new pg.Client(config)]
    const [found, expected] = [await rejection(ours.connect()), await rejection(theirs.connect())]
    expect(fieldsOf(found)).toEqual(fieldsOf(expected))
    expect(found.message).toBe(expected.message)
  })

  describe('where the replica is gone', () => {
    const gone = (env: Record<string, string>) => ({ ...env, DATABASE_URL_AMS: 'postgres://app:x@127.0.0.1:1/app' })
    const connects = {
      'by promise': (client: pg.Client) => rejection(client.connect()),
      'by callback': (client: pg.Client) => new Promise<Error>((resolve) => client.connect(resolve)),
    }
    test.each(Object.entries(connects))('%s: a request is replayed, whoever has swallowed it', async (_, connect) => {
      const driver = createDriver({ env: gone(bench.env) })
      const { state, value } = await inRequest(() => connect(new driver.Client()))
      expect(value).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable', target: { region: 'ord' } })
      expect(state.refusal).toBe(value)
      expect((value as Error).cause).toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('outside of a request, and where nothing can be replayed, it fails as the driver’s own', async () => {
      const driver = createDriver({ env: gone(bench.env) })
      expect(await rejection(new driver.Client().connect())).toMatchObject({ code: 'ECONNREFUSED' })
      for (const run of [
        () => failedRequest(() => new driver.Client().connect(), { obstacle: 'upgrade' }),
        () => failedRequest(() => runOnPrimary(() => new driver.Client().connect())),
      ]) {
        const { state, error } = await run()
        expect(error).toMatchObject({ code: 'ECONNREFUSED' })
        expect(state.refusal).toBeUndefined()
      }
    })

    test('a primary that cannot be had is noted for the middleware', async () => {
      const env = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://app:x@127.0.0.1:1/app' }
      const driver = createDriver({ env })
      const { state, error } = await failedRequest(() => new driver.Client().connect())
      expect(error).toMatchObject({ code: 'ECONNREFUSED' })
      expect(state.primaryUnreachable).toBe(error)
    })
  })

  test('in a transaction that cannot be replayed, on a connection of its own', async () => {
    const client = new (createDriver({ env: bench.env }).Client)()
    await client.connect()
    const { state } = await inRequest(
      async () => {
        await client.query('begin')
        await client.query('insert into item values (1)')
        await client.query('delete from item')
        await client.query('commit')
      },
      { obstacle: 'upgrade' },
    )
    expect(state.positions.get('app')).toMatchObject({ at: expect.any(String) })
    expect((await client.query(where)).rows).toEqual(onReplica)
    await client.end()
  })
})

describe('libraries', () => {
  test('TypeORM: new driver.Pool(its options), pool.connect by callback, its own error listener', async () => {
    const driver = createDriver({ env: { ...bench.env, DATABASE_URL: undefined } })
    const { hostname: host, port, username: user, password } = new URL(bench.cluster.primary.url)
    const pool = new driver.Pool({
      connectionString: undefined,
      host,
      user,
      password,
      database: 'app',
      port: Number(port),
      ssl: undefined,
      connectionTimeoutMillis: undefined,
      application_name: undefined,
      max: undefined,
    } as never)
    pool.on('error', () => undefined)
    const rows = await new Promise((resolve, reject) => {
      pool.connect((error, connection, release) => {
        if (error || !connection) return reject(error)
        connection.on('notice', () => undefined)
        connection.query(where, undefined as never, (failure: unknown, result: pg.QueryResult) => {
          release()
          if (failure) reject(failure)
          else resolve(result.rows)
        })
      })
    })
    expect(rows).toEqual(onReplica)
    await new Promise<void>((resolve) => pool.end(() => resolve()))
  })

  test('Sequelize: new lib.Client(its config), connection.connection, types, end events', async () => {
    const lib = createDriver({ env: bench.env })
    const types = { getTypeParser: (oid: number, format: string) => pg.types.getTypeParser(oid, format as 'text') }
    const connection = new lib.Client({ types } as never)
    const parameters: string[] = []
    const wire = (connection as unknown as { connection: NodeJS.EventEmitter }).connection
    wire.on('parameterStatus', ({ parameterName }: { parameterName: string }) => parameters.push(parameterName))
    await new Promise<void>((resolve, reject) =>
      connection.connect((error: unknown) => (error ? reject(error) : resolve())),
    )
    expect(parameters).toContain('server_version')
    await connection.query('SET client_min_messages TO warning;SET TIME ZONE INTERVAL ' + "'+00:00' HOUR TO MINUTE")
    const rows = await new Promise((resolve) => connection.query(where, (_, result) => resolve(result.rows)))
    expect(rows).toEqual(onReplica)
    const ended = new Promise((resolve) => connection.once('end', resolve))
    await connection.end()
    await ended
  })

  test('Knex: new driver.Client(its settings), connect by promise, query of an object by callback', async () => {
    const driver = createDriver({ env: bench.env })
    const connection = new driver.Client({} as never)
    await connection.connect()
    const result = await new Promise<pg.QueryResult>((resolve, reject) => {
      const query = { text: 'select $1::int as x', values: [1], rowMode: undefined }
      void connection.query(
        query as never,
        ((error: unknown, response: pg.QueryResult) => (error ? reject(error) : resolve(response))) as never,
      )
    })
    expect(result.rows).toEqual([{ x: 1 }])
    await connection.end()
  })

  test('Drizzle: knows a pool by its class, or by the name of it', async () => {
    const pool = bench.far()
    expect(pool instanceof pg.Pool || Object.getPrototypeOf(pool).constructor.name.includes('Pool')).toBe(true)
    expect(Object.getPrototypeOf(pool).constructor.name).toMatch(/Pool$/)
    const { rows } = await pool.query({
      text: where,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value } as never,
    })
    expect(rows).toEqual([['t']])
  })

  test('a class of the app’s own on top', async () => {
    class Counting extends createDriver({ env: bench.env }).Pool {
      asked = 0
      ask(): Promise<pg.QueryResult> {
        this.asked++
        return this.query(where)
      }
    }
    const pool = new Counting()
    expect((await pool.ask()).rows).toEqual(onReplica)
    expect(pool.asked).toBe(1)
    await pool.end()
  })
})

test('pools for the same primary share one replication, which the driver keeps; others have their own', async () => {
  const driver = createDriver({ env: bench.env })
  const [one, two] = [new driver.Pool(), new driver.Pool({ max: 3 })] as unknown as {
    replication: unknown
    options: { max: number }
    end(): Promise<void>
    query: pg.Pool['query']
  }[]
  const other = new (createDriver({ env: {} }).Pool)({ connectionString: bench.replica.url }) as unknown as {
    replication: unknown
    end(): Promise<void>
  }
  expect(one?.replication).toBe(driver.replication)
  expect(two?.replication).toBe(driver.replication)
  expect([one?.options.max, two?.options.max]).toEqual([10, 3])
  expect(other.replication).not.toBe(driver.replication)
  await one?.end()
  expect(await driver.replication.status()).toMatchObject({ role: 'replica' })
  expect((await two?.query(where))?.rows).toEqual(onReplica)
  await two?.end()
  // The driver's own is there for the next ones: a middleware holds it.
  expect(await driver.replication.status()).toMatchObject({ role: 'replica' })
  await other.end()
  const again = new driver.Pool()
  expect((again as unknown as { replication: unknown }).replication).toBe(driver.replication)
  expect((await again.query(where)).rows).toEqual(onReplica)
  await again.end()
})

test('a Client class of the app’s own, in the pool’s options', async () => {
  let made = 0
  class Own extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super(config)
      made++
    }
  }
  const pool = bench.far({ Client: Own as never })
  expect((await pool.query(where)).rows).toEqual(onReplica)
  expect(isPrimaryRequired(await rejection(pool.query('delete from item')))).toBe(true)
  expect(made).toBe(1)
})

test('its Client class in the options of a pool that somebody else makes, as with MikroORM', async () => {
  const driver = createDriver({ env: bench.env })
  const pool = new pg.Pool({ Client: driver.Client } as pg.PoolConfig)
  expect((await pool.query(where)).rows).toEqual(onReplica)
  expect(isPrimaryRequired(await rejection(pool.query('delete from item')))).toBe(true)
  await runOnPrimary(async () => {
    expect((await pool.query(where)).rows).toEqual([{ replica: false }])
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into item values (7)')
    await client.query('rollback')
    client.release()
  })
  expect((await pool.query(where)).rows).toEqual(onReplica)
  await pool.end()
})
