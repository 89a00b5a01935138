import { Socket } from 'node:net'
import { createDriver } from '@flyroute/pg'
import { describeAsBare, type Trace } from '@flyroute/testkit/as-bare'
import { rejection, request } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { Bench } from './support/open.ts'
import { type Step, traceOf } from './support/program.ts'
import { Wire } from './support/wire.ts'

// Off Fly, and on the primary, a client of ours does what the driver's does: the same answers, errors and events in the same order.

const bench = new Bench('select 1', { replicas: 0 })

const statements: readonly { what: unknown; values?: unknown }[] = [
  { what: 'select 1 as one' },
  { what: 'select $1::int as two', values: [2] },
  { what: { text: 'select 3 as three', rowMode: 'array' } },
  { what: { name: 'named', text: 'select $1::text as four' }, values: ['4'] },
  { what: { text: 'select 5 as five', types: { getTypeParser: () => (text: string) => `<${text}>` } } },
  { what: 'select 6 as six; select 7 as seven' },
  { what: '' },
  { what: 'selekt' },
  { what: 'select 1/0' },
  { what: { name: 'wrong', text: 'selekt $1' }, values: [1] },
  { what: 'select $1::int', values: ['not a number'] },
  { what: 'select $1::int', values: [{ toPostgres: () => { throw new Error('no such value') } }] }, // biome-ignore format: one line
  { what: 'begin' },
  { what: 'commit' },
  { what: 'rollback' },
  { what: 'create temp table if not exists item (id int primary key)' },
  { what: 'insert into item values (1) returning id' },
  { what: 'insert into item values ($1)', values: [2] },
  { what: 'copy item from stdin' },
  { what: "do $$ begin raise notice 'noticed'; end $$" },
  { what: 'listen news' },
  { what: "notify news, 'heard'" },
  { what: 'set statement_timeout = 1000' },
  { what: { text: 'select pg_sleep(0.2)', query_timeout: 50 } },
  { what: undefined },
  { what: null },
  { what: {} },
]

const form = fc.constantFrom('promise' as const, 'callback' as const, 'nothing' as const)
const query = fc
  .tuple(fc.constantFrom(...statements), fc.oneof(form, fc.constantFrom('cursor' as const, 'stream' as const)))
  // A COPY by a cursor ends the process in the driver itself.
  .filter(
    ([{ what }, how]) =>
      (how !== 'cursor' && how !== 'stream') || (typeof what === 'string' && !what.startsWith('copy')),
  )
  .map(([statement, how]): Step => ({ do: 'query', form: how, ...statement }))
const step = fc.oneof(
  { weight: 8, arbitrary: query },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'settle' }) },
  { weight: 1, arbitrary: form.map((how): Step => ({ do: 'end', form: how })) },
)
const program = fc
  .tuple(fc.array(step, { maxLength: 2 }), form, fc.array(step, { minLength: 1, maxLength: 8 }))
  .map(([before, how, after]): Step[] => [...before, { do: 'connect', form: how }, ...after])

/** What was found by the driver's own tests, and told apart from the rest here. */
const programs: Record<string, readonly Step[]> = {
  'only connects': [{ do: 'connect', form: 'promise' }, { do: 'settle' }],
  'asks before its connection is there': [
    { do: 'connect', form: 'promise' },
    { do: 'query', form: 'promise', what: 'select 1 as one' },
    { do: 'settle' },
  ],
  'ends before it begins': [{ do: 'end', form: 'nothing' }, { do: 'connect', form: 'promise' }, { do: 'settle' }],
  'asks behind a cursor that may have written': [
    { do: 'connect', form: 'callback' },
    { do: 'query', form: 'cursor', what: 'listen news' },
    { do: 'query', form: 'stream', what: 'select 1 as one' },
    { do: 'settle' },
  ],
  'asks behind a stream that may have written': [
    { do: 'connect', form: 'nothing' },
    { do: 'query', form: 'stream', what: 'create temp table if not exists item (id int primary key)' },
    { do: 'settle' },
    { do: 'query', form: 'promise', what: 'select 1 as one' },
    { do: 'settle' },
  ],
  'asks what cannot be asked, as the connection is there': [
    { do: 'connect', form: 'promise' },
    { do: 'query', form: 'nothing', what: {} },
    { do: 'settle' },
    { do: 'query', form: 'callback', what: 'selekt' },
  ],
}

