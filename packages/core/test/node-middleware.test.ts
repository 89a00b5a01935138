import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { assertPrimary } from '../src/assert-primary.ts'
import { type NodeHandler, replayable, replayMiddleware, replayServers, sendReplay } from '../src/node.ts'
import { createReplayPolicy, type ReplayPolicyOptions } from '../src/policy.ts'
import { replayResponse } from '../src/replay/response.ts'
import { currentScope, runOnPrimary } from '../src/request/scope.ts'
import { FakeDatabase } from './support/fake-database.ts'
import { Connection, chunk, head, listen, request } from './support/http.ts'

type Options = Omit<ReplayPolicyOptions, 'databases'>

/** A server behind the middleware of a replica region. */
async function serve(handler: (database: FakeDatabase) => NodeHandler, options: Options = {}) {
  const database = new FakeDatabase()
  const server = createServer(replayable(handler(database), { databases: [database], ...options }) as RequestListener)
  return { database, ...(await listen(server)) }
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const data of stream) chunks.push(data)
  return Buffer.concat(chunks)
}

const replays = { status: 409, statusMessage: 'Conflict' }

describe('a replay', () => {
  test('that is answered ahead of its handler is the last answer on its connection', async () => {
    let late: Promise<void> | undefined
    await using server = await serve((database) => (_, response) => {
      try {
        database.write()
      } catch (error) {
        // Node would ask so of a promise that nothing handles.
        expect(currentScope()?.request.makesUpFor(error)).toBe(true)
      }
      late = new Promise((resolve) => response.once('finish', resolve)).then(() => void response.end('never sent'))
    })
    using connection = new Connection(server.port)
    connection.write(head('GET', '/'))
    const answer = await connection.answer()
    expect([answer.status, answer.header('connection')]).toEqual([409, ['close']])
    await late
  })

  test('by method comes before the handler', async () => {
    let ran = 0
    await using server = await serve(() => (_, response) => {
      ran++
      response.end('ran')
    })
    expect(await request(server.port, 'POST', '/', {}, 'hello')).toMatchObject(replays)
    expect(ran).toBe(0)
    expect((await request(server.port, 'GET')).body).toBe('ran')
  })

  test.each([
    ['thrown at once', (database: FakeDatabase) => () => database.write()],
    ['thrown later', (database: FakeDatabase) => async () => database.write()],
    [
      'wrapped',
      (database: FakeDatabase) => async () => {
        try {
          database.write()
        } catch (cause) {
          throw new Error('Failed query: insert …', { cause })
        }
      },
    ],
    [
      'thrown after headers were set',
      (database: FakeDatabase) => async (_: IncomingMessage, response: ServerResponse) => {
        response.statusCode = 201
        response.setHeader('content-length', '5').setHeader('content-encoding', 'gzip').setHeader('set-cookie', 'a=1')
        await database.write()
      },
    ],
    [
      'answered by an error handler',
      (database: FakeDatabase) => async (_: IncomingMessage, response: ServerResponse) => {
        await Promise.resolve()
          .then(() => database.write())
          .catch((error: Error) => response.writeHead(500).end(error.message))
      },
    ],
    [
      'swallowed, and thrown once more behind the answer',
      (database: FakeDatabase) => async (_: IncomingMessage, response: ServerResponse) => {
        try {
          database.write()
        } catch (error) {
          response.end('oops')
          throw error
        }
      },
    ],
    [
      "among GraphQL's errors",
      (database: FakeDatabase) => async (_: IncomingMessage, response: ServerResponse) => {
        const settled = await Promise.allSettled([Promise.resolve().then(() => database.write())])
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ data: null, errors: settled }))
      },
    ],
  ] as [string, (database: FakeDatabase) => NodeHandler][])('of a refusal that is %s', async (_, handler) => {
    await using server = await serve(handler)
    const answer = await request(server.port, 'GET')
    expect(answer).toMatchObject(replays)
    expect(answer.header('fly-replay')).toEqual([expect.stringMatching(/^region=ord;state=flyroute:write:insert@app;/)])
    for (const name of ['set-cookie', 'content-encoding']) expect(answer.header(name)).toEqual([])
  })

  test('leaves the connection as it was, its body unread', async () => {
    await using server = await serve(() => (_, response) => response.end('read'))
    using connection = new Connection(server.port)
    for (const size of [0, 10, 60_000, 999_999]) {
      connection.write(head('POST', '/', { 'content-length': String(size) }) + 'x'.repeat(size))
      expect(await connection.answer()).toMatchObject(replays)
      connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk('x'.repeat(size + 1)) + chunk(''))
      expect(await connection.answer()).toMatchObject(replays)
      connection.write(head('GET', '/'))
      expect((await connection.answer()).body).toBe('read')
    }
  })

  test('of a body that is still on its way does not wait for it', async () => {
    await using server = await serve(() => (_, response) => response.end('read'))
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'content-length': '100000' }))
    expect(await connection.answer()).toMatchObject(replays)
    connection.write('x'.repeat(100_000) + head('GET', '/'))
    expect((await connection.answer()).body).toBe('read')
  })

  test('answers pipelined requests in their order, each in a scope of its own', async () => {
    await using server = await serve((database) => async (req, response) => {
      if (req.url === '/write') database.write()
      response.end(`${req.url} ${currentScope()?.request.refusal === undefined}`)
    })
    using connection = new Connection(server.port)
    connection.write(['/a', '/write', '/b'].map((path) => head('GET', path)).join(''))
    expect((await connection.answer()).body).toBe('/a true')
    expect(await connection.answer()).toMatchObject(replays)
    expect((await connection.answer()).body).toBe('/b true')
  })

  test('ends at last what is piped into the answer it replaces, and leaves alone what others read as well', async () => {
    const [piped, pipelined, shared] = [endless(), endless(), endless()]
    const other = new PassThrough()
    shared.pipe(other.resume())
    const outcomes: unknown[] = []
    await using server = await serve((database) => async (req, response) => {
      expect(() => database.write()).toThrow()
      if (req.url === '/pipe') piped.pipe(response)
      else if (req.url === '/shared') shared.pipe(response)
      else await pipeline(pipelined, response).catch((error: { code: string }) => outcomes.push(error.code))
    })
    for (const path of ['/pipe', '/pipeline', '/shared']) {
      expect(await request(server.port, 'GET', path)).toMatchObject(replays)
    }
    while (!(piped.destroyed && pipelined.destroyed && outcomes.length > 0)) await sleep(10)
    expect(shared.destroyed).toBe(false)
    expect(outcomes).toEqual(['ERR_PRIMARY_REQUIRED'])
    shared.destroy()
  })

  test('that cannot be, after a write that was: 503 with the token of that write; what makes do with it is left alone', async () => {
    await using server = await serve((database) => (req, response) => {
      runOnPrimary(() => database.write())
      if (req.url === '/throw') assertPrimary(database.replication.topology)
      expect(() => assertPrimary(database.replication.topology)).toThrow()
      ;(response as ServerResponse).writeHead(500, { 'set-cookie': 'a=1' }).end('oops')
    })
    const refused = await request(server.port, 'GET', '/throw')
    expect([refused.status, refused.header('retry-after')]).toEqual([503, ['5']])
    const [token] = refused.header('flyroute-token')
    expect(refused.header('set-cookie')).toEqual([expect.stringContaining(`flyroute=${token}; `)])
    expect(JSON.parse(refused.body)).toMatchObject({ error: { reason: 'already-written' } })
    const own = await request(server.port, 'GET', '/answer')
    expect(own).toMatchObject({ status: 500, body: 'oops' })
    expect(own.header('set-cookie')).toHaveLength(2)
  })

  test('keeps what an app says with every answer, and the end of the connection', async () => {
    const database = new FakeDatabase()
    const middleware = replayMiddleware({
      databases: [database],
      whenReplayUnavailable: 'error',
      maxReplayBodyBytes: 1,
    })
    await using server = await listen(
      createServer((req, response) => {
        response.setHeader('Access-Control-Allow-Origin', '*').setHeader('Connection', 'close').setHeader('ETag', '"e"')
        middleware(req, response, () => response.end('ran'))
      }),
    )
    const answer = await request(server.port, 'POST', '/', {}, 'too long')
    expect(answer.status).toBe(413)
    expect(answer.header('access-control-allow-origin')).toEqual(['*'])
    expect(answer.header('connection')).toEqual(['close'])
    expect(answer.header('etag')).toEqual([])
  })
})

