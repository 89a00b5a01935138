import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type { ReplayPolicy } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { replayable as replayableNode, replayMiddleware } from '@flyroute/core/node'
import type { Program } from './program.ts'

/** An answer, as far as a client and the proxy look at it. */
export interface Answered {
  readonly status: number
  readonly replay: string | undefined
}

/** What a request does: before its answer, and behind it. */
export interface Work {
  before(): Promise<void>
  behind(): void
}

/** Sends a request through a middleware; `answered` is called with the answer, if ever one comes. */
export function sendRequest(
  middleware: Program['middleware'],
  policy: ReplayPolicy,
  headers: Readonly<Record<string, string>>,
  work: Work,
  answered: (answer: Answered) => void,
): void {
  if (middleware === 'fetch') sendFetch(policy, headers, work, answered)
  else sendNode(middleware, policy, headers, work, answered)
}

function sendFetch(
  policy: ReplayPolicy,
  headers: Readonly<Record<string, string>>,
  work: Work,
  answered: (answer: Answered) => void,
): void {
  const handler = replayable(async (_: Request) => {
    await work.before()
    work.behind()
    return new Response('ok')
  }, policy)
  const request = new Request('http://app.test/', { headers: { ...headers } })
  Promise.resolve(handler(request)).then(
    (response) => answered({ status: response.status, replay: response.headers.get('fly-replay') ?? undefined }),
    () => answered({ status: 500, replay: undefined }),
  )
}

function sendNode(
  middleware: Program['middleware'],
  policy: ReplayPolicy,
  headers: Readonly<Record<string, string>>,
  work: Work,
  answered: (answer: Answered) => void,
): void {
  const sink = new Sink(answered)
  const request = new IncomingMessage(sink as unknown as Socket)
  Object.assign(request, { method: 'GET', url: '/', headers: { host: 'app.test', ...headers }, complete: true })
  const response = new ServerResponse(request)
  response.assignSocket(sink as unknown as Socket)
  const handle = async (): Promise<void> => {
    await work.before()
    response.end('ok')
    work.behind()
  }
  // What a framework does with an error.
  const failed = (): void => {
    if (response.headersSent) return
    response.statusCode = 500
    response.end('failed')
  }
  if (middleware === 'node-middleware') {
    const next = (error?: unknown): void => (error === undefined ? void handle().catch(failed) : failed())
    replayMiddleware(policy)(request, response, next)
  } else {
    const handler = replayableNode((_: IncomingMessage, __: ServerResponse) => handle(), policy)
    Promise.resolve(handler(request, response)).catch(failed)
  }
}

/** The client's end of a connection. */
class Sink extends Writable {
  readonly #answered: (answer: Answered) => void
  #hasAnswer = false

  constructor(answered: (answer: Answered) => void) {
    super({ decodeStrings: false })
    this.#answered = answered
  }

  override _write(chunk: string | Buffer, _: unknown, done: () => void): void {
    if (!this.#hasAnswer) {
      this.#hasAnswer = true
      const head = chunk.toString()
      const replay = /^fly-replay: (.*)$/im.exec(head)?.[1]?.trim()
      this.#answered({ status: Number(head.split(' ', 2)[1]), replay })
    }
    done()
  }
}
