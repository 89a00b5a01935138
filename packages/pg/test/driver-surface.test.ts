import { once } from 'node:events'
import { fieldsOf, inRequest } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { Bench } from './support/open.ts'

// Each operation runs on the driver's own pool and on ours, on the primary and on the replica, in a request and outside of
// one; what it returns, throws and emits has to be the same.

type Operation = (pool: pg.Pool) => unknown

const bench = new Bench(`
  create table item (id int primary key, name text unique);
  insert into item select n, 'item ' || n from generate_series(1, 50) n;
  create function shout() returns int language plpgsql as $$ begin raise notice 'loud'; return 1; end $$`)

/** Node-style to promise, with all that the callback was handed. */
function called(run: (callback: (...args: unknown[]) => void) => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    const returned = run((...args) => resolve({ args: args.slice(0, 2), returned }))
  })
}

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

/** Operations that only read: the same on the replica. */
const reads: Record<string, Operation> = {
  'pool.query(text)': (pool) => pool.query('select 1 as one, null as nothing, now() is null as never'),
  'pool.query(text, values)': (pool) => pool.query('select * from item where id = $1', [7]),
  'pool.query(text, callback)': (pool) => called((done) => pool.query('select 1 as one', done)),
  'pool.query(text, values, callback)': (pool) => called((done) => pool.query('select $1::int as x', [3], done)),
  'pool.query(config)': (pool) => pool.query({ text: 'select $1::text as x', values: ['a'] }),
  'pool.query(config, callback)': (pool) => called((done) => pool.query({ text: 'select 1' } as never, done as never)),
  'pool.query(config, values, callback)': (pool) =>
    called((done) => pool.query({ text: 'select $1::int as x' } as never, [5], done as never)),
  'pool.query(config with a callback) takes no notice of it': (pool) =>
    pool.query({ text: 'select 1 as x', callback: () => expect('never').toBe('called') } as never),
  'the same config object, again and again': async (pool) => {
    const config = { text: 'select $1::int as x', values: [1] }
    return [
      await pool.query(config),
      await pool.query(config),
      await withClient(pool, (client) => client.query(config)),
    ]
  },
  'a config whose text is a getter': (pool) =>
    pool.query(
      new (class {
        readonly values = [2]
        get text(): string {
          return 'select $1::int as x'
        }
      })(),
    ),
  "rowMode: 'array'": (pool) => pool.query({ text: 'select id, name from item where id < 4', rowMode: 'array' }),
  types: (pool) =>
    pool.query({ text: 'select 1 as x', types: { getTypeParser: () => (value: string) => `<${value}>` } }),
  'several statements in one string': (pool) => pool.query('select 1 as a; select 2 as b'),
  'an empty string': (pool) => pool.query(''),
  'a named statement, its text left out the second time': (pool) =>
    withClient(pool, async (client) => [
      await client.query({ name: 'by-id', text: 'select name from item where id = $1', values: [1] }),
      await client.query({ name: 'by-id', values: [2] } as never),
      await client.query({ name: 'by-id', text: 'select name from item where id = $1', values: [3] }),
    ]),
  'a name for two texts': (pool) =>
    withClient(pool, async (client) => {
      await client.query({ name: 'two', text: 'select 1' })
      return client.query({ name: 'two', text: 'select 2' }).catch(plain)
    }),
  'a syntax error': (pool) => pool.query('selec 1').catch(plain),
  'an unknown column': (pool) => pool.query('select nothing from item where id = $1', [1]).catch(plain),
  'an error by callback': (pool) =>
    called((done) => pool.query('select 1/0', (error: unknown) => done(plain(error as Error)))),
  'values that are no array': (pool) => pool.query('select $1', 'x' as never).catch(plain),
  'neither text nor name': (pool) => (pool.query({} as never) as Promise<unknown>).catch(plain),
  'a query of null': (pool) => (pool.query(null as never) as Promise<unknown>).catch(plain),
  'a function as the first argument': (pool) => called((done) => pool.query(done as never)),
  'a value that cannot be written': (pool) =>
    pool.query('select $1', [{ toPostgres: () => { throw new Error('no') } }]).catch(plain), // biome-ignore format: one line
  'client.query by promise and by callback': (pool) =>
    withClient(pool, async (client) => [
      await client.query('select 1 as x'),
      await called((done) => client.query('select 2 as x', done)),
      await called((done) => client.query({ text: 'select 3 as x' }, done as never)),
      await called((done) => client.query({ text: 'select 4 as x', callback: done } as never)),
      await called((done) => client.query('select $1::int as x', [5], done)),
    ]),
  'a callback that is no function': (pool) =>
    withClient(pool, async (client) => {
      try {
        client.query('select 1', [], 'callback' as never)
      } catch (error) {
        return plain(error as Error)
      }
      return 'nothing thrown'
    }),
  'pool.connect by callback': (pool) =>
    new Promise((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (error || !client) return reject(error ?? new Error('No client'))
        client.query('select 1 as x', (failure: unknown, result: unknown) => {
          release()
          resolve([failure, result])
        })
      })
    }),
  'new pg.Query, by its events': (pool) =>
    withClient(pool, async (client) => {
      const query = client.query(new pg.Query('select id from item where id < 4 order by id'))
      const rows: unknown[] = []
      query.on('row', (row: unknown) => rows.push(row))
      const [result] = (await once(query, 'end')) as [pg.QueryResult]
      return [rows, result.command, result.rowCount, result.rows]
    }),
  'new pg.Query that fails': (pool) =>
    withClient(pool, async (client) =>
      plain(await once(client.query(new pg.Query('selec')), 'error').then(([e]) => e)),
    ),
  'new pg.Query with a callback': (pool) =>
    withClient(pool, (client) => called((done) => client.query(new pg.Query('select 1 as x', done as never)) === null)),
  'new pg.Query through the pool': (pool) =>
    called((done) => pool.query(new pg.Query('select 1 as x') as never, done as never)),
  notices: (pool) =>
    withClient(pool, async (client) => {
      const notice = once(client, 'notice')
      await client.query('select shout()')
      return (await notice).map((message: { message: string; severity: string }) => [message.severity, message.message])
    }),
  'a transaction that reads': (pool) =>
    withClient(pool, async (client) => [
      await client.query('begin'),
      await client.query('select count(*) from item where id < 4'),
      await client.query('savepoint s'),
      await client.query('select 1/0').catch(plain),
      await client.query('select 1').catch(plain),
      await client.query('rollback to s'),
      await client.query('select 1 as x'),
      await client.query('commit'),
    ]),
  'a failed transaction that is committed': (pool) =>
    withClient(pool, async (client) => [
      await client.query('begin'),
      await client.query('select 1/0').catch(plain),
      await client.query('commit'),
    ]),
  'queries that are not waited for': (pool) =>
    withClient(pool, (client) => Promise.all([1, 2].map((n) => client.query('select $1::int as n', [n])))),
  'settings of the session': (pool) =>
    withClient(pool, async (client) => {
      await client.query("set application_name to 'someone'")
      const { rows } = await client.query('show application_name')
      await client.query('reset application_name')
      return rows
    }),
  'PREPARE and EXECUTE': (pool) =>
    withClient(pool, async (client) => {
      await client.query('prepare one(int) as select $1 as n')
      const result = await client.query('execute one(4)')
      await client.query('deallocate one')
      return result
    }),
  'a client that is dropped': async (pool) => {
    const client = await pool.connect()
    client.release(true)
    return [pool.totalCount, pool.idleCount, pool.waitingCount]
  },
  'a client that is given back twice': async (pool) => {
    const client = await pool.connect()
    client.release()
    try {
      client.release()
    } catch (error) {
      return plain(error as Error)
    }
    return 'nothing thrown'
  },
  'release and query wrapped by the app, as the documentation of pg shows': async (pool) => {
    const client = await pool.connect()
    const { query, release } = client
    const seen: unknown[] = []
    client.query = ((...args: unknown[]) => {
      seen.push(args[0])
      return (query as (...args: unknown[]) => unknown).apply(client, args)
    }) as typeof query
    client.release = (error) => {
      client.query = query
      client.release = release
      return release.call(client, error)
    }
    await client.query('select 1')
    client.release()
    return [seen, pool.totalCount, pool.idleCount]
  },
  'counts and events': async (pool) => {
    const told: string[] = []
    for (const name of ['connect', 'acquire', 'release', 'remove'] as const) pool.on(name, () => told.push(name))
    await pool.query('select 1')
    // The connection of a statement that fails is dropped, in its own time.
    const dropped = new Promise((resolve) => pool.once('remove', resolve))
    await pool.query('selec').catch(() => undefined)
    await dropped
    await withClient(pool, (client) => client.query('select 1'))
    return [told.toSorted(), pool.totalCount, pool.idleCount, pool.waitingCount]
  },
}