const options = (): object => ({ connectionString: bench.cluster.primary.url })

const onPrimary = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }
const ours = (env: Record<string, string>, steps: readonly Step[]): Promise<string[]> =>
  traceOf(createDriver({ env }), options(), steps)
const places: Record<string, Trace<Step>> = {
  'off Fly': (steps) => ours({}, steps),
  'off Fly, in a request': (steps) => request(() => ours({}, steps)),
  'on the primary': (steps) => ours(onPrimary, steps),
  'on the primary, in a request': (steps) => request(() => ours(onPrimary, steps)),
}

describeAsBare({ program, runs: 15, programs, bare: (steps) => traceOf(pg, options(), steps), places })

describe.each([
  ['off Fly', {}],
  ['on the primary', onPrimary],
])('%s', (_, env) => {
  test('each client has the password that it is made with', async () => {
    const driver = createDriver({ env })
    const passwords = ['one', 'two']
    const clients = passwords.map((password) => new driver.Client({ host: 'db.test', user: 'app', password }))
    expect(clients.map((client) => client.password)).toEqual(passwords)
  })

  const places = [
    '/tmp',
    '/var/run/postgresql app',
    'socket:/tmp?db=app',
    'pg://app@db.test/app',
    'tcp://db.test:1/app',
  ]
  test.each(places)('%s says where the server is', (url) => {
    const driver = createDriver({ env })
    const [ours, bare] = [new driver.Client(url), new pg.Client(url)]
    const { host, port, user, database } = bare
    expect(ours).toMatchObject({ host, port, user, database })
  })

  test('a pool that is ended twice says so', async () => {
    const driver = createDriver({ env })
    const pool = new driver.Pool(options())
    await pool.end()
    const error = await new Promise((resolve) => Reflect.apply(pool.end, pool, [resolve]))
    expect(error).toMatchObject({ message: 'Called end on pool more than once' })
  })

  test("what is put in place of a client's method is used by pools", async () => {
    const driver = createDriver({ env })
    const { query } = driver.Client.prototype
    const seen: unknown[] = []
    driver.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): never {
      seen.push(args[0])
      return Reflect.apply(query, this, args) as never
    } as typeof query
    const pool = new driver.Pool(options())
    await pool.query('select 1')
    await pool.end()
    expect(seen).toContain('select 1')
  })
})

test('a query behind a write finds the queue of the driver empty, which warns of what waits there', async () => {
  const driver = createDriver({ env: onPrimary })
  const client = new driver.Client(options())
  await client.connect()
  const queue = Reflect.get(client, '_queryQueue') as unknown[]
  const lengths: number[] = []
  await request(async () => {
    const answers = []
    for (const text of ['create temp table written (id int)', 'insert into written values (1)', 'selekt']) {
      answers.push(client.query(text).catch(() => undefined))
      lengths.push(queue.length)
      await answers.at(-1)
      lengths.push(queue.length)
    }
  })
  await client.end()
  expect(lengths).toEqual([0, 0, 0, 0, 0, 0])
})

test('off Fly, we ask nothing about a connection that is lost', async () => {
  await using wire = await Wire.to(bench.cluster.primary.port)
  const driver = createDriver({ env: {} })
  const client = new driver.Client({ connectionString: wire.url(bench.cluster.primary.url) })
  await client.connect()
  wire.onStatement = (_, cut) => cut()
  const ended = new Promise((resolve) => client.once('end', resolve))
  client.on('error', () => undefined)
  expect(await rejection(client.query('select 1'))).toMatchObject({
    message: expect.stringMatching(/terminated|ECONNRESET/),
  })
  await ended
  wire.onStatement = () => undefined
  const other = new pg.Client({ connectionString: wire.url(bench.cluster.primary.url) })
  await other.connect()
  await other.end()
  expect(wire.connections).toBe(2)
})

test('on a stream that the app has made we ask nothing of our own', async () => {
  const driver = createDriver({ env: onPrimary })
  const client = new driver.Client({ ...options(), stream: new Socket() } as object)
  await client.connect()
  await expect(driver.replication.status()).rejects.toThrow(TypeError)
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  await client.end()
})
