import { describe, expect, test } from '@jest/globals'
import { assertPrimary } from '../src/assert-primary.ts'
import { isPrimaryRequired } from '../src/errors/find.ts'
import { replayable, replayMiddleware } from '../src/fetch.ts'
import type { ReplayPolicyOptions } from '../src/policy.ts'
import { currentScope, runOnPrimary } from '../src/request/scope.ts'
import { decodeToken } from '../src/token.ts'
import { FakeDatabase, type FakeDatabaseOptions } from './support/fake-database.ts'

type Handler = (request: Request) => Response | Promise<Response>

function wrap(
  handler: (database: FakeDatabase) => Handler,
  more: FakeDatabaseOptions & Partial<ReplayPolicyOptions> = {},
) {
  const { role = 'replica', ...options } = more
  const database = new FakeDatabase({ role })
  return { database, fetch: replayable(handler(database), { databases: [database], ...options }) }
}
const get = (path = '/', init?: RequestInit) => new Request(`https://app.example${path}`, init)
const post = (body?: BodyInit, headers: Record<string, string> = {}) =>
  get('/', { method: 'POST', headers, ...(body === undefined ? {} : { body, duplex: 'half' }) })
const isReplay = (response: Response) => response.status === 409 && response.headers.has('fly-replay')

describe('a replay', () => {
  test('by method comes before the handler', async () => {
    let ran = 0
    const { fetch } = wrap(() => () => new Response(String(ran++)))
    expect(isReplay(await fetch(post('x', { 'content-length': '1' })))).toBe(true)
    expect(ran).toBe(0)
  })

  test.each([
    ['thrown at once', (database: FakeDatabase) => () => database.write() as never],
    ['thrown later', (database: FakeDatabase) => async () => database.write() as never],
    [
      'wrapped',
      (database: FakeDatabase) => () =>
        Promise.resolve()
          .then(() => database.write())
          .catch((cause) => Promise.reject(new Error('Failed query', { cause }))) as never,
    ],
    [
      'swallowed',
      (database: FakeDatabase) => () => {
        expect(() => database.write()).toThrow()
        return new Response('{"errors":[]}', { headers: { 'set-cookie': 'a=1' } })
      },
    ],
    [
      'answered with 500',
      (database: FakeDatabase) => async () => {
        expect(() => database.write()).toThrow()
        return Response.json({ error: 'Internal Server Error' }, { status: 500 })
      },
    ],
  ] as [string, (database: FakeDatabase) => Handler][])('of a refusal that is %s', async (_, handler) => {
    const response = await wrap(handler).fetch(get())
    expect(isReplay(response)).toBe(true)
    expect(response.headers.has('set-cookie')).toBe(false)
    expect(await response.text()).toMatch(/^Fly Proxy runs this request again/)
  })

  test('that cannot be, after a write that was: 503 with the token of that write; what makes do with it is left alone', async () => {
    const { fetch } = wrap((database) => (request) => {
      runOnPrimary(() => database.write())
      if (request.url.endsWith('/throw')) assertPrimary(database.replication.topology)
      expect(() => assertPrimary(database.replication.topology)).toThrow()
      return new Response('oops', { status: 500, headers: { 'set-cookie': 'a=1' } })
    })
    const refused = await fetch(get('/throw'))
    expect(refused.status).toBe(503)
    const token = refused.headers.get('flyroute-token')
    expect(refused.headers.getSetCookie()).toEqual([expect.stringContaining(`flyroute=${token}; `)])
    const own = await fetch(get('/answer'))
    expect([own.status, await own.text(), own.headers.getSetCookie().length]).toEqual([500, 'oops', 2])
  })

  test('cancels at last the body it replaces, and waits for nothing', async () => {
    let cancelled: unknown
    const { fetch } = wrap((database) => () => {
      expect(() => database.write()).toThrow()
      const body = new ReadableStream({
        cancel(reason) {
          cancelled = reason
          return new Promise(() => undefined)
        },
      })
      return new Response(body)
    })
    expect(isReplay(await fetch(get()))).toBe(true)
    while (cancelled === undefined) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(isPrimaryRequired(cancelled)).toBe(true)
  })

  test('leaves the body of its request alone: the server needs the connection for the answer', async () => {
    let cancelled = false
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel() {
        cancelled = true
      },
    })
    const { fetch } = wrap(() => () => new Response('ran'))
    expect(isReplay(await fetch(post(body, { 'content-length': '50000' })))).toBe(true)
    await new Promise(setImmediate)
    expect(cancelled).toBe(false)
  })
})

