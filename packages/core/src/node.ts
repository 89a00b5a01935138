import type { IncomingMessage, ServerResponse } from 'node:http'
import { NodeRequest } from './node/request.ts'
import { interceptAnswer } from './node/response.ts'
import { asReplayPolicy, type ReplayPolicy, type ReplayPolicyOptions, type Visit } from './policy.ts'
import type { HttpAnswer } from './replay.ts'

/** A handler of `node:http`, or of anything that looks like it. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse, ...rest: never[]) => unknown

/** A middleware in the manner of Connect and Express. */
export type NodeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Wraps a handler of `node:http` so that its writes run in the primary region and its reads next door.
 *
 * @param policy made once by `createReplayPolicy`, or its options
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * createServer(replayable(handler, { databases: [pool] })).listen(3000)
 */
export function replayable<H extends NodeHandler>(handler: H, policy: ReplayPolicy | ReplayPolicyOptions): H {
  const rules = asReplayPolicy(policy)
  const wrapped = (request: IncomingMessage, response: ServerResponse, ...rest: never[]): unknown =>
    attend(rules, request, response, (visit) => {
      const answerOr = (error: unknown): void => {
        const { answer } = rules.after(visit, { error })
        if (answer === undefined || response.headersSent) throw error
        sendReplay(response, answer)
      }
      try {
        const result = visit.run(() => handler(request, response, ...rest))
        return isPromise(result) ? result.then(undefined, answerOr) : result
      } catch (error) {
        return answerOr(error)
      }
    })
  return wrapped as unknown as H
}

/**
 * The same as a middleware, ahead of all routes. It needs no error handler of its own: the answer is looked at when
 * its headers leave, whatever the framework made of the error.
 *
 * @example
 * app.use(replayMiddleware({ databases: [pool] }))
 */
export function replayMiddleware(policy: ReplayPolicy | ReplayPolicyOptions): NodeMiddleware {
  const rules = asReplayPolicy(policy)
  return (request, response, next) => {
    const attended = attend(rules, request, response, (visit) => visit.run(() => next()))
    if (isPromise(attended)) attended.then(undefined, next)
  }
}

/**
 * Sends a replay (or any other answer in neutral form) on a response whose headers have not left, in place of
 * whatever headers it had.
 *
 * @throws Error with code `ERR_HTTP_HEADERS_SENT`, as `writeHead` does
 */
export function sendReplay(response: ServerResponse, answer: HttpAnswer): void {
  if (!response.headersSent) for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.writeHead(answer.status, answer.headers)
  response.end(answer.body)
}

function attend(
  policy: ReplayPolicy,
  request: IncomingMessage,
  response: ServerResponse,
  run: (visit: Visit) => unknown,
): unknown {
  const incoming = new NodeRequest(request, response)
  const proceed = (visit: Visit): unknown => {
    if (visit.answer !== undefined) {
      // What the client still sends is not read: the proxy keeps the body for the replay.
      sendReplay(response, visit.answer)
      return undefined
    }
    incoming.runEventsIn(visit)
    interceptAnswer(response, policy, visit)
    return run(visit)
  }
  const visit = policy.before(incoming)
  return isPromise(visit) ? visit.then(proceed) : proceed(visit)
}

function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function'
}