describe('an error of the app', () => {
  const own = Object.assign(new Error('duplicate key'), { code: '23505' })

  test('passes through the middleware as it came, at once or later', async () => {
    const seen: unknown[] = []
    const database = new FakeDatabase()
    const options = { databases: [database] }
    const throws = replayable((_: IncomingMessage, __: ServerResponse) => {
      throw own
    }, options)
    const rejects = replayable((_: IncomingMessage, __: ServerResponse) => Promise.reject(own), options)
    await using server = await listen(
      createServer(async (req, response) => {
        try {
          await (req.url === '/throw' ? throws(req, response) : rejects(req, response))
        } catch (error) {
          seen.push(error)
          response.writeHead(500).end()
        }
      }),
    )
    expect((await request(server.port, 'GET', '/throw')).status).toBe(500)
    expect((await request(server.port, 'GET', '/reject')).status).toBe(500)
    expect(seen).toEqual([own, own])
    expect(seen[0]).toBe(own)
  })

  test('further arguments, `this` and the result are kept', async () => {
    const results: unknown[] = []
    const object = {
      name: 'app',
      handler(this: { name: string }, _: IncomingMessage, response: ServerResponse, more: string) {
        response.end()
        return `${this.name} ${more}`
      },
    }
    const wrapped = replayable(object.handler, { databases: [new FakeDatabase()] })
    await using server = await listen(
      createServer((req, response) =>
        results.push((wrapped as (...args: unknown[]) => unknown).call(object, req, response, 'x')),
      ),
    )
    await request(server.port, 'GET')
    expect(results).toEqual(['app x'])
  })
})

