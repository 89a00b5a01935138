import { once } from 'node:events'
import { createServer } from 'node:http'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { describe, expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import type { FlyroutePool } from '../../pg/src/index.ts'
import { replayable as replayableFetch } from '../src/fetch.ts'
import { replayable, replayMiddleware } from '../src/node.ts'
import type { ReplayPolicyOptions } from '../src/policy.ts'
import { runOnPrimary } from '../src/request/scope.ts'
import { Connection, chunk, head, listen } from './support/http.ts'
import { cookieOf, Regions } from './support/postgres.ts'

// On a machine that is busy a look at the replica may take as long as an ocean is wide: a replay costs more here.
const regions = new Regions('create table note (id serial primary key, text text unique)', { replayCostMs: 2_000 })
const insert = 'insert into note (text) values ($1)'
const count = 'select count(*)::int as n from note where text = $1'
let unique = 0
const text = (): string => `note ${process.pid} ${unique++}`
const stored = async (value: string): Promise<number> =>
  ((await regions.primary.query<{ n: number }>(count, [value]))[0] as { n: number }).n

describe('Express', () => {
  const seen: unknown[] = []
  const handleError: ErrorRequestHandler = (error, _, response, next) => {
    seen.push(error)
    if (response.headersSent) next(error)
    else response.status(500).json({ error: 'Internal Server Error' })
  }
  /** In the manner of Express 4: callbacks, and promises whose errors are handed on. */
  const four =
    (pool: FlyroutePool): RequestHandler =>
    (request, response, next) =>
      pool.query(insert, [request.body.text], (error) => (error ? next(error) : response.json({ ok: true })))
  const app =
    (options: Partial<ReplayPolicyOptions> = {}) =>
    (pool: FlyroutePool) => {
      const server = express()
      server.use(replayMiddleware({ databases: [pool], replayBeforeHandler: [], ...options }))
      server.use(express.json({ limit: '5mb' }))
      server.post('/async', async (request, response) => {
        await pool.query(insert, [request.body.text])
        response.json({ ok: true })
      })
      server.post('/callback', four(pool))
      server.post('/swallowed', async (request, response) => {
        const failed = await pool.query(insert, [request.body.text]).then(
          () => false,
          () => true,
        )
        response.cookie('app', '1').json({ data: null, failed })
      })
      server.post('/upload', (request, response, next) => {
        const file = new PassThrough().resume()
        request.pipe(file).on('finish', () => {
          pool.query(insert, [request.headers['x-text']]).then(() => response.end(), next)
        })
      })
      server.get('/read', async (request, response) => {
        const { rows } = await pool.query(`${count.replace('from', ', pg_is_in_recovery() as replica from')}`, [
          request.query.text,
        ])
        response.json(rows[0])
      })
      server.get('/visit', (request, response) => {
        // As a session store does: it saves once the answer is on its way.
        response.on('finish', () => {
          pool.query(insert, [request.query.text]).catch((error) => seen.push(error))
        })
        response.send('hello')
      })
      server.use(handleError)
      return server
    }

  test.each(['/async', '/callback', '/swallowed'])(
    '%s behind a body parser: one replay, one write, its own read',
    async (path) => {
      await using fly = await regions.serve(app())
      const value = text()
      const body = JSON.stringify({ text: value })
      const answer = await fly.send('ams', 'POST', path, { 'content-type': 'application/json' }, body)
      expect(answer).toMatchObject({ status: 200, region: 'ord', replays: ['flyroute:write:insert@app'] })
      expect(await stored(value)).toBe(1)
      const read = await fly.send('ams', 'GET', `/read?text=${encodeURIComponent(value)}`, cookieOf(answer))
      expect(JSON.parse(read.body).n).toBe(1)
    },
  )

  test('an upload that is streamed: replayed while the proxy can, else written over the ocean', async () => {
    await using fly = await regions.serve(app())
    const [small, large] = [text(), text()]
    const sent = (value: string, length: number) =>
      fly.send('ams', 'POST', '/upload', { 'x-text': value, 'content-length': String(length) }, 'x'.repeat(length))
    expect(await sent(small, 100_000)).toMatchObject({
      status: 200,
      region: 'ord',
      replays: ['flyroute:write:insert@app'],
    })
    const answer = await sent(large, 1_500_000)
    expect(answer).toMatchObject({ status: 200, region: 'ams', replays: [] })
    expect(Object.keys(cookieOf(answer))).toEqual(['cookie'])
    expect([await stored(small), await stored(large)]).toEqual([1, 1])
  })

  test('a chunked upload that turns out too long is written over the ocean, by method too', async () => {
    await using fly = await regions.serve(app({ replayBeforeHandler: ['POST'] }))
    const value = text()
    using connection = new Connection(fly.port('ams'))
    connection.write(head('POST', '/upload', { 'transfer-encoding': 'chunked', 'x-text': value }))
    for (let n = 0; n < 30; n++) connection.write(chunk('x'.repeat(50_000)))
    connection.write(chunk(''))
    expect((await connection.answer()).status).toBe(200)
    expect(await stored(value)).toBe(1)
  })

  test('a write behind the answer runs over the ocean, once', async () => {
    await using fly = await regions.serve(app())
    const value = text()
    const answer = await fly.send('ams', 'GET', `/visit?text=${encodeURIComponent(value)}`)
    expect(answer).toMatchObject({ status: 200, region: 'ams', body: 'hello' })
    while ((await stored(value)) === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await stored(value)).toBe(1)
  })

  test('an error of the database reaches the error handler as the driver made it', async () => {
    await using fly = await regions.serve(app())
    const body = JSON.stringify({ text: text() })
    const send = () => fly.send('ams', 'POST', '/async', { 'content-type': 'application/json' }, body)
    await send()
    seen.length = 0
    expect(await send()).toMatchObject({ status: 500, body: '{"error":"Internal Server Error"}' })
    expect(seen.at(-1)).toMatchObject({ code: '23505', name: 'error', constraint: 'note_text_key' })
  })

  test('the whole app behind the handler wrapper, without a middleware, does the same', async () => {
    await using fly = await regions.serve((pool) => {
      const server = express()
      server.get('/write', async (request, response) => {
        await pool.query(insert, [request.query.text])
        response.send('written')
      })
      return replayable(server, { databases: [pool] })
    })
    const value = text()
    const answer = await fly.send('ams', 'GET', `/write?text=${encodeURIComponent(value)}`)
    expect(answer).toMatchObject({
      status: 200,
      body: 'written',
      region: 'ord',
      replays: ['flyroute:write:insert@app'],
    })
    expect(await stored(value)).toBe(1)
  })
})

describe('Hono on Node', () => {
  const app = (pool: FlyroutePool, options: Partial<ReplayPolicyOptions> = {}) => {
    const server = new Hono()
    server.onError((_, c) => c.text('Internal Server Error', 500))
    server.post('/notes', async (c) => {
      const { text: value } = await c.req.json<{ text: string }>()
      await pool.query(insert, [value])
      return c.json({ ok: true }, 201)
    })
    server.get('/notes', async (c) => c.json((await pool.query(count, [c.req.query('text')])).rows[0]))
    server.get('/write', async (c) => {
      await pool.query(insert, [c.req.query('text')])
      c.header('set-cookie', 'app=1')
      return c.text('written')
    })
    server.post('/upload', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))
    server.get('/lazy', (c) => {
      let made = 0
      // Nothing is made before somebody reads, and by then the headers have left.
      const body = new ReadableStream(
        {
          async pull(controller) {
            const written = await pool.query(insert, [text()]).then(
              () => 'written ',
              (error: Error) => error.message,
            )
            controller.enqueue(new TextEncoder().encode(written))
            if (++made === 3) controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return c.body(body)
    })
    server.get('/stream', (c) =>
      stream(c, async (out) => {
        await out.write('hello ')
        await pool.query(insert, [c.req.query('text')])
        await out.write('world')
      }),
    )
    return getRequestListener(replayableFetch(server.fetch, { databases: [pool], ...options }))
  }

  test('replays by method and by statement, and reads its own writes locally', async () => {
    await using fly = await regions.serve((pool) => app(pool))
    const value = text()
    const json = { 'content-type': 'application/json' }
    const answer = await fly.send('ams', 'POST', '/notes', json, JSON.stringify({ text: value }))
    expect(answer).toMatchObject({
      status: 201,
      body: '{"ok":true}',
      region: 'ord',
      replays: ['flyroute:method:post@app'],
    })
    const read = await fly.send('ams', 'GET', `/notes?text=${encodeURIComponent(value)}`, cookieOf(answer))
    expect(JSON.parse(read.body)).toEqual({ n: 1 })
    const written = await fly.send('ams', 'GET', `/write?text=${encodeURIComponent(text())}`)
    expect(written).toMatchObject({ status: 200, region: 'ord', replays: ['flyroute:write:insert@app'] })
    expect(written.header('set-cookie')).toEqual(['app=1', expect.stringMatching(/^flyroute=/)])
  })

  test('keeps the connection when it replays a body that nobody reads', async () => {
    await using fly = await regions.serve((pool) => app(pool))
    using connection = new Connection(fly.port('ams'))
    for (const size of [0, 10, 300_000]) {
      connection.write(head('POST', '/notes', { 'content-length': String(size) }) + 'x'.repeat(size))
      expect((await connection.answer()).header('fly-replay')).toHaveLength(1)
      connection.write(
        head('POST', '/notes', { 'transfer-encoding': 'chunked' }) + chunk('x'.repeat(size + 1)) + chunk(''),
      )
      expect((await connection.answer()).header('fly-replay')).toHaveLength(1)
    }
    connection.write(head('GET', '/notes?text=x'))
    expect((await connection.answer()).body).toBe('{"n":0}')
  })

  test('gets every byte of a chunked body that is too long', async () => {
    await using fly = await regions.serve((pool) => app(pool))
    using connection = new Connection(fly.port('ams'))
    connection.write(head('POST', '/upload', { 'transfer-encoding': 'chunked' }))
    for (let n = 0; n < 30; n++) connection.write(chunk('x'.repeat(50_000)))
    connection.write(chunk(''))
    expect((await connection.answer()).body).toBe('1500000')
  })

  test('streams that are made while they are read stay in their request', async () => {
    await using fly = await regions.serve((pool) => app(pool))
    const lazy = await fly.send('ams', 'GET', '/lazy')
    // In the request's scope a write behind the headers finds its way to the primary; outside of it, it would be refused.
    expect(lazy).toMatchObject({ status: 200, body: 'written written written ', region: 'ams', replays: [] })
    const value = text()
    const streamed = await fly.send('ams', 'GET', `/stream?text=${encodeURIComponent(value)}`)
    expect(streamed).toMatchObject({ status: 200, body: 'hello world' })
    expect(await stored(value)).toBe(1)
  })
})

describe('read your writes', () => {
  const app =
    (options: Partial<ReplayPolicyOptions> = {}) =>
    (pool: FlyroutePool) =>
      replayable(
        async (request, response) => {
          const url = new URL(request.url ?? '/', 'http://app')
          const value = url.searchParams.get('text')
          if (request.method === 'POST') await pool.query(insert, [value])
          const { rows } = await pool.query(`select (${count}) as n, pg_is_in_recovery() as replica`, [value])
          response.end(JSON.stringify(rows[0]))
        },
        { databases: [pool], debugHeader: true, ...options },
      )
  const path = (value: string) => `/?text=${encodeURIComponent(value)}`

  test('locally where the replica has them, after a wait where it is about to, else by a replay', async () => {
    await using fly = await regions.serve(app())
    // However long a busy machine takes to replay a row.
    await using patient = await regions.serve(app({ waitTimeoutMs: 20_000 }), { replayCostMs: 20_000 })
    for (let n = 0; n < 20; n++) {
      const value = text()
      const written = await patient.send('ams', 'POST', path(value))
      expect(written).toMatchObject({ status: 200, region: 'ord' })
      const read = await patient.send('ams', 'GET', path(value), cookieOf(written))
      expect([JSON.parse(read.body), read.region, read.header('set-cookie')]).toEqual([
        { n: 1, replica: true },
        'ams',
        [],
      ])
    }
    await regions.replica.pauseReplay()
    try {
      const value = text()
      const written = await fly.send('ams', 'POST', path(value))
      const read = await fly.send('ams', 'GET', path(value), cookieOf(written))
      expect(read).toMatchObject({ region: 'ord', replays: ['flyroute:stale@app'] })
      expect(JSON.parse(read.body)).toEqual({ n: 1, replica: false })
      // Without the token the past is served locally, and no slower.
      expect(JSON.parse((await fly.send('ams', 'GET', path(value))).body)).toEqual({ n: 0, replica: true })
    } finally {
      await regions.replica.resumeReplay()
    }
  })

  test('in one request after runOnPrimary, and by header for API clients', async () => {
    await using fly = await regions.serve((pool) =>
      replayable(
        async (request, response) => {
          const value = String(request.headers['x-text'])
          if (request.url === '/write') await runOnPrimary(() => pool.query(insert, [value]))
          response.end(JSON.stringify((await pool.query(count, [value])).rows[0]))
        },
        { databases: [pool], cookie: false },
      ),
    )
    const value = text()
    const written = await fly.send('ams', 'GET', '/write', { 'x-text': value })
    expect(written).toMatchObject({ body: '{"n":1}', region: 'ams', replays: [] })
    const [token = ''] = written.header('flyroute-token')
    expect(written.header('set-cookie')).toEqual([])
    const read = await fly.send('ams', 'GET', '/read', { 'x-text': value, 'flyroute-token': token })
    expect(read.body).toBe('{"n":1}')
  })

  test('a forged token costs one replay and is forgotten; a signed one is worth nothing forged', async () => {
    const forged = Buffer.from(JSON.stringify([['app', 'nobody', 1, 'FFFFFFFF/0', Date.now()]])).toString('base64url')
    await using unsigned = await regions.serve(app())
    const cookie = { cookie: `flyroute=1.${forged}` }
    // As long as it is not known which views write, a read of a table may be a write, which has a token.
    while ('cookie' in cookieOf(await unsigned.send('ord', 'GET', path('x')))) await sleep(5)
    const answer = await unsigned.send('ams', 'GET', path('x'), cookie)
    expect(answer).toMatchObject({ status: 200, region: 'ord', replays: ['flyroute:stale@app'] })
    expect(cookieOf(answer)).toEqual({ cookie: 'flyroute=' })
    await using signed = await regions.serve(app({ secret: 'a secret of thirty-two characters' }))
    expect(await signed.send('ams', 'GET', path('x'), cookie)).toMatchObject({
      status: 200,
      region: 'ams',
      replays: [],
    })
  })
})

test('a client that goes away gives up its wait', async () => {
  await using pool = regions.pool('ams')
  await using home = regions.pool('ord')
  let ended: (outcome: unknown) => void = () => undefined
  const outcome = new Promise((resolve) => (ended = resolve))
  const wrapped = replayable(
    async () => {
      const token = await runOnPrimary(() => home.query(insert, [text()])).then(() => home.replication.currentToken())
      await regions.replica.pauseReplay()
      const controller = new AbortController()
      const waiting = pool.replication.waitFor(token, { timeoutMs: 60_000, signal: controller.signal })
      connection.socket.destroy()
      controller.abort(new Error('gone'))
      ended(await waiting.catch((error: Error) => error.message))
    },
    { databases: [pool] },
  )
  await using server = await listen(createServer(wrapped))
  const connection = new Connection(server.port)
  await once(connection.socket, 'connect')
  connection.write(head('GET', '/'))
  expect(await outcome).toBe('gone')
  await regions.replica.resumeReplay()
})
