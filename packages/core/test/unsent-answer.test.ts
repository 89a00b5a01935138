import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { isPrimaryRequired } from '../src/errors/find.ts'
import { replayable as fetchable } from '../src/fetch.ts'
import { replayable } from '../src/node.ts'
import { currentScope } from '../src/request/scope.ts'
import { FakeDatabase } from './support/fake-database.ts'
import { Connection, head, listen } from './support/http.ts'

// An app that swallows a refusal goes on to answer, and its answer is replaced by a replay. To its code it is as if it were sent.

const few = (): Readable => Readable.from(['some ', 'rows ', 'of a report'])
const failing = (error: unknown): Readable =>
  new Readable({
    read() {
      this.destroy(error as Error)
    },
  })
const endless = (): Readable => Readable.from(forever())

function* forever(): Generator<string> {
  for (;;) yield 'more'
}

/** By name: ways to answer bit by bit, each with what it takes for its end. */
const ways: Readonly<Record<string, (response: ServerResponse) => Promise<unknown>>> = {
  'pipeline of a stream': (response) => pipeline(few(), response),
  'pipeline of a generator': (response) =>
    pipeline(async function* () {
      yield* few()
    }, response),
  'pipeline, some time after its headers': async (response) => {
    response.writeHead(200, { 'content-type': 'text/csv' })
    await sleep(30)
    await pipeline(few(), response)
  },
  'pipe, whose end is heard of': (response) => once(few().pipe(response), 'finish'),
  'pipe, until it is closed': (response) => once(few().pipe(response), 'close'),
  'writes that wait for each other': async (response) => {
    for (let n = 0; n < 100; n++) if (!response.write('x'.repeat(1_000))) await once(response, 'drain')
    await new Promise<void>((resolve) => response.end(resolve))
  },
  'callbacks of write': async (response) => {
    await new Promise((resolve) => response.write('x', resolve))
    await new Promise<void>((resolve) => response.end(resolve))
  },
  'headers that are too late': async (response) => {
    response.flushHeaders()
    response.setHeader('x-app', 'late').end('x')
    await once(response, 'close')
  },
}

/** One answer on a server whose handler swallows its refusal, and what became of the app's own. */
async function answerBy(way: (response: ServerResponse) => Promise<unknown>) {
  const database = new FakeDatabase()
  let ending: Promise<unknown> = Promise.resolve()
  let finishes = 0
  const handle = replayable(
    (request, response: ServerResponse) => {
      if (request.url === '/read') return void response.end('read')
      expect(() => database.write()).toThrow()
      response.on('finish', () => finishes++)
      ending = way(response).then(
        () => 'as if it were sent',
        (error) => error,
      )
      return ending
    },
    { databases: [database] },
  )
  await using server = await listen(createServer((request, response) => void handle(request, response)))
  using connection = new Connection(server.port)
  connection.write(head('GET', '/'))
  const { status } = await connection.answer()
  // The connection is good for the next one, however long the other goes on.
  connection.write(head('GET', '/read'))
  expect((await connection.answer()).body).toBe('read')
  const outcome = await ending
  await new Promise(setImmediate)
  return { status, outcome, finishes }
}