describe('a chunked body', () => {
  const part = 'x'.repeat(40_000)

  test('within the limit is replayed once it has ended', async () => {
    await using server = await serve(() => (_, response) => response.end('ran'))
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }))
    for (let n = 0; n < 25; n++) connection.write(chunk(part))
    connection.write(chunk(''))
    expect(await connection.answer()).toMatchObject(replays)
  })

  test('that turns out too long goes to the handler, every byte once and in order', async () => {
    let received: Buffer = Buffer.alloc(0)
    await using server = await serve((database) => async (req, response) => {
      received = await read(req as IncomingMessage)
      response.end(database.write())
    })
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }))
    const parts = Array.from({ length: 60 }, (_, n) => `${n}:${part}`)
    for (const one of parts) connection.write(chunk(one))
    connection.write(chunk(''))
    expect(await connection.answer()).toMatchObject({ status: 200, body: 'primary' })
    expect(received.equals(Buffer.from(parts.join('')))).toBe(true)
    connection.write(head('POST', '/', { 'content-length': '1' }) + 'x')
    expect(await connection.answer()).toMatchObject(replays)
  })

  test('is held back at the limit, as the handler would hold it back', async () => {
    let waiting: IncomingMessage | undefined
    await using server = await serve(() => (req) => {
      waiting = req as IncomingMessage
    })
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }))
    const data = Buffer.from(chunk(part))
    while (waiting === undefined) {
      if (!connection.socket.writableNeedDrain) connection.socket.write(data)
      await new Promise(setImmediate)
    }
    let sent = 0
    // The sockets' buffers fill; then nothing more is taken.
    for (let idle = 0; idle < 20 && sent < 64_000_000; ) {
      if (connection.socket.writableNeedDrain) {
        idle++
        await new Promise((resolve) => setTimeout(resolve, 5))
      } else {
        idle = 0
        sent += data.length
        connection.socket.write(data)
      }
    }
    expect(sent).toBeLessThan(64_000_000)
    expect(waiting.readableLength).toBeLessThan(1_200_000)
  })

  test('that nobody reads does not spoil the connection', async () => {
    await using server = await serve(() => (_, response) => response.end('ignored'))
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }))
    for (let n = 0; n < 40; n++) connection.write(chunk(part))
    connection.write(chunk(''))
    expect((await connection.answer()).body).toBe('ignored')
    connection.write(head('GET', '/'))
    expect((await connection.answer()).body).toBe('ignored')
  })

  test.each(['data', 'iterate', 'readable'])('is read by the handler as ever (%s)', async (way) => {
    const readers: Record<string, (req: Readable) => Promise<Buffer>> = {
      iterate: read,
      data: (req) =>
        new Promise((resolve) => {
          const chunks: Buffer[] = []
          req.on('data', (data: Buffer) => chunks.push(data)).on('end', () => resolve(Buffer.concat(chunks)))
        }),
      readable: (req) =>
        new Promise((resolve) => {
          const chunks: Buffer[] = []
          req.on('readable', () => {
            for (let data = req.read() as Buffer | null; data !== null; data = req.read() as Buffer | null) {
              chunks.push(data)
            }
          })
          req.on('end', () => resolve(Buffer.concat(chunks)))
        }),
    }
    await using server = await serve(() => async (req, response) => {
      response.end(String((await (readers[way] as (req: Readable) => Promise<Buffer>)(req)).length))
    })
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }))
    for (let n = 0; n < 30; n++) connection.write(chunk(part))
    connection.write(chunk(''))
    expect((await connection.answer()).body).toBe(String(30 * part.length))
  })

  test('of a request whose write is found in the handler is replayed once it was read to its end', async () => {
    await using server = await serve(
      (database) => async (req, response) => {
        if (req.url === '/after') await read(req as IncomingMessage)
        response.end(database.write())
      },
      { replayBeforeHandler: [] },
    )
    using connection = new Connection(server.port)
    connection.write(head('POST', '/after', { 'transfer-encoding': 'chunked' }) + chunk('x') + chunk(''))
    expect(await connection.answer()).toMatchObject(replays)
    connection.write(head('POST', '/before', { 'transfer-encoding': 'chunked' }))
    expect((await connection.answer()).body).toBe('primary')
  })

  test('that other code has read ahead of the middleware is not measured', async () => {
    const database = new FakeDatabase()
    const middleware = replayMiddleware({ databases: [database] })
    await using server = await listen(
      createServer(async (req, response) => {
        await read(req)
        middleware(req, response, () => response.end(database.write()))
      }),
    )
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk('x') + chunk(''))
    expect((await connection.answer()).body).toBe('primary')
  })

  test('of a client that goes away in the middle is nobody’s business any more', async () => {
    let ran = 0
    let settled: unknown = 'not yet'
    const begun = deferred()
    const wrapped = replayable((_: IncomingMessage, __: ServerResponse): unknown => ran++, {
      databases: [new FakeDatabase()],
    })
    const ended = deferred()
    await using server = await listen(
      createServer((req, response) => {
        begun.resolve()
        void Promise.resolve(wrapped(req, response)).then((result) => {
          settled = result
          ended.resolve()
        })
      }),
    )
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk(part))
    await begun.promise
    connection.socket.destroy()
    await ended.promise
    expect([ran, settled]).toEqual([0, undefined])
  })
})