describe('an answer of the app', () => {
  test('is the very same where nothing is added', async () => {
    const responses = [new Response('text'), new Response(null, { status: 204 }), new Response(new ReadableStream())]
    for (const response of responses) expect(await wrap(() => () => response).fetch(get())).toBe(response)
  })

  test('comes at once where the handler answers at once, and in a promise where it does not', async () => {
    expect(wrap(() => () => new Response('x')).fetch(get())).toBeInstanceOf(Response)
    expect(wrap(() => async () => new Response('x')).fetch(get())).toBeInstanceOf(Promise)
  })

  test.each([
    [
      'a plain one',
      () =>
        new Response('x', {
          headers: [
            ['set-cookie', 'a=1'],
            ['set-cookie', 'b=2'],
          ],
        }),
    ],
    ['a redirect, whose headers cannot be changed', () => Response.redirect('https://app.example/next', 303)],
    ['a redirect in the old way', () => new Response(null, { status: 302, headers: { location: '/x' } })],
    ['one that was fetched', () => fetch('data:text/plain,fetched')],
    ['a stream', () => new Response(new Blob(['streamed']).stream())],
    ['without content', () => new Response(null, { status: 204 })],
    ['not modified', () => new Response(null, { status: 304, headers: { etag: '"e"' } })],
  ] as [string, () => Response | Promise<Response>][])('keeps its own beside the token: %s', async (_, make) => {
    const bare = await make()
    const { fetch: behind } = wrap(
      (database) => async () => {
        database.write()
        return make()
      },
      { role: 'primary' },
    )
    const response = await behind(get())
    expect([response.status, response.statusText]).toEqual([bare.status, bare.statusText])
    expect(await response.text()).toBe(await bare.text())
    const cookies = response.headers.getSetCookie()
    expect(cookies.slice(0, -1)).toEqual(bare.headers.getSetCookie())
    const token = response.headers.get('flyroute-token')
    expect(cookies.at(-1)).toBe(`flyroute=${token}; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax`)
    expect(decodeToken(token).get('app')).toMatchObject({ at: '0/1' })
    for (const [name, value] of bare.headers) if (name !== 'set-cookie') expect(response.headers.get(name)).toBe(value)
  })

  test.each([
    ['nothing', undefined],
    ['an error response', Response.error()],
    ['what a server upgrades with', { status: 101, webSocket: {} }],
  ])('that is none is handed on as it is: %s', async (_, result) => {
    const { fetch } = wrap(
      (database) => () => {
        database.write()
        return result as Response
      },
      { role: 'primary' },
    )
    expect(await fetch(get())).toBe(result)
  })

  test('an error of the app passes through, at once or later', async () => {
    const own = new Error('own')
    const { fetch: throws } = wrap(() => () => {
      throw own
    })
    expect(() => throws(get())).toThrow(own)
    await expect(wrap(() => () => Promise.reject(own)).fetch(get())).rejects.toBe(own)
  })

  test('further arguments, their types and `this` are kept', async () => {
    const object = {
      name: 'worker',
      fetch(request: Request, env: { readonly kind: string }, context: { waitUntil(): void }) {
        context.waitUntil()
        return new Response(`${this.name} ${env.kind} ${new URL(request.url).pathname}`)
      },
    }
    let waited = false
    const context = { waitUntil: () => void (waited = true) }
    const wrapped = { name: 'wrapper', fetch: replayable(object.fetch, { databases: [new FakeDatabase()] }) }
    const response = await wrapped.fetch(get('/path'), { kind: 'env' }, context)
    expect([await response.text(), waited]).toEqual(['wrapper env /path', true])
  })
})

