import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import { runOnPrimary } from '@flyroute/core'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { Bench } from './support/open.ts'

// What a session holds goes along with it, and stays with nobody else, in whichever form it was sent.

const bench = new Bench('create table note (name text, tenant text default current_setting($$app.tenant$$, true))')

const insert = "insert into note values ('x') returning name, tenant"

type Send = (client: pg.PoolClient, text: string, values?: unknown[]) => unknown

/** All forms in which a statement can be sent, and in which its answer can be waited for, or not. */
const forms: [string, Send][] = [
  ['a text', (client, text, values) => client.query(text, values)],
  ['a text that is not awaited', (client, text, values) => void client.query(text, values)],
  ['a text with a callback', (client, text, values) => client.query(text, values as unknown[], () => undefined)],
  ['a config with values beside it', (client, text, values) => client.query({ text }, values)],
  ['a named statement', (client, text, values) => client.query({ name: text, text, values: values as unknown[] })],
  ['a pg.Query', (client, text, values) => once(client.query(new pg.Query(text, values)), 'end')],
  ['a pg.Query that is not awaited', (client, text, values) => void client.query(new pg.Query(text, values))],
  [
    'a cursor',
    async (client, text, values) => {
      const cursor = client.query(new Cursor(text, values))
      await cursor.read(2)
      await cursor.close()
    },
  ],
  ['a stream', (client, text, values) => finished(client.query(new QueryStream(text, values)).resume())],
  ['a stream that is not awaited', (client, text, values) => void client.query(new QueryStream(text, values)).resume()],
]

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    return await use(client)
  } finally {
    client.release()
  }
}

const one = { max: 1, primaryPool: { max: 1 }, outsideRequest: 'primary' } as const

async function tenantOf(client: pg.PoolClient, text: string = insert): Promise<unknown> {
  return (await client.query<{ tenant: string | null }>(text)).rows[0]?.tenant
}

describe.each(forms)('what is set by %s', (_, send) => {
  test('goes along to the primary', async () => {
    const pool = bench.far(one)
    await withClient(pool, async (client) => {
      await send(client, "set app.tenant = 'a'")
      expect(await tenantOf(client)).toBe('a')
    })
    await withClient(pool, async (client) => {
      await send(client, 'select set_config($1, $2, false)', ['app.tenant', 'b'])
      expect(await tenantOf(client)).toBe('b')
    })
  })

  test('goes along with its transaction, and no further', async () => {
    await withClient(bench.far(one), async (client) => {
      await send(client, 'begin')
      await send(client, "set local app.tenant = 'a'")
      expect(await tenantOf(client)).toBe('a')
      await client.query('rollback')
    })
    await withClient(bench.far(one), async (client) => {
      await send(client, 'begin')
      await send(client, "set app.tenant = 'a'")
      // Awaited: what is still under way when its pool ends is told to nothing that would listen.
      await client.query('rollback')
      expect((await tenantOf(client)) || null).toBeNull()
    })
  })

  test('on the primary is not met by who gets that connection next', async () => {
    const pool = bench.far(one)
    await withClient(pool, async (client) => {
      await client.query(insert)
      await send(client, "set app.tenant = 'a'")
    })
    expect(await withClient(pool, tenantOf)).toBeNull()
  })

  test('goes along in a request that is monotonic', async () => {
    const pool = bench.far(one)
    const work = (): Promise<unknown> =>
      withClient(pool, async (client) => {
        await send(client, "set app.tenant = 'a'")
        return tenantOf(client)
      })
    expect((await inRequest(work, { obstacle: 'upgrade', consistency: 'monotonic' })).value).toBe('a')
  })
})

test('what may have been set by a cursor that was closed before its end keeps the session where it is', async () => {
  await withClient(bench.far(one), async (client) => {
    const cursor = client.query(new Cursor("select set_config('app.tenant', 'a', false)"))
    await cursor.close()
    expect(await rejection(client.query(insert))).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', detail: 'session' })
  })
})

test('what was set in a transaction that was ended ahead of its answers keeps the session where it is', async () => {
  await withClient(bench.far(one), async (client) => {
    await client.query('begin')
    await client.query("set app.tenant = 'a'")
    const failed = rejection(client.query('select 1 / 0'))
    await client.query('commit')
    await failed
    expect(await rejection(client.query(insert))).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', detail: 'session' })
  })
})