describe('the scope', () => {
  test('holds in events of request and response, timers, promises and streams, and ends with the request', async () => {
    const inside: Record<string, boolean> = {}
    const note = (name: string): void => {
      inside[name] = currentScope()?.request.kind === 'request'
    }
    let closed: () => void = () => undefined
    const close = new Promise<void>((resolve) => (closed = resolve))
    await using server = await serve(
      () => async (req, response) => {
        if (req.url === '/next') return response.end(String(currentScope()?.request.positions.size))
        note('handler')
        req.on('data', () => note('data')).on('end', () => note('end'))
        response
          .on('finish', () => note('finish'))
          .on('close', () => {
            note('close')
            closed()
          })
        const timer = new Promise<void>((resolve) => {
          setTimeout(() => resolve(note('timer')), 1)
        })
        await new Promise((resolve) => req.on('close', resolve))
        note('promise')
        await timer
        Readable.from(
          (async function* () {
            note('stream')
            yield 'x'
            currentScope()?.request.positions.set('left behind', { until: 1 })
          })(),
        ).pipe(response as ServerResponse)
      },
      { replayBeforeHandler: [] },
    )
    expect(currentScope()).toBeUndefined()
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'content-length': '5' }))
    await new Promise((resolve) => setTimeout(resolve, 10))
    connection.write('hello')
    expect((await connection.answer()).body).toBe('x')
    await close
    expect(inside).toEqual(
      Object.fromEntries(
        ['handler', 'data', 'end', 'timer', 'promise', 'stream', 'finish', 'close'].map((n) => [n, true]),
      ),
    )
    connection.write(head('GET', '/next'))
    expect((await connection.answer()).body).toBe('0')
  })

  test('does not reach the server’s own listeners, on the same connection either', async () => {
    const outside: boolean[] = []
    const database = new FakeDatabase()
    const wrapped = replayable((_: IncomingMessage, response: ServerResponse) => response.end('x'), {
      databases: [database],
    })
    await using server = await listen(
      createServer((req, response) => {
        outside.push(currentScope() === undefined)
        wrapped(req, response)
        outside.push(currentScope() === undefined)
      }),
    )
    using connection = new Connection(server.port)
    for (let n = 0; n < 3; n++) {
      connection.write(head('GET', '/'))
      await connection.answer()
    }
    connection.write(head('GET', '/') + head('GET', '/'))
    await connection.answer()
    await connection.answer()
    expect(outside).toEqual(Array(10).fill(true))
  })

  test('holds when the client goes away, and behind the beginning of an answer, where nothing is replayed', async () => {
    let inside: boolean | undefined
    const gone = deferred()
    await using server = await serve((database) => (_, response) => {
      response.on('close', () => {
        inside = currentScope()?.request.kind === 'request'
        gone.resolve()
      })
      const answer = response as ServerResponse
      answer.write('begun ')
      answer.write(database.write())
    })
    using connection = new Connection(server.port)
    connection.write(head('GET', '/'))
    await new Promise((resolve) =>
      connection.socket.on('data', (data) => /primary/.test(String(data)) && resolve(data)),
    )
    connection.socket.destroy()
    await gone.promise
    expect(inside).toBe(true)
  })

  test('aborts its signal when the client goes away before the end, and not after it', async () => {
    const signals: (AbortSignal | undefined)[] = []
    let arrived: () => void = () => undefined
    const arrival = new Promise<void>((resolve) => (arrived = resolve))
    await using server = await serve(() => (req, response) => {
      signals.push(currentScope()?.request.signal)
      if (req.url === '/answer') response.end()
      else arrived()
    })
    await request(server.port, 'GET', '/answer')
    using connection = new Connection(server.port)
    connection.write(head('GET', '/'))
    await arrival
    connection.socket.destroy()
    await new Promise((resolve) => signals[1]?.addEventListener('abort', resolve))
    expect(signals.map((signal) => signal?.aborted)).toEqual([false, true])
  })
})