describe('a body of unknown length', () => {
  const chunks = (count: number, size: number) => Array.from({ length: count }, (_, n) => new Uint8Array(size).fill(n))
  /** A stream that makes chunks one by one, and tells how many it was asked for. */
  function source(parts: readonly Uint8Array[]) {
    const counter = { pulled: 0, cancelled: undefined as unknown }
    const stream = new ReadableStream(
      {
        pull(controller) {
          const part = parts[counter.pulled++]
          if (part === undefined) controller.close()
          else controller.enqueue(part)
        },
        cancel(reason) {
          counter.cancelled = reason
        },
      },
      { highWaterMark: 0 },
    )
    return { stream, counter }
  }

  test('within the limit is replayed', async () => {
    const { fetch } = wrap(() => () => new Response('ran'))
    expect(isReplay(await fetch(post(source(chunks(10, 100_000)).stream)))).toBe(true)
    expect(isReplay(await fetch(post('a string has no length header here')))).toBe(true)
    expect(isReplay(await fetch(post()))).toBe(true)
  })

  test('that turns out too long goes to the handler, every byte once and in order', async () => {
    const parts = chunks(30, 50_000)
    let received = new Uint8Array()
    const { fetch } = wrap((database) => async (request) => {
      received = new Uint8Array(await request.arrayBuffer())
      return new Response(database.write())
    })
    const response = await fetch(post(source(parts).stream))
    expect(await response.text()).toBe('primary')
    expect(Buffer.from(received).equals(Buffer.concat(parts))).toBe(true)
  })

  test('is read no further than the limit before the handler, and then only as it reads', async () => {
    const { stream, counter } = source(chunks(100, 100_000))
    let before = 0
    let afterTwo = 0
    const { fetch } = wrap(() => async (request) => {
      before = counter.pulled
      const reader = (request.body as ReadableStream).getReader()
      for (let n = 0; n < 13; n++) await reader.read()
      afterTwo = counter.pulled
      await reader.cancel('enough')
      return new Response('ok')
    })
    await fetch(post(stream))
    expect([before, afterTwo]).toEqual([11, 13])
    expect(counter.cancelled).toBe('enough')
  })

  test('is counted while the handler reads it, where the handler comes first', async () => {
    const { fetch } = wrap(
      (database) => async (request) => {
        if (request.url.endsWith('/after')) await request.text()
        return new Response(database.write())
      },
      { replayBeforeHandler: [] },
    )
    const send = (path: string, size: number) =>
      fetch(get(path, { method: 'POST', body: source(chunks(size, 100_000)).stream, duplex: 'half' } as RequestInit))
    expect(isReplay(await send('/after', 10))).toBe(true)
    expect(await (await send('/after', 11)).text()).toBe('primary')
    expect(await (await send('/before', 1)).text()).toBe('primary')
  })

  test('that fails is the handler’s error, as without us', async () => {
    const broken = new Error('broken')
    const stream = new ReadableStream({ pull: (controller) => controller.error(broken) }, { highWaterMark: 0 })
    const { fetch } = wrap(() => async (request) => new Response(await request.text()))
    await expect(fetch(post(stream))).rejects.toBe(broken)
  })

  test('that somebody has read before is not measured', async () => {
    const request = post('x')
    await request.text()
    const { fetch } = wrap((database) => () => new Response(database.write()), { replayBeforeHandler: [] })
    expect(await (await fetch(request)).text()).toBe('primary')
  })
})

describe('the scope', () => {
  const inside = () => currentScope()?.request.kind === 'request'

  /** A stream that is made while it is read. */
  function lazy(seen: boolean[]): ReadableStream<Uint8Array> {
    let made = 0
    return new ReadableStream({
      async pull(controller) {
        seen.push(inside())
        await new Promise((resolve) => setTimeout(resolve, 1))
        seen.push(inside())
        controller.enqueue(Buffer.from(String(made)))
        if (++made === 5) controller.close()
      },
      cancel: () => void seen.push(inside()),
    })
  }

  const readers: Record<string, (response: Response) => Promise<unknown>> = {
    getReader: async (response) => {
      const reader = (response.body as ReadableStream).getReader()
      while (!(await reader.read()).done);
    },
    'for await': async (response) => {
      for await (const _ of response.body as unknown as AsyncIterable<unknown>);
    },
    pipeTo: (response) => (response.body as ReadableStream).pipeTo(new WritableStream()),
    pipeThrough: (response) => new Response(response.body?.pipeThrough(new TransformStream())).text(),
    tee: async (response) => {
      const [one, two] = (response.body as ReadableStream).tee()
      await Promise.all([new Response(one).text(), new Response(two).text()])
    },
    text: (response) => response.text(),
    cancel: (response) => (response.body as ReadableStream).cancel(),
  }
  test.each(Object.entries(readers))('holds in a stream that is made while it is read: %s', async (name, readAll) => {
    const seen: boolean[] = []
    const { fetch } = wrap(() => () => new Response(lazy(seen)))
    const response = await fetch(get())
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(currentScope()).toBeUndefined()
    await readAll(response)
    expect(seen.length).toBeGreaterThan(name === 'cancel' ? 1 : 9)
    expect(new Set(seen)).toEqual(new Set([true]))
  })

  test('ends with the request, and is a new one in the next', async () => {
    const scopes = new Set<unknown>()
    const { fetch } = wrap(() => async () => {
      scopes.add(currentScope())
      await Promise.resolve()
      scopes.add(currentScope())
      return new Response()
    })
    await Promise.all([fetch(get()), fetch(get()), fetch(get())])
    expect([scopes.size, scopes.has(undefined)]).toEqual([3, false])
    expect(currentScope()).toBeUndefined()
  })

  test('has the signal of its request', async () => {
    const controller = new AbortController()
    let signal: AbortSignal | undefined
    const { fetch } = wrap(() => () => {
      signal = currentScope()?.request.signal
      return new Response()
    })
    await fetch(get('/', { signal: controller.signal }))
    controller.abort()
    expect(signal?.aborted).toBe(true)
  })
})