describe('node:http: an answer in whose place a replay is sent', () => {
  test.each(Object.entries(ways))('%s: ends as if it were sent', async (_, way) => {
    expect(await answerBy(way)).toEqual({ status: 409, outcome: 'as if it were sent', finishes: 1 })
  })

  test.each<[string, (response: ServerResponse) => Promise<unknown>]>([
    ['a stream', (response) => pipeline(endless(), response)],
    ['a generator', (response) => pipeline(forever(), response)],
    ['a stream that stands still', (response) => pipeline(new Readable({ read: () => undefined }), response)],
  ])('%s that does not end is given up with the refusal', async (_, way) => {
    const { status, outcome, finishes } = await answerBy(async (response) => {
      response.write('first')
      await way(response)
    })
    expect([status, finishes, isPrimaryRequired(outcome)]).toEqual([409, 1, true])
  })

  test('events that are sent until their client goes away come to an end', async () => {
    const { outcome } = await answerBy(async (response) => {
      const sending = setInterval(() => response.write('data: x\n\n'), 5)
      await new Promise((resolve) => response.on('close', resolve))
      clearInterval(sending)
    })
    expect(outcome).toBe('as if it were sent')
  })

  test.each<[string, (response: ServerResponse, refusal: unknown) => unknown]>([
    ['a pipeline whose source fails with it', (response, refusal) => pipeline(failing(refusal), response)],
    ['one more stream in between', (response, refusal) => pipeline(failing(refusal), new PassThrough(), response)],
    ['destroy', (response, refusal) => response.destroy(refusal as Error)],
  ])('a refusal that breaks it off before its first byte has it replayed: %s', async (_, way) => {
    const database = new FakeDatabase()
    const handle = replayable(
      async (_request, response: ServerResponse) => {
        await Promise.resolve(response)
          .then(() => database.write())
          .catch((refusal: unknown) => way(response, refusal))
          .catch(() => undefined)
      },
      { databases: [database] },
    )
    await using server = await listen(createServer((request, response) => void handle(request, response)))
    using connection = new Connection(server.port)
    for (let n = 0; n < 2; n++) {
      connection.write(head('GET', '/'))
      expect((await connection.answer()).status).toBe(409)
    }
  })

  test('what breaks off an answer of its own, or one that has begun, does so', async () => {
    const handle = replayable(
      async (request, response: ServerResponse) => {
        if (request.url === '/begun') response.write('some')
        response.destroy(new Error('own'))
      },
      { databases: [new FakeDatabase()] },
    )
    await using server = await listen(createServer((request, response) => void handle(request, response)))
    for (const path of ['/', '/begun']) {
      using connection = new Connection(server.port)
      connection.write(head('GET', path))
      expect(await connection.rest()).not.toContain('409')
    }
  })

  test('what breaks it off breaks nothing off for the replay', async () => {
    const { status } = await answerBy(async (response) => {
      response.write('first')
      response.destroy(new Error('the last word'))
    })
    expect(status).toBe(409)
  })
})

describe('fetch: a response in whose place a replay is sent', () => {
  async function respond(make: () => [BodyInit, Promise<unknown>]): Promise<unknown> {
    const database = new FakeDatabase()
    let ending: Promise<unknown> = Promise.resolve()
    const handle = fetchable(
      async (_: Request) => {
        expect(() => database.write()).toThrow()
        const [body, end] = make()
        ending = end.then(
          () => 'as if it were sent',
          (error) => error,
        )
        return new Response(body)
      },
      { databases: [database] },
    )
    expect((await handle(new Request('http://app/'))).status).toBe(409)
    return ending
  }

  test('fed by a task that nothing awaits: it ends as if it were sent', async () => {
    const outcome = await respond(() => {
      const { readable, writable } = new TransformStream()
      const feed = async (): Promise<void> => {
        const writer = writable.getWriter()
        for (let n = 0; n < 20; n++) await writer.write(`data: ${n}\n\n`)
        await writer.close()
      }
      return [readable, feed()]
    })
    expect(outcome).toBe('as if it were sent')
  })

  test('another body that is piped through: it ends as if it were sent', async () => {
    const outcome = await respond(() => {
      const { readable, writable } = new TransformStream()
      return [readable, (new Response('x'.repeat(100_000)).body as ReadableStream).pipeTo(writable)]
    })
    expect(outcome).toBe('as if it were sent')
  })

  test('made while it is read: in its request', async () => {
    const isInside: boolean[] = []
    let closed: () => void
    const outcome = await respond(() => {
      const pull = async (controller: ReadableStreamDefaultController<string>): Promise<void> => {
        await sleep(1)
        isInside.push(currentScope()?.request.isReplayed === true)
        if (isInside.length < 3) return controller.enqueue('x')
        controller.close()
        closed()
      }
      return [new ReadableStream({ pull }, { highWaterMark: 0 }), new Promise<void>((resolve) => (closed = resolve))]
    })
    expect([outcome, isInside]).toEqual(['as if it were sent', [true, true, true]])
  })

  test('one that does not end is given up with the refusal, and holds nothing up', async () => {
    const outcome = await respond(() => {
      const { readable, writable } = new TransformStream()
      return [readable, new ReadableStream({ pull: (controller) => controller.enqueue('x') }).pipeTo(writable)]
    })
    expect(isPrimaryRequired(outcome)).toBe(true)
  })
})
