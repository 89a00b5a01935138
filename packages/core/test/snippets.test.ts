// What people copy works: the examples above public functions, and the snippets of docs/recipes.md, in the surroundings
// that their reader has. One that is not known here fails, so none can be added without being run.

import * as hooks from 'node:async_hooks'
import * as channels from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import * as http from 'node:http'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as honoServer from '@hono/node-server'
import { expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler } from 'express'
import { Hono } from 'hono'
import * as pg from '../../pg/src/index.ts'
import * as coreFetch from '../src/fetch.ts'
import * as core from '../src/index.ts'
import * as coreNode from '../src/node.ts'
import { listen, request } from './support/http.ts'
import { incoming } from './support/incoming.ts'
import { Regions } from './support/postgres.ts'
import { examplesOf, runSnippet, type Snippet, snippetsOf } from './support/snippets.ts'

const regions = new Regions(`
  create table post (id serial primary key, title text);
  create table audit (what text);
  create table message (text text);
  create table visit (id serial primary key);
  create table invoice as select 7 as id`)
const modules = {
  '@flyroute/core': core,
  '@flyroute/core/fetch': coreFetch,
  '@flyroute/core/node': coreNode,
  '@flyroute/pg': pg,
  '@hono/node-server': honoServer,
  'node:async_hooks': hooks,
  'node:diagnostics_channel': channels,
  'node:http': http,
}

/** What a reader has, as far away from the primary as most are. */
interface Reader {
  readonly pool: pg.FlyroutePool
  readonly app: ReturnType<typeof express>
  /** Asks the app for something. */
  ask(method: string, path: string, headers?: Record<string, string>, body?: string): ReturnType<typeof request>
  count(table: string): Promise<number>
}
type Run = (reader: Reader, more?: Record<string, unknown>) => Promise<unknown>

/** What a framework would be: it reads, or writes and makes an answer of whatever comes of it. */
const frameworkOf =
  ({ pool }: Reader): RequestListener =>
  async (req, res) => {
    if (req.url === '/write') await pool.query('insert into audit values (1)').catch(() => res.writeHead(500))
    res.end('read')
  }

async function readsAndReplays({ port }: { port: number }): Promise<void> {
  expect((await request(port, 'GET', '/read')).body).toBe('read')
  expect((await request(port, 'GET', '/write')).header('fly-replay')).toHaveLength(1)
}

const isReplayed = (error: unknown): boolean => core.findPrimaryRequired(error)?.willBeReplayed === true

/** The error of a write in a request that is replayed, and that of one outside of any. */
async function refusedBoth({ pool }: Reader): Promise<[unknown, unknown]> {
  const write = (): Promise<unknown> => pool.query('insert into audit values (1)').catch((refusal: unknown) => refusal)
  let replayed: unknown
  const handle = async (_: Request): Promise<Response> => {
    replayed = await write()
    return new Response('unsent')
  }
  await coreFetch.replayable(handle, { databases: [pool] })(new Request('http://app/'))
  return [replayed, await write()]
}

