import { createServer, type RequestListener } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import express from 'express'
import { replayable as fetchable, replayMiddleware as fetchMiddleware } from '../src/fetch.ts'
import { replayable, replayMiddleware } from '../src/node.ts'
import { currentScope, runOnPrimary } from '../src/request/scope.ts'
import { FakeDatabase } from './support/fake-database.ts'
import { Connection, chunk, head, listen, request } from './support/http.ts'

// What was true before a wait is asked again behind it, and nothing that a middleware begins ends the process.

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note).on('uncaughtException', note)
})
afterEach(async () => {
  await wait(5)
  process.off('unhandledRejection', note).off('uncaughtException', note)
  expect(unhandled).toEqual([])
})

/** Answers 503 after a moment, as a response time-out ahead of everything else does. */
const timesOut: express.RequestHandler = (_, response, next) => {
  setTimeout(() => response.headersSent || response.status(503).send('timeout'), 20)
  next()
}

describe('while a body is measured', () => {
  test.each(['middleware', 'handler'])('other code answers: the app is not called (%s)', async (kind) => {
    const databases = [new FakeDatabase()]
    let ran = 0
    const own: RequestListener = (_, response) => void (++ran && response.end('ran'))
    const app = express().use(timesOut)
    if (kind === 'middleware') app.use(replayMiddleware({ databases }))
    app.use(kind === 'handler' ? replayable(own, { databases }) : own)
    await using server = await listen(createServer(app))
    using connection = new Connection(server.port)
    connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk('{}'))
    expect((await connection.answer()).status).toBe(503)
    connection.write(chunk(''))
    await wait(30)
    expect(ran).toBe(0)
  })

  test('its client goes: neither the app nor an answer of ours is called for, HTTP/1.1 and HTTP/2', async () => {
    let ran = 0
    const handler = replayable((_, response) => void (++ran && response.end()), { databases: [new FakeDatabase()] })
    await using server = await listen(createServer(handler as RequestListener))
    {
      using connection = new Connection(server.port)
      connection.write(head('POST', '/', { 'transfer-encoding': 'chunked' }) + chunk('{}'))
      await wait(20)
    }
    await using second = await listen(createHttp2Server(handler as never) as never)
    const client = connectHttp2(second.url)
    const stream = client.request({ ':method': 'POST' }, { endStream: false })
    stream.on('error', () => undefined).write('{}')
    await wait(20)
    stream.close(8)
    await wait(20)
    client.destroy()
    expect(ran).toBe(0)
  })
})

describe('a request that was answered with a replay', () => {
  test('reaches no server with what it does late: listeners, timers, branches', async () => {
    const database = new FakeDatabase()
    const outcomes: unknown[] = []
    const late = (): void =>
      void outcomes.push(
        database.write(),
        runOnPrimary(() => database.write()),
      )
    const handler = replayable(
      async (_, response) => {
        response.on('finish', late).on('close', late)
        setTimeout(late, 20)
        await Promise.all([Promise.resolve().then(() => database.write()), wait(10).then(late)])
      },
      { databases: [database] },
    )
    await using server = await listen(createServer(handler as RequestListener))
    expect((await request(server.port, 'GET')).status).toBe(409)
    await wait(60)
    expect(outcomes.length).toBeGreaterThanOrEqual(6)
    expect(new Set(outcomes)).toEqual(new Set(['late']))
    expect(database.at).toBe(0)
  })
})

describe("an app's response stays its own", () => {
  const get = new Request('http://app.test/')
  const kinds: [string, () => Response][] = [
    ['shared, without a body', () => new Response(null, { status: 204 })],
    ['frozen', () => Object.freeze(new Response('ok'))],
    ['a redirect', () => Response.redirect('http://app.test/home', 303)],
    ['an error', () => Response.json({ error: 'x' }, { status: 500 })],
    [
      'a stream',
      () =>
        new Response(new ReadableStream({ pull: (to) => (to.enqueue(Buffer.from('ok')), to.close()) }), {
          status: 201,
        }),
    ],
  ]
  test.each(kinds)('%s', async (_, make) => {
    const database = new FakeDatabase({ role: 'primary' })
    const own = make()
    const before = [...own.headers]
    const handle = () => {
      database.write()
      return own
    }
    for (const fetch of [
      fetchable(handle, { databases: [database] }),
      (asked: Request) => fetchMiddleware({ databases: [database] })(asked, handle),
    ]) {
      const answer = await fetch(get)
      expect([answer.status, answer.headers.getSetCookie().length]).toEqual([own.status, 1])
      expect([...own.headers]).toEqual(before)
      if (own.body !== null) break
    }
  })

  test('a reader gets nothing of what a writer before it got', async () => {
    const database = new FakeDatabase({ role: 'primary' })
    const constant = new Response(null, { status: 204 })
    const fetch = fetchable(
      (asked: Request) => {
        if (asked.method === 'POST') database.write()
        return constant
      },
      { databases: [database] },
    )
    for (let i = 0; i < 10; i++) await fetch(new Request('http://app.test/', { method: 'POST' }))
    expect([...(await fetch(get)).headers]).toEqual([])
    expect(currentScope()).toBeUndefined()
  })
})
