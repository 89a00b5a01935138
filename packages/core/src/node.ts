import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { isPrimaryRequired } from './errors/find.ts'
import { emitInScope } from './node/events.ts'
import { type Gate, guardResponse } from './node/gate.ts'
import { clearAnswer } from './node/headers.ts'
import { NodeRequest } from './node/request.ts'
import { guardServers } from './node/servers.ts'
import { asReplayPolicy, type ReplayPolicy, type ReplayPolicyOptions, scopeOf, type Visit } from './policy.ts'
import type { HttpAnswer } from './replay/response.ts'

/** A handler of `node:http`, `node:https`, `node:http2`, or of anything that looks like them. */
export type NodeHandler = {
  // As a method, so that a handler of a framework's own kind of request fits as well.
  handle(
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    ...rest: never[]
  ): unknown
}['handle']

/** A middleware in the manner of Connect and Express. */
export type NodeMiddleware = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  next: Next,
) => void

/** As a method, so that one that takes only its framework's errors fits as well. */
type Next = { next(error?: unknown): void }['next']

/**
 * Wraps a handler of `node:http` so that its writes run in the primary region and its reads locally. Its further
 * arguments, its result and its own errors pass through.
 *
 * @param policy made once by `createReplayPolicy`, or its options
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * createServer(replayable(handler, { databases: [pool] })).listen(3000)
 */
export function replayable<H extends NodeHandler>(handler: H, policy: ReplayPolicy | ReplayPolicyOptions): H {
  const rules = asReplayPolicy(policy)
  const wrapped = function (this: unknown, request: IncomingMessage, response: ServerResponse, ...rest: never[]) {
    return attend(rules, request, response, (visit, gate) => {
      /** The handler's error: an answer, where it is ours; else its own affair, as without us. */
      const failed = (error: unknown): void => {
        if (gate.isReplaced && (scopeOf(visit).request.isReplayed || isPrimaryRequired(error))) return
        const verdict = response.headersSent ? undefined : rules.after(visit, { error })
        if (verdict?.answer === undefined) throw error
        gate.replace(verdict.answer, verdict.headers)
      }
      try {
        const result = visit.run(() => handler.call(this as never, request, response, ...rest))
        return isPromise(result) ? result.then(undefined, failed) : result
      } catch (error) {
        return failed(error)
      }
    })
  }
  return wrapped as unknown as H
}

/**
 * The same as a middleware, ahead of all routes. It needs no error handler of its own: the answer is looked at when
 * its headers leave, whatever the framework made of the error.
 *
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * app.use(replayMiddleware({ databases: [pool] }))
 */
export function replayMiddleware(policy: ReplayPolicy | ReplayPolicyOptions): NodeMiddleware {
  const rules = asReplayPolicy(policy)
  return (request, response, next) => {
    const [incoming, outgoing] = [request as IncomingMessage, response as ServerResponse]
    const ended = attend(rules, incoming, outgoing, (visit) => {
      visit.run(() => next())
    })
    // What `next` throws after a wait has no caller left: it is handed on as any error of a middleware.
    if (isPromise(ended)) ended.then(undefined, next).then(undefined, () => outgoing.destroy())
  }
}

/**
 * The same for every HTTP server of this process, also those that other code makes: for frameworks that start their own and
 * show it to no code (`next start`, `react-router-serve`, what Nuxt and SvelteKit build). Call it before the server listens, in a
 * module that Node loads ahead of the framework: `node --import ./flyroute.mjs …`.
 *
 * @returns what ends it
 * @throws ConfigurationError with everything that is wrong in the options; TypeError on Bun, whose servers do not tell
 * @example
 * const end = replayServers({ databases: [pool] })
 */
export function replayServers(policy: ReplayPolicy | ReplayPolicyOptions): () => void {
  const rules = asReplayPolicy(policy)
  return guardServers((request, response, handle) => {
    const ended = attend(rules, request, response, (visit) => {
      visit.run(handle)
    })
    // What a listener throws ends the process, unless the app listens to that: as without us, also after a wait.
    if (isPromise(ended)) ended.then(undefined, throwLater)
  })
}

/**
 * Sends an answer in neutral form, of `replayResponse` or `healthResponse`, on a response whose headers have not left.
 * What the response was told of another answer's body is taken back; what holds for every answer (CORS, security) stays.
 *
 * @throws Error with code `ERR_HTTP_HEADERS_SENT`, as `writeHead` does
 * @example
 * app.get('/healthz', async (_, res) => sendReplay(res, await healthResponse({ databases: [pool] })))
 */
export function sendReplay(response: ServerResponse, { status, headers, body }: HttpAnswer): void {
  if (!response.headersSent) clearAnswer(response)
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function attend(
  policy: ReplayPolicy,
  request: IncomingMessage,
  response: ServerResponse,
  run: (visit: Visit, gate: Gate) => unknown,
): unknown {
  const proceed = (visit: Visit): unknown => {
    if (visit.answer !== undefined) {
      // What the client still sends is not read: the proxy keeps the body for the replay.
      sendReplay(response, visit.answer)
      return undefined
    }
    const scope = scopeOf(visit)
    emitInScope(request, scope)
    emitInScope(response, scope)
    const gate = guardResponse(response, policy, visit)
    scope.request.answerNow = gate.answerNow
    return run(visit, gate)
  }
  const visit = policy.before(new NodeRequest(request, response))
  if (!isPromise(visit)) return proceed(visit)
  // While we waited the client may have gone, or other code (a time-out ahead of us) may have answered: no handler could add anything.
  return visit.then((ready) => (isAnswered(response) || isGone(request, response) ? undefined : proceed(ready)))
}

function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

function isAnswered(response: ServerResponse): boolean {
  return response.headersSent || response.writableEnded
}

/** Whether the client has gone. A body that was cut off has told so already: what would read it now would wait for ever. */
function isGone(request: IncomingMessage, response: ServerResponse): boolean {
  return response.destroyed || response.closed || (request.destroyed && !request.complete)
}

function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function'
}