/** Operations that write: the same on the primary. */
const writes: Record<string, Operation> = {
  'INSERT, UPDATE, DELETE': async (pool) => [
    await pool.query("insert into item values (100, 'new') returning *"),
    await pool.query('update item set name = name where id > $1', [48]),
    await pool.query('delete from item where id = 100'),
  ],
  'a unique violation': (pool) => pool.query('insert into item values (1, null)').catch(plain),
  'a unique violation by callback': (pool) =>
    called((done) => pool.query('insert into item values (1, null)', (error: unknown) => done(plain(error as Error)))),
  'a transaction that writes': (pool) =>
    withClient(pool, async (client) => [
      await client.query('begin'),
      await client.query("insert into item values (101, 'x')"),
      await client.query('delete from item where id = 101'),
      await client.query('commit'),
    ]),
  'a failed write that is committed': (pool) =>
    withClient(pool, async (client) => [
      await client.query('begin'),
      await client.query('insert into item values (1, null)').catch(plain),
      await client.query('commit'),
    ]),
  'a read-only transaction': (pool) =>
    withClient(pool, async (client) => [
      await client.query('begin read only'),
      await client.query('delete from item').catch(plain),
      await client.query('rollback'),
    ]),
  'several statements that write': (pool) =>
    pool.query("begin; insert into item values (102, 'x'); delete from item where id = 102; commit; select 1 as x"),
  'a write by pg.Query': (pool) =>
    withClient(pool, async (client) => {
      const query = client.query(new pg.Query('update item set name = name where id in (1, 2) returning id'))
      const rows: unknown[] = []
      query.on('row', (row: unknown) => rows.push(row))
      await once(query, 'end')
      return rows
    }),
  'a named write, its text left out the second time': (pool) =>
    withClient(pool, async (client) => [
      await client.query({ name: 'touch', text: 'update item set name = name where id = $1', values: [1] }),
      await client.query({ name: 'touch', values: [2] } as never),
    ]),
  'DO and CREATE TEMP TABLE': (pool) =>
    withClient(pool, async (client) => [
      await client.query('do $$ begin perform 1; end $$'),
      await client.query('create temp table t (id int) on commit drop'),
    ]),
}