describe('HTTP/2', () => {
  const exchange = async (
    handler: (database: FakeDatabase) => NodeHandler,
    headers: Record<string, string>,
    sent: Buffer[] = [],
    role: 'primary' | 'replica' = 'replica',
  ) => {
    const database = new FakeDatabase({ role })
    const wrapped = replayable(handler(database), { databases: [database], debugHeader: true })
    await using server = await listen(createHttp2Server(wrapped as never) as never)
    const client = connectHttp2(server.url)
    try {
      const stream = client.request(headers, { endStream: sent.length === 0 })
      for (const data of sent) stream.write(data)
      if (sent.length > 0) stream.end()
      const answer = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
      return { answer, body: (await read(stream)).toString() }
    } finally {
      client.close()
    }
  }
  const post = { ':method': 'POST', ':path': '/' }

  test('replays by method and by statement, without a warning', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warn)
    const handler = (database: FakeDatabase) => (_: unknown, response: ServerResponse) => {
      response.statusCode = 500
      expect(() => database.write()).toThrow()
      response.setHeader('set-cookie', 'a=1')
      response.end('oops')
    }
    for (const [headers, body] of [
      [post, [Buffer.alloc(10)]],
      [{ ...post, 'content-length': '10' }, [Buffer.alloc(10)]],
      [post, []],
      [{ ':path': '/' }, []],
    ] as const) {
      const { answer } = await exchange(handler, headers, [...body])
      expect(answer).toMatchObject({ ':status': 409, 'fly-replay': expect.stringContaining('region=ord') })
      expect(answer['set-cookie']).toBeUndefined()
    }
    await new Promise(setImmediate)
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })

  test('a body of unknown length that is too long goes to the handler whole', async () => {
    const parts = Array.from({ length: 40 }, (_, n) => Buffer.alloc(40_000, n))
    let received: Buffer = Buffer.alloc(0)
    const handler = (database: FakeDatabase) => async (req: IncomingMessage, response: ServerResponse) => {
      received = await read(req)
      response.end(database.write())
    }
    const { answer, body } = await exchange(handler, post, parts)
    expect([answer[':status'], body]).toEqual([200, 'primary'])
    expect(received.equals(Buffer.concat(parts))).toBe(true)
  })

  const ways: Record<string, (response: ServerResponse) => unknown> = {
    setHeader: (r) => {
      r.setHeader('set-cookie', ['a=1', 'b=2'])
      r.end('x')
    },
    'writeHead with an object': (r) => r.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end('x'),
    'setHeader, writeHead with a flat list': (r) => {
      r.setHeader('set-cookie', ['a=1', 'b=2'])
      r.writeHead(200, ['x-app', 'yes']).end('x')
    },
    'write and end': (r) => {
      r.setHeader('set-cookie', ['a=1', 'b=2'])
      r.write('x')
      r.end()
    },
  }
  test.each(Object.entries(ways))('keeps the cookies of the app beside the token: %s', async (_, way) => {
    const handler = (database: FakeDatabase) => (__: IncomingMessage, response: ServerResponse) => {
      database.write()
      way(response)
    }
    const { answer } = await exchange(handler, { ':path': '/', ':authority': 'localhost:3000' }, [], 'primary')
    const cookies = answer['set-cookie'] as string[]
    expect(cookies.slice(0, 2)).toEqual(['a=1', 'b=2'])
    expect(cookies[2]).toMatch(/^flyroute=1\./)
    // The authority is the host: on localhost the cookie must not be Secure.
    expect(cookies[2]).not.toContain('Secure')
    expect(answer['flyroute-debug']).toBe('region=ord; role=primary; reason=local')
  })
})