test('an object whose text cannot be seen stays with its session, which stays where it is', async () => {
  await withClient(bench.far(one), async (client) => {
    const query = new pg.Query("set app.tenant = 'a'")
    const hidden = { submit: (wire: unknown) => (query as unknown as pg.Submittable).submit(wire as pg.Connection) }
    Object.setPrototypeOf(
      hidden,
      new Proxy(query, { get: (of, name) => (name === 'text' ? undefined : Reflect.get(of, name)) }),
    )
    const ended = once(query, 'end')
    client.query(hidden)
    await ended
    expect(await rejection(client.query(insert))).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', detail: 'session' })
  })
})

test('a setting without an answer holds nothing up, and a failed one is not set', async () => {
  await withClient(bench.far(one), async (client) => {
    const failed = rejection(client.query("set timezone to 'Mars/Phobos'"))
    const set = client.query("set app.tenant = 'a'")
    const written = client.query(insert)
    expect(await failed).toMatchObject({ code: '22023' })
    await set
    expect((await written).rows).toEqual([{ name: 'x', tenant: 'a' }])
  })
})

describe('values are those of the moment in which they were sent', () => {
  test('a list that is used again', async () => {
    await withClient(bench.far(one), async (client) => {
      const values = ['a']
      await client.query("select set_config('app.tenant', $1, false)", values)
      values[0] = 'Widget 7'
      const { rows } = await client.query('insert into note values ($1) returning name, tenant', values)
      expect(rows).toEqual([{ name: 'Widget 7', tenant: 'a' }])
    })
  })

  test('objects that change, or tell of themselves but once', async () => {
    let asked = 0
    const tenant = { toPostgres: () => `tenant ${++asked}` }
    const bytes = Buffer.from('before')
    await withClient(bench.far(one), async (client) => {
      await client.query("select set_config('app.tenant', $1, false)", [tenant])
      const written = client.query("insert into note values (convert_from($1::bytea, 'utf8')) returning name, tenant", [
        bytes,
      ])
      bytes.write('after!')
      expect((await written).rows).toEqual([{ name: 'before', tenant: 'tenant 1' }])
    })
    expect(asked).toBe(1)
  })

  const text = 'insert into note values ($1) returning name'
  test.each<[string, (client: pg.PoolClient) => [Promise<pg.QueryResult>, () => void]]>([
    ['a list', (client, values = ['x']) => [client.query(text, values), () => values.fill('changed')]],
    [
      'a config',
      (client, config = { text, values: ['x'] }) => [
        client.query(config),
        () => Object.assign(config, { text: 'select 1', values: ['changed'] }),
      ],
    ],
    [
      'a pg.Query',
      (client, values = ['x']) => {
        const query = client.query(new pg.Query(text, values))
        const rows: unknown[] = []
        query.on('row', (row) => rows.push(row))
        return [once(query, 'end').then(() => ({ rows }) as pg.QueryResult), () => values.fill('changed')]
      },
    ],
  ])('%s that changes while the session moves', async (_, send) => {
    for (const before of ['select 1', "set app.tenant = 'a'"]) {
      await withClient(bench.far(one), async (client) => {
        void client.query(before)
        const [written, change] = send(client)
        change()
        expect((await written).rows).toEqual([{ name: 'x' }])
      })
    }
  })

  test('those beside a config win over its own', async () => {
    await withClient(bench.far(one), async (client) => {
      await client.query({ text: "select set_config('app.tenant', $1, false)", values: ['old'] }, ['new'])
      expect(await tenantOf(client)).toBe('new')
    })
  })
})

test('a session that has moved hears its notices, and parses its rows as it was told to', async () => {
  const pool = bench.far(one)
  await withClient(pool, async (client) => {
    client.setTypeParser(23, (value) => `parsed ${value}`)
    expect((await client.query(`${insert}, 1 as n`)).rows).toMatchObject([{ n: 'parsed 1' }])
  })
  expect((await runOnPrimary(() => pool.query('select 1 as n'))).rows).toEqual([{ n: 1 }])
  await withClient(pool, async (client) => {
    const notices: unknown[] = []
    client.on('notice', ({ message }) => notices.push(message))
    await client.query(insert)
    await client.query("do $$ begin raise notice 'heard'; end $$")
    expect(notices).toEqual(['heard'])
  })
})