/** By a line that only this snippet has: runs it, and sees that it does what its text says. */
const recipes: Record<string, (reader: Reader, run: Run) => Promise<void>> = {
  "app.get('/healthz'": async (reader, run) => {
    await run(reader)
    expect(JSON.parse((await reader.ask('GET', '/healthz')).body)).toMatchObject({ healthy: true })
  },
  "['nightly']": async (reader, run) => {
    await run(reader)
    expect(await reader.count('audit')).toBe(1)
  },
  'queue.process(': async (reader, run) => {
    const jobs: unknown[] = []
    let results: Promise<unknown>[] = []
    const queue = {
      add: async (job: unknown) => jobs.push(job),
      process: (work: (job: unknown) => Promise<unknown>) => void (results = jobs.map(work)),
    }
    await run(reader, { queue })
    expect(await results[0]).toMatchObject({ rows: [{ id: 7 }] })
  },
  'await requirePrimary()': async (reader, run) => {
    const redeemed: unknown[] = []
    const redeem = async (code: unknown) => ({ who: void redeemed.push(code) })
    reader.app.use(coreNode.replayMiddleware({ databases: [reader.pool] }))
    await run(reader, { ...core, redeem })
    expect((await reader.ask('GET', '/auth/callback?code=c1')).header('fly-replay')).toHaveLength(1)
    expect(redeemed).toEqual([])
  },
  'AsyncLocalStorage.snapshot()': async (reader, run) => {
    const loadVisits = (await run(reader, { then: 'return loadVisits' })) as () => Promise<unknown>
    let late: Promise<unknown> | undefined
    reader.app.use(coreNode.replayMiddleware({ databases: [reader.pool] }))
    reader.app.get('/', async (_, response) => {
      await reader.pool.query('insert into visit default values').catch(() => undefined)
      response.on('close', () => (late = loadVisits()))
      response.send('not sent')
    })
    expect((await reader.ask('GET', '/')).header('fly-replay')).toHaveLength(1)
    // Inside the request it would never settle.
    expect(await Promise.race([late, wait(5_000, 'never')])).toMatchObject({ rows: [] })
  },
  'await assertPrimary(pool)': async (reader, run) => {
    let migrated = 0
    const migrate = async (): Promise<void> => void migrated++
    await expect(run(reader, { migrate })).rejects.toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
    await using home = regions.pool('ord')
    await run({ ...reader, pool: home }, { migrate })
    expect(migrated).toBe(1)
  },
  'migrationUrl()': async (reader, run) => {
    const migrated: unknown[] = []
    process.env['DIRECT_DATABASE_URL'] = regions.primary.url
    try {
      await run(reader, { ...core, migrate: async (url: unknown) => void migrated.push(url) })
    } finally {
      delete process.env['DIRECT_DATABASE_URL']
    }
    expect(migrated).toEqual([regions.primary.url])
  },
  'placement: ({ path })': async (reader, run) => {
    const env = { FLY_REGION: 'gru', PRIMARY_REGION: 'ord', DATABASE_URL: regions.primary.url }
    await using pool = regions.pool('ams', { env })
    await run({ ...reader, pool })
    reader.app.use(async (_, response) => void response.json((await pool.query('select 1 as one')).rows))
    expect((await reader.ask('GET', '/dashboard')).header('fly-replay')).toHaveLength(1)
    for (const path of ['/export', '/']) expect((await reader.ask('GET', path)).body).toBe('[{"one":1}]')
  },
  'secret: [newSecret': async (reader, run) => {
    await run(reader, { newSecret: 'n'.repeat(32), oldSecret: 'o'.repeat(32) })
    reader.app.get('/', (_, response) => void response.send('read'))
    expect((await reader.ask('GET', '/')).body).toBe('read')
  },
  'async function call(': async (reader, run) => {
    const sent: (string | null)[] = []
    const fetch = async (_: URL, { headers }: { headers: Headers }): Promise<Response> => {
      sent.push(headers.get('flyroute-token'))
      return new Response(null, sent.length === 1 ? { headers: { 'flyroute-token': '1.x' } } : {})
    }
    const snippet = 'await call("/a"); await call("/b"); await call("/c")'
    await run(reader, { fetch, api: 'https://api.example', then: snippet })
    expect(sent).toEqual([null, '1.x', '1.x'])
  },
  "consistency: 'monotonic'": async (reader, run) => {
    await run(reader)
    reader.app.get('/', async (_, response) => void response.json((await reader.pool.query('select 1')).rows))
    expect((await reader.ask('GET', '/')).header('flyroute-token')).toHaveLength(1)
  },
  "runWithConsistency('none'": async (reader, run) => {
    expect(await run(reader, { then: 'return visits' })).toMatchObject({ rows: [{ count: '0' }] })
  },
  "path.startsWith('/visit/')": async (reader, run) => {
    const policy = (await run(reader, { then: 'return policy' })) as core.ReplayPolicy
    const replays = (method: string, path: string) =>
      (policy.before(incoming({ method, path })) as core.Visit).answer !== undefined
    expect([replays('GET', '/visit/1'), replays('POST', '/search'), replays('POST', '/posts')]).toEqual([
      true,
      false,
      true,
    ])
  },
  "whenReplayUnavailable: 'error'": async (reader, run) => {
    await run(reader)
    expect((await reader.ask('POST', '/', {}, 'x'.repeat(1_000_001))).status).toBe(413)
  },
  'socket.on(': async (reader, run) => {
    const socket = new EventEmitter()
    await run(reader, { socket })
    const [heard] = socket.listeners('message') as ((text: string) => Promise<void>)[]
    await heard?.('hello')
    expect(await reader.count('message')).toBe(1)
  },
  'debugHeader: true': async (reader, run) => {
    await run(reader)
    reader.app.get('/', (_, response) => void response.send('read'))
    expect((await reader.ask('GET', '/')).header('flyroute-debug')).toEqual(['region=ams; role=replica; reason=local'])
  },
  "from 'node:diagnostics_channel'": async (reader, run) => {
    const logged: unknown[][] = []
    await run(reader, { console: { log: (...words: unknown[]) => logged.push(words) } })
    channels.channel('flyroute:replay').publish('told')
    // Ahead of it comes what was told before there was a subscriber.
    expect(logged.at(-1)).toEqual(['replay', 'told'])
  },
  'export const isReplayed': async (reader, run) => {
    const isReplayed = (await run(reader, { then: 'return isReplayed' })) as (error: unknown) => boolean
    const errors = await refusedBoth(reader)
    expect(errors.map((error) => isReplayed(new Error('Failed query', { cause: error })))).toEqual([true, false])
  },
  'app.use((error, request, response, next)': async (reader, run) => {
    const logged: unknown[] = []
    reader.app.use(coreNode.replayMiddleware({ databases: [reader.pool] }))
    reader.app.get('/', () => reader.pool.query('insert into audit values (1)'))
    reader.app.get('/fault', () => reader.pool.query('select 1/0'))
    await run(reader, { isReplayed })
    const log: ErrorRequestHandler = (error, _request, response, _next) => {
      logged.push(error.code)
      response.sendStatus(500)
    }
    reader.app.use(log)
    expect((await reader.ask('GET', '/')).header('fly-replay')).toHaveLength(1)
    expect((await reader.ask('GET', '/fault')).status).toBe(500)
    expect(logged).toEqual(['22012'])
  },
  'fastify.setErrorHandler(': async (reader, run) => {
    type Handler = (error: unknown, request: object, reply: object) => unknown
    let handler: Handler | undefined
    const fastify = { setErrorHandler: (one: Handler) => void (handler = one) }
    await run(reader, { fastify, isReplayed })
    const sent: number[] = []
    const reply = { code: (status: number) => ({ send: () => sent.push(status) }) }
    const [replayed, outside] = await refusedBoth(reader)
    handler?.(replayed, {}, reply)
    expect(() => handler?.(outside, {}, reply)).toThrow('outside a request')
    expect(sent).toEqual([409])
  },
  'hono.onError(': async (reader, run) => {
    const logged: unknown[] = []
    const hono = new Hono()
    hono.get('/', async () => (await reader.pool.query('insert into audit values (1)')) as never)
    hono.get('/fault', async () => (await reader.pool.query('select 1/0')) as never)
    await run(reader, { hono, isReplayed, console: { error: (error: Error) => logged.push(error) } })
    const handle = coreFetch.replayable(hono.fetch as (request: Request) => Promise<Response>, {
      databases: [reader.pool],
    })
    expect((await handle(new Request('http://app/'))).headers.has('fly-replay')).toBe(true)
    expect((await handle(new Request('http://app/fault'))).status).toBe(500)
    expect(logged).toEqual([expect.objectContaining({ code: '22012' })])
  },
  'extends BaseExceptionFilter': async (reader, run) => {
    const [caught, ended]: unknown[][] = [[], []]
    class BaseExceptionFilter {
      catch(error: unknown): void {
        caught?.push(error)
      }
    }
    let filter: { catch(error: unknown, host: object): void } | undefined
    const nest = { getHttpAdapter: () => ({}), useGlobalFilters: (one: typeof filter) => void (filter = one) }
    const nestModules = { '@nestjs/common': { Catch: () => () => undefined }, '@nestjs/core': { BaseExceptionFilter } }
    await run(reader, { nest, isReplayed, modules: nestModules })
    const host = { switchToHttp: () => ({ getResponse: () => ({ end: () => ended?.push('ended') }) }) }
    const [replayed, outside] = await refusedBoth(reader)
    for (const error of [replayed, outside]) Reflect.apply(filter?.catch as () => void, filter, [error, host])
    expect([caught, ended]).toEqual([[outside], ['ended']])
  },
  'Sentry.init(': async (reader, run) => {
    type Options = { beforeSend(event: object, hint: object): unknown }
    let options: Options | undefined
    await run(reader, { Sentry: { init: (given: Options) => void (options = given) }, isReplayed })
    const sent = (await refusedBoth(reader)).map((error) =>
      options?.beforeSend({ id: 1 }, { originalException: error }),
    )
    expect(sent).toEqual([null, { id: 1 }])
  },
  'extends BatchSpanProcessor': async (reader, run) => {
    const sent: { name: string; status: object }[] = []
    class BatchSpanProcessor {
      onEnd(span: { name: string; status: object }): void {
        sent.push(span)
      }
    }
    const otel = {
      '@opentelemetry/api': { SpanStatusCode: { UNSET: 0, ERROR: 2 } },
      '@opentelemetry/sdk-trace-base': { BatchSpanProcessor },
    }
    const Quiet = (await run(reader, { modules: otel, then: 'return QuietReplays' })) as typeof BatchSpanProcessor
    const [replayed, outside] = (await refusedBoth(reader)) as [Error, Error]
    for (const { message } of [replayed, outside]) new Quiet().onEnd({ name: 'q', status: { code: 2, message } })
    expect(sent.map(({ name, status }) => ({ name, status }))).toEqual([
      { name: 'q', status: { code: 0 } },
      { name: 'q', status: { code: 2, message: outside.message } },
    ])
  },
  'response.sendStatus(201)': async (reader, run) => {
    await run(reader)
    expect((await reader.ask('POST', '/posts', { 'x-title': 'a' })).header('fly-replay')).toHaveLength(1)
  },
  'koa.callback()': async (reader, run) => {
    const koa = { callback: () => frameworkOf(reader) }
    await using server = await listen((await run(reader, { koa, then: 'return server' })) as http.Server)
    await readsAndReplays(server)
  },
  "addHook('onRequest'": async (reader, run) => {
    type Raw = { raw: http.IncomingMessage } & { raw: http.ServerResponse }
    type Hook = (request: object, reply: object, done: (error?: Error) => void) => void
    let hook: Hook | undefined
    await run(reader, { fastify: { addHook: (_: string, one: Hook) => void (hook = one) } })
    const framework = frameworkOf(reader)
    const listener: RequestListener = (req, res) => hook?.({ raw: req }, { raw: res } as Raw, () => framework(req, res))
    await using server = await listen(createServer(listener))
    await readsAndReplays(server)
  },
  "'x-graphql-operation'": async (reader, run) => {
    const yoga = frameworkOf(reader)
    await using server = await listen((await run(reader, { yoga, then: 'return server' })) as http.Server)
    await readsAndReplays(server)
    const told = await request(server.port, 'POST', '/read', { 'x-graphql-operation': 'mutation' }, '{}')
    expect(told.header('fly-replay')).toHaveLength(1)
    expect((await request(server.port, 'POST', '/read', {}, '{}')).body).toBe('read')
  },
  'export const middleware = [': async (reader, run) => {
    type Next = () => Promise<Response>
    type Exports = {
      handle(input: { event: { request: Request }; resolve: Next }): Promise<Response>
      middleware: ((args: { request: Request }, next: Next) => Promise<Response>)[]
    }
    const { handle, middleware } = (await run(reader, { then: 'return { handle, middleware }' })) as Exports
    for (const serve of [
      (asked: Request, resolve: Next) => handle({ event: { request: asked }, resolve }),
      (asked: Request, next: Next) => middleware[0]?.({ request: asked }, next),
    ]) {
      const next = async (): Promise<Response> => new Response('next')
      expect(await (await serve(new Request('http://localhost/'), next))?.text()).toBe('next')
      expect((await serve(new Request('http://localhost/', { method: 'POST' }), next))?.status).toBe(409)
    }
  },
  'node_modules/next/dist/bin/next start': async (reader, run) => {
    let end = (): void => undefined
    const replayServers: typeof coreNode.replayServers = (policy) => (end = coreNode.replayServers(policy))
    await run(reader, { modules: { '@flyroute/core/node': { replayServers } } })
    try {
      await using server = await listen(createServer(frameworkOf(reader)))
      await readsAndReplays(server)
    } finally {
      end()
    }
  },
  'request.session.day !== day': async (reader, run) => {
    const sessions = [{}, { user: 'Ada' }, { user: 'Ada', day: new Date().toISOString().slice(0, 10) }]
    const before = structuredClone(sessions)
    reader.app.use((req, _, next) => {
      Object.assign(req, { session: sessions[Number(req.url.slice(1))] })
      next()
    })
    await run(reader)
    reader.app.use((_, response) => void response.send('ok'))
    for (const index of sessions.keys()) expect((await reader.ask('GET', `/${index}`)).body).toBe('ok')
    expect(sessions).toEqual([before[0], before[2], before[2]])
  },
  'getRequestListener(app.fetch)': async (reader, run) => {
    const hono = new Hono()
    hono.get('/', async (c) => c.text(String((await reader.pool.query('select 1 as n')).rows[0].n)))
    await using server = await listen((await run(reader, { app: hono, then: 'return server' })) as http.Server)
    expect((await request(server.port, 'GET')).body).toBe('1')
    expect((await request(server.port, 'POST')).header('fly-replay')).toHaveLength(1)
  },
  'policy.after(visit, { status': async (reader, run) => {
    type Serve = (
      call: object,
      handler: () => Promise<object>,
    ) => Promise<{ status: number; headers: Record<string, string> }>
    const serve = (await run(reader, { then: 'return serve' })) as Serve
    const call = { method: 'GET', path: '/', headers: {} }
    const handler = async () => ({ status: 201, headers: { a: 'b' }, body: '' })
    expect(await serve(call, handler)).toEqual({ status: 201, headers: { a: 'b' }, body: '' })
    const writes = async () => {
      await reader.pool.query('insert into audit values (1)').catch(() => undefined)
      return { status: 500, headers: {}, body: '' }
    }
    expect((await serve(call, writes)).headers['fly-replay']).toContain('region=ord')
    expect((await serve({ ...call, method: 'POST' }, handler)).status).toBe(409)
  },
  "simulate: 'replica'": async (reader, run) => {
    process.env.TEST_DATABASE_URL = regions.primary.url
    const failed: unknown[] = []
    await run(reader, { console: { assert: (holds: boolean) => void (holds || failed.push(holds)) } })
    expect(failed).toEqual([])
  },
}