describe.each(['outside of a request', 'in a request'])('on the primary, %s', (where) => {
  test.each(Object.entries({ ...reads, ...writes }))('%s', async (_, operation) => {
    const expected = await outcome(operation, bench.bare())
    const run = (): Promise<unknown> => outcome(operation, bench.near())
    const found = where === 'in a request' ? (await inRequest(run)).value : await run()
    expect(found).toEqual(expected)
  })
})

describe.each(['outside of a request', 'in a request'])('on the replica, %s', (where) => {
  test.each(Object.entries(reads))('%s', async (_, operation) => {
    const expected = await outcome(operation, bench.bare(bench.replica.url))
    const run = (): Promise<unknown> => outcome(operation, bench.far())
    const found = where === 'in a request' ? (await inRequest(run)).value : await run()
    expect(found).toEqual(expected)
  })
})

async function outcome(operation: Operation, pool: pg.Pool): Promise<unknown> {
  return comparable(await operation(pool))
}

/** An error as all of what can be seen of it. */
function plain(error: Error): unknown {
  return {
    isDatabaseError: error instanceof pg.DatabaseError,
    isTypeError: error.name === 'TypeError',
    message: error.message,
    fields: fieldsOf(error),
    leadsHere: error.stack?.includes('driver-surface.test.ts') ?? false,
  }
}

/** Results by their visible parts: the driver's own objects carry parsers that differ by identity. */
function comparable(value: unknown): unknown {
  if (value instanceof pg.Result) {
    const { command, rowCount, oid, rows, fields } = value as pg.QueryResult
    return { command, rowCount, oid, rows, fields: fields.map((field) => ({ ...field, tableID: 0 })) }
  }
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, comparable(field)]))
  }
  return value
}