describe('a middleware', () => {
  test('hands its own failure to the next error handler, once', async () => {
    const failure = new Error('predicate')
    const database = new FakeDatabase()
    const policy = createReplayPolicy({ databases: [database] })
    const middleware = replayMiddleware({ ...policy, before: () => Promise.reject(failure) })
    const nexts: unknown[] = []
    await using server = await listen(
      createServer((req, response) =>
        middleware(req, response, (error) => {
          nexts.push(error)
          response.end('handled')
        }),
      ),
    )
    expect((await request(server.port, 'GET')).body).toBe('handled')
    expect(nexts).toEqual([failure])
  })
})

test('two middlewares on one way do what one does', async () => {
  const database = new FakeDatabase()
  const middleware = replayMiddleware({ databases: [database] })
  const inner = replayable(
    (req: IncomingMessage, response: ServerResponse) => {
      if (req.url === '/write') expect(() => database.write()).toThrow()
      response.setHeader('x-app', 'yes').end('read')
    },
    { databases: [database] },
  )
  await using server = await listen(
    createServer((req, response) => middleware(req, response, () => inner(req, response))),
  )
  using connection = new Connection(server.port)
  for (let n = 0; n < 2; n++) {
    connection.write(head('GET', '/write'))
    expect(await connection.answer()).toMatchObject(replays)
    connection.write(head('GET', '/read'))
    expect((await connection.answer()).body).toBe('read')
    connection.write(head('POST', '/', { 'content-length': '1' }) + 'x')
    expect(await connection.answer()).toMatchObject(replays)
  }
})