/** The same for the examples above functions, by the function's name. */
const examples: Record<string, (reader: Reader, run: Run) => Promise<void>> = {
  requirePrimary: recipes['await requirePrimary()'] as (reader: Reader, run: Run) => Promise<void>,
  assertPrimary: recipes['await assertPrimary(pool)'] as (reader: Reader, run: Run) => Promise<void>,
  migrationUrl: recipes['migrationUrl()'] as (reader: Reader, run: Run) => Promise<void>,
  classify: async (reader, run) => void (await run(reader, core)),
  explainClassification: async (reader, run) => void (await run(reader, core)),
  parseReplaySource: async (reader, run) => void (await run(reader, core)),
  parseReplayFailure: async (reader, run) => void (await run(reader, core)),
  resolveTopology: async (reader, run) => void (await run(reader, core)),
  findPrimaryRequired: async (reader, run) => {
    const error = await reader.pool.query('insert into audit values (1)').catch((refusal: unknown) => refusal)
    await run(reader, { ...core, error })
  },
  isPrimaryRequired: async (reader, run) => {
    const handle = () => reader.pool.query('insert into audit values (1)')
    const response = (await run(reader, { ...core, handle, request: {} })) as Response
    expect(response.headers.get('fly-replay')).toBe('region=ord')
  },
  replayResponse: async (reader, run) => {
    const handler = (_: unknown, res: http.ServerResponse) => run(reader, { ...core, res })
    await using server = await listen(createServer((req, res) => void handler(req, res)))
    const answer = await request(server.port, 'GET')
    expect(answer.header('fly-replay')).toEqual(['region="ord,any";timeout=5000ms;fallback=force_self'])
  },
  createReplayPolicy: async (reader, run) => {
    await run(reader, { ...core, ...coreNode })
    expect((await reader.ask('POST', '/')).status).toBe(409)
  },
  healthResponse: recipes["app.get('/healthz'"] as (reader: Reader, run: Run) => Promise<void>,
  runOnPrimary: async (reader, run) => {
    const before = await reader.count('audit')
    await run(reader, core)
    expect(await reader.count('audit')).toBe(before + 1)
  },
  runWithConsistency: recipes["runWithConsistency('none'"] as (reader: Reader, run: Run) => Promise<void>,
  runWithToken: async (reader, run) => {
    const job = { data: { id: 7, token: await reader.pool.replication.currentToken() } }
    let sent = 0
    await run(reader, { ...core, job, sendInvoice: async (id: number) => void (sent = id) })
    expect(sent).toBe(7)
  },
  'fetch replayable': async (reader, run) => {
    let served: ((request: Request) => Promise<Response>) | undefined
    const serve = ({ fetch }: { fetch: typeof served }) => void (served = fetch)
    await run(reader, { ...coreFetch, serve, app: new Hono().get('/', (c) => c.text('hono')) })
    expect(await (await served?.(new Request('http://localhost/')))?.text()).toBe('hono')
  },
  'node replayable': async (reader, run) => {
    let listener: RequestListener | undefined
    const make = (wrapped: RequestListener) => ({ listen: () => void (listener = wrapped) })
    const handler: RequestListener = (_, res) => void res.end('ran')
    await run(reader, { ...coreNode, createServer: make, handler })
    await using listening = await listen(createServer(listener))
    expect((await request(listening.port, 'GET')).body).toBe('ran')
    expect((await request(listening.port, 'POST')).status).toBe(409)
  },
  'fetch replayMiddleware': async (reader, run) => {
    type Handle = (input: { event: { request: Request }; resolve: () => Promise<Response> }) => Promise<Response>
    const handle = (await run(reader, { ...coreFetch, then: 'return handle' })) as Handle
    const resolve = async (): Promise<Response> => new Response('resolved')
    const ask = (method: string) =>
      handle({ event: { request: new Request('http://localhost/', { method }) }, resolve })
    expect(await (await ask('GET')).text()).toBe('resolved')
    expect((await ask('POST')).status).toBe(409)
  },
  'node replayMiddleware': async (reader, run) => {
    await run(reader, coreNode)
    expect((await reader.ask('POST', '/')).status).toBe(409)
  },
  replayServers: async (reader, run) => {
    const end = (await run(reader, { then: 'return end' })) as () => void
    try {
      await using server = await listen(createServer((_, response) => void response.end('ran')))
      expect((await request(server.port, 'GET')).body).toBe('ran')
      expect((await request(server.port, 'POST')).status).toBe(409)
    } finally {
      end()
    }
  },
  sendReplay: recipes["app.get('/healthz'"] as (reader: Reader, run: Run) => Promise<void>,
}

