import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { currentScope } from '@flyroute/core/adapter'
import { failedRequest, inRequest, rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { Bench, knowsRoutines } from './support/open.ts'

// What is handed to the driver as it is, and talks to the connection by itself.

const bench = new Bench(`
  create table item (id int primary key, name text);
  insert into item select n, 'item ' || n from generate_series(1, 500) n;
  create table written (id serial, name text);
  create function hidden() returns int language sql as $$ insert into written (name) values ('h') returning id $$`)

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

const everything = 'select id from item order by id'

describe('on the replica', () => {
  test('a cursor reads in parts, closes early, and leaves the connection usable', async () => {
    await withClient(bench.far(), async (client) => {
      const cursor = client.query(new Cursor(everything))
      expect(await cursor.read(2)).toEqual([{ id: 1 }, { id: 2 }])
      expect(await cursor.read(1)).toEqual([{ id: 3 }])
      await cursor.close()
      expect((await client.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    })
  })

  test('a stream of rows, whose handlers run in the scope of the request', async () => {
    const pool = bench.far()
    await pool.query('select 1') // The connection is made outside of any request.
    const { state, value } = await inRequest(() =>
      withClient(pool, async (client) => {
        const scopes = new Set<unknown>()
        const stream = client.query(new QueryStream(everything, [], { batchSize: 100 }))
        stream.on('data', () => scopes.add(currentScope()?.request))
        await finished(stream)
        return [...scopes]
      }),
    )
    expect(value).toEqual([state])
  })

  test('COPY … TO', async () => {
    await withClient(bench.far(), async (client) => {
      expect(await text(client.query(copyTo('copy (select id from item where id < 4) to stdout')))).toBe('1\n2\n3\n')
    })
  })

  test('the rows and the end of a pg.Query come in the scope of the request', async () => {
    const pool = bench.far()
    await pool.query('select 1')
    const { state, value } = await inRequest(() =>
      withClient(pool, async (client) => {
        const query = client.query(new pg.Query('select 1'))
        const scopes: unknown[] = []
        query.on('row', () => scopes.push(currentScope()?.request))
        query.on('end', () => scopes.push(currentScope()?.request))
        await once(query, 'end')
        return scopes
      }),
    )
    expect(value).toEqual([state, state])
  })

  const insert = "insert into written (name) values ('x') returning id"
  test.each<[string, (client: pg.PoolClient) => Promise<unknown>]>([
    ['a cursor', (client) => client.query(new Cursor(insert)).read(1)],
    ['a stream', (client) => finished(client.query(new QueryStream(insert)).resume())],
    ['a COPY', (client) => pipeline(Readable.from(['1\tx\n']), client.query(copyFrom('copy written from stdin')))],
    ['a pg.Query', async (client) => throwing(once(client.query(new pg.Query(insert)), 'error'))],
  ])('%s that writes is refused, and the request is replayed', async (_, write) => {
    const pool = bench.far({ max: 1 })
    const { state, error } = await failedRequest(() => withClient(pool, write))
    expect(isPrimaryRequired(error)).toBe(true)
    expect(state.refusal).toMatchObject({ reason: 'write' })
    expect((await pool.query('select 1 as x')).rows).toEqual([{ x: 1 }])
    expect(await count()).toBe(0)
  })

  test('what the server refuses of a cursor is translated, monotonic or not', async () => {
    for (const consistency of ['read-your-writes', 'monotonic'] as const) {
      const pool = bench.far()
      await knowsRoutines(pool, 'hidden()')
      const { error } = await failedRequest(
        () => withClient(pool, (client) => client.query(new Cursor('select hidden()')).read(1)),
        { consistency },
      )
      expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'refused', cause: { code: '25006' } })
    }
  })

  test('where it cannot be replayed, the primary stands in, to the end of the check-out', async () => {
    const pool = bench.far()
    const { state } = await inRequest(
      () =>
        withClient(pool, async (client) => {
          await pipeline(Readable.from(['1\tx\n', '2\ty\n']), client.query(copyFrom('copy written from stdin')))
          expect((await client.query('select name from written order by id')).rows).toEqual([
            { name: 'x' },
            { name: 'y' },
          ])
          const cursor = client.query(new Cursor('delete from written returning id'))
          expect(await cursor.read(10)).toHaveLength(2)
          await cursor.close()
        }),
      { obstacle: 'upgrade' },
    )
    expect(state.refusal).toBeUndefined()
    expect(state.positions.get('app')).toBeDefined()
    expect(await count()).toBe(0)
    expect((await pool.query('select pg_is_in_recovery() as r')).rows).toEqual([{ r: true }])
  })
})

describe('on the primary', () => {
  const position = async (use: (client: pg.PoolClient) => Promise<unknown>, pool = bench.near()): Promise<unknown> => {
    const { state } = await inRequest((own) =>
      withClient(pool, async (client) => {
        await use(client)
        // At this moment the answer to the request may begin: the token has to be there.
        return own.positions.get('app')
      }).then((there) => expect(there).toBe(own.positions.get('app'))),
    )
    return state.positions.get('app')
  }
  const insert = "insert into written (name) select 'x' from generate_series(1, 5) returning id"

  test('a cursor that writes has a position when it has been read to its end', async () => {
    expect(
      await position(async (client) => {
        const cursor = client.query(new Cursor(insert))
        expect(await cursor.read(100)).toHaveLength(5)
        expect(await cursor.read(100)).toEqual([])
      }),
    ).toMatchObject({ at: expect.any(String) })
  })

  test('… or when it was closed before', async () => {
    expect(
      await position(async (client) => {
        const cursor = client.query(new Cursor(insert))
        await cursor.read(2)
        await cursor.close()
      }),
    ).toMatchObject({ at: expect.any(String) })
    expect(
      await position(async (client) => {
        const cursor = client.query(new Cursor(insert))
        await new Promise((resolve) => cursor.read(2, resolve))
        await new Promise<unknown>((resolve) => cursor.close(resolve))
      }),
    ).toMatchObject({ at: expect.any(String) })
  })

  test('a stream that writes', async () => {
    expect(await position((client) => finished(client.query(new QueryStream(insert)).resume()))).toMatchObject({
      at: expect.any(String),
    })
  })

  test('COPY … FROM', async () => {
    const copy = (client: pg.PoolClient): Promise<void> =>
      pipeline(Readable.from(['900\tx\n']), client.query(copyFrom('copy written from stdin')))
    expect(await position(copy)).toMatchObject({ at: expect.any(String) })
  })

  test('a pg.Query that writes', async () => {
    expect(await position((client) => once(client.query(new pg.Query(insert)), 'end'))).toMatchObject({
      at: expect.any(String),
    })
  })

  test('reads have none, and neither has what failed', async () => {
    const pool = bench.near()
    const read = (): Promise<unknown> => position((client) => client.query(new Cursor(everything)).read(1_000), pool)
    // Until the catalogue has answered for the first time, what names a table may be a view that writes.
    while ((await read()) !== undefined) await sleep(10)
    expect(await read()).toBeUndefined()
    expect(
      await position((client) => rejection(client.query(new Cursor('insert into nowhere values (1)')).read(1))),
    ).toBeUndefined()
    const failing = (client: pg.PoolClient): Promise<unknown> =>
      rejection(pipeline(Readable.from(['no number\tx\n']), client.query(copyFrom('copy written from stdin'))))
    expect(await position(failing)).toBeUndefined()
  })

  test('a COPY in a string of several statements is not disturbed', async () => {
    const pool = bench.near()
    const error = await rejection(
      request(() => pool.query("insert into written (name) values ('z'); copy written from stdin")),
    )
    expect(error.message).toMatch(/COPY from stdin failed/)
    expect((await request(() => pool.query('select 1 as x'))).rows).toEqual([{ x: 1 }])
  })
})

test('through runOnPrimary, from the replica’s region', async () => {
  const pool = bench.far()
  await runOnPrimary(() =>
    withClient(pool, async (client) => {
      const stream = client.query(new QueryStream("insert into written (name) values ('far') returning name"))
      expect(await stream.toArray()).toEqual([{ name: 'far' }])
      await client.query('delete from written')
    }),
  )
})

async function count(): Promise<number> {
  const [row] = await bench.cluster.primary.query<{ n: number }>('select count(*)::int as n from written')
  return row?.n ?? -1
}

async function throwing(error: Promise<unknown[]>): Promise<never> {
  throw (await error)[0]
}