test('on localhost the cookie is not Secure; the host is the header, else the URL’s', async () => {
  const { fetch } = wrap((database) => () => new Response(database.write()), { role: 'primary' })
  const cookie = async (url: string, headers = {}) =>
    (await fetch(new Request(url, { headers }))).headers.getSetCookie().at(-1)?.includes('Secure')
  expect(await cookie('http://localhost:3000/')).toBe(false)
  expect(await cookie('http://127.0.0.1/', { host: 'app.example' })).toBe(true)
})

describe('a middleware', () => {
  /** A framework that keeps the request to itself, behind the middleware. */
  function framework(route: (request: Request, database: FakeDatabase) => Response | Promise<Response>, options = {}) {
    const database = new FakeDatabase()
    const middleware = replayMiddleware({ databases: [database], ...options })
    return (request: Request) => middleware(request, () => route(request, database))
  }

  test('replays by method, and what was refused', async () => {
    const fetch = framework((request, database) => {
      if (request.url.endsWith('/write')) expect(() => database.write()).toThrow()
      return new Response(request.url)
    })
    expect(isReplay(await fetch(post('x', { 'content-length': '1' })))).toBe(true)
    expect(isReplay(await fetch(get('/write')))).toBe(true)
    expect(await (await fetch(get('/read'))).text()).toBe('https://app.example/read')
  })

  test('adds its headers to a response that cannot be changed', async () => {
    const fetch = framework(() => Response.redirect('https://app.example/other'), { debugHeader: true })
    const response = await fetch(get())
    expect([response.status, response.headers.get('location')]).toEqual([302, 'https://app.example/other'])
    expect(response.headers.get('flyroute-debug')).toContain('region=ams')
  })

  test('lets an error of the app pass', async () => {
    const failure = new Error('app')
    const fetch = framework(() => Promise.reject(failure))
    await expect(Promise.resolve(fetch(get()))).rejects.toBe(failure)
  })

  test.each([
    ['that fits is replayed', 10, true, '0'],
    ['that is too long runs here, with every byte', 2_000, false, '2000'],
  ])('measures a body of unknown length: one %s', async (_, bytes, replayed, read) => {
    let seen = '0'
    const fetch = framework(
      async (request) => {
        seen = String((await request.arrayBuffer()).byteLength)
        return new Response(String(currentScope()?.onPrimary))
      },
      { maxReplayBodyBytes: 1_000 },
    )
    const chunks = new Blob([new Uint8Array(bytes)]).stream()
    const response = await fetch(post(chunks))
    expect([isReplay(response), seen]).toEqual([replayed, read])
    if (!replayed) expect(await response.text()).toBe('true')
  })

  test('runs here what writes behind a body that nobody has measured', async () => {
    const fetch = framework(async (request, database) => new Response((await request.text()) + database.write()), {
      replayBeforeHandler: [],
    })
    expect(await (await fetch(post(new Blob(['a']).stream()))).text()).toBe('aprimary')
    expect(isReplay(await Promise.resolve(fetch(post('a', { 'content-length': '1' }))))).toBe(true)
  })

  test('passes a request that the app makes to itself: the outer one is replayed', async () => {
    const inner = framework((request, database) => {
      if (request.method === 'POST') expect(() => database.write()).toThrow()
      return new Response('inner')
    })
    const outer = framework(async () => new Response(await (await inner(post('x', { 'content-length': '1' }))).text()))
    expect(isReplay(await outer(get()))).toBe(true)
  })
})