async function read(snippet: Snippet, check: (reader: Reader, run: Run) => Promise<void>): Promise<void> {
  await using pool = regions.pool('ams')
  const app = express()
  await using server = await listen(createServer(app))
  const reader: Reader = {
    pool,
    app,
    ask: (...args) => request(server.port, ...args),
    count: async (table) =>
      Number((await regions.primary.query<{ n: string }>(`select count(*) as n from ${table}`))[0]?.n),
  }
  const run: Run = ({ pool: own, app: its }, more = {}) => {
    const { then = '', modules: others = {}, ...names } = more as { then?: string; modules?: Record<string, object> }
    const code = `${snippet.code}\n${then}`
    const surroundings = { pool: own, app: its, ...core, ...coreNode, ...names }
    return runSnippet({ ...snippet, code }, surroundings, { ...modules, ...others })
  }
  await check(reader, run)
}

const root = join(import.meta.dirname, '../../..')
test.each(snippetsOf(join(root, 'docs/recipes.md')).map((snippet) => [snippet.where, snippet] as const))(
  '%s runs',
  async (_, snippet) => {
    const [known, ...more] = Object.entries(recipes).filter(([line]) => snippet.code.includes(line))
    if (known === undefined || more.length > 0) throw new Error(`Say in this test how to run:\n${snippet.code}`)
    await read(snippet, known[1])
  },
)