describe('a middleware for all servers', () => {
  /** A framework that makes its server itself: what it does with `path`. */
  const framework = (database: FakeDatabase) =>
    createServer(async (req, response) => {
      if (req.url === '/write') expect(() => database.write()).toThrow()
      const body = await read(req)
      response.end(`${body.length} bytes, ${currentScope() === undefined ? 'outside' : 'in a scope'}`)
    })

  test('is there before the first request, on every connection, until it is ended', async () => {
    const database = new FakeDatabase()
    await using early = await listen(framework(database))
    const end = replayServers({ databases: [database] })
    try {
      await using server = await listen(framework(database))
      for (const { port } of [server, early]) {
        using connection = new Connection(port)
        for (let n = 0; n < 2; n++) {
          connection.write(head('GET', '/write'))
          expect(await connection.answer()).toMatchObject(replays)
          connection.write(head('GET', '/read'))
          expect((await connection.answer()).body).toBe('0 bytes, in a scope')
          connection.write(head('POST', '/', { 'content-length': '1' }) + 'x')
          expect(await connection.answer()).toMatchObject(replays)
        }
      }
      end()
      expect((await request(server.port, 'POST', '/', {}, 'hello')).body).toBe('5 bytes, outside')
    } finally {
      end()
    }
  })

  test('leaves a request that waits for "100 Continue" to whoever answers such', async () => {
    const database = new FakeDatabase()
    const end = replayServers({ databases: [database], replayBeforeHandler: [] })
    try {
      const server = framework(database)
      server.on(
        'checkContinue',
        (_, response) => void response.writeHead(417).end(String(currentScope() !== undefined)),
      )
      await using listening = await listen(server)
      using connection = new Connection(listening.port)
      connection.write(head('POST', '/', { 'content-length': '1', expect: '100-continue' }))
      expect(await connection.answer()).toMatchObject({ status: 417, body: 'true' })
    } finally {
      end()
    }
  })
})

describe('sendReplay', () => {
  test('answers by hand, with nothing of another answer', async () => {
    await using server = await listen(
      createServer((_, response) => {
        response.setHeader('content-encoding', 'gzip').setHeader('x-request-id', '7').statusMessage = 'Other'
        sendReplay(response, replayResponse({ region: 'ord' }))
      }),
    )
    const answer = await request(server.port, 'GET')
    expect(answer).toMatchObject(replays)
    expect(answer.header('fly-replay')).toEqual(['region=ord'])
    expect([answer.header('content-encoding'), answer.header('x-request-id')]).toEqual([[], ['7']])
  })

  test('says so when the headers have left', async () => {
    let thrown: unknown
    await using server = await listen(
      createServer((_, response) => {
        response.write('x')
        try {
          sendReplay(response, replayResponse({ region: 'ord' }))
        } catch (error) {
          thrown = error
        }
        response.end()
      }),
    )
    expect((await request(server.port, 'GET')).body).toBe('x')
    expect(thrown).toMatchObject({ code: 'ERR_HTTP_HEADERS_SENT' })
  })
})

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}

function endless(): Readable {
  return new Readable({
    read() {
      setImmediate(() => this.push(Buffer.alloc(1_000)))
    },
  })
}