const source = (path: string): string => join(root, 'packages/core/src', path)
const documented = [
  'assert-primary',
  'classify/classify',
  'classify/explain',
  'errors/find',
  'health',
  'migration-url',
  'node',
  'policy',
  'require-primary',
  'replay/parse',
  'replay/response',
  'run-with-token',
  'request/scope',
  'topology/resolve',
].flatMap((file) => examplesOf(source(`${file}.ts`)))
const entryPoints = [
  ...documented.map((one) => ({ ...one, name: nameOf(one.name, 'node') })),
  ...examplesOf(source('fetch.ts')).map((one) => ({ ...one, name: nameOf(one.name, 'fetch') })),
]

/** Both entry points have functions of the same name. */
function nameOf(name: string, entry: 'node' | 'fetch'): string {
  return name === 'replayable' || name === 'replayMiddleware' ? `${entry} ${name}` : name
}

test.each(entryPoints.map((example) => [example.name, example] as const))(
  'the example of %s runs',
  async (name, example) => {
    const check = examples[name]
    if (check === undefined) throw new Error(`Say in this test how to run:\n${example.code}`)
    await read(example, check)
  },
)

test('what a line says that it gives is looked at', async () => {
  await runSnippet({ where: '', code: '1 + 1   // 2' }, {}, {})
  await expect(runSnippet({ where: '', code: '1 + 1   // 3' }, {}, {})).rejects.toThrow('Expected: 3')
})

test('every public function has an example', () => {
  const functions = [...Object.entries(core), ...Object.entries(coreNode)]
    .filter(([, exported]) => typeof exported === 'function' && !String(exported).startsWith('class'))
    .map(([name]) => nameOf(name, 'node'))
    .concat(Object.keys(coreFetch).map((name) => nameOf(name, 'fetch')))
  const known = entryPoints.map(({ name }) => name)
  expect(functions.filter((name) => !known.includes(name))).toEqual([])
})
