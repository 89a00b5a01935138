import { BorrowedRequest, FetchRequest } from './fetch/request.ts'
import { discard, finish, withHeaders } from './fetch/response.ts'
import {
  asReplayPolicy,
  type IncomingRequest,
  type Outcome,
  type ReplayPolicy,
  type ReplayPolicyOptions,
  scopeOf,
  type Visit,
} from './policy.ts'
import { currentScope } from './request/scope.ts'

/** A handler in the manner of the Fetch API: Hono's `app.fetch`, a route handler, `Bun.serve`, `Deno.serve`. */
export type FetchHandler = {
  // As a method, so that a handler of a framework's own kind of request fits as well.
  handle(request: Request, ...rest: never[]): Response | Promise<Response>
}['handle']

/**
 * Wraps a handler so that its writes run in the primary region and its reads locally. Further arguments and their
 * types are kept; so is the very Response, where nothing has to be added to it (else a copy of it is sent). Where the handler answers without a
 * promise, and nothing has to be waited for, so does this.
 *
 * @param policy made once by `createReplayPolicy`, or its options
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * serve({ fetch: replayable(app.fetch, { databases: [pool] }) })
 */
export function replayable<H extends FetchHandler>(handler: H, policy: ReplayPolicy | ReplayPolicyOptions): H {
  const rules = asReplayPolicy(policy)
  const wrapped = function (this: unknown, request: Request, ...rest: never[]): Response | Promise<Response> {
    const incoming = new FetchRequest(request)
    return enter(rules, incoming, () => handler.call(this as never, incoming.current, ...rest))
  }
  return wrapped as unknown as H
}

/** A middleware in the manner of SvelteKit, React Router and Astro: it gets the request, and `next` makes the response. */
export type FetchMiddleware = (
  request: Request,
  next: () => Response | Promise<Response>,
) => Response | Promise<Response>

/**
 * The same for frameworks with a middleware around their routes, which keep the request to themselves. A request that
 * one makes to itself, inside of another, belongs to that one.
 *
 * @param policy made once by `createReplayPolicy`, or its options
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * const replays = replayMiddleware({ databases: [pool] })
 * export const handle = ({ event, resolve }) => replays(event.request, () => resolve(event))
 */
export function replayMiddleware(policy: ReplayPolicy | ReplayPolicyOptions): FetchMiddleware {
  const rules = asReplayPolicy(policy)
  return (request, next) => {
    if (currentScope()?.request.kind === 'request') return next()
    return enter(rules, new BorrowedRequest(request), next)
  }
}

/** Status for the log of an answer that no client reads; nginx has it for the same. */
const clientGone = 499

function enter(
  policy: ReplayPolicy,
  incoming: IncomingRequest,
  run: () => Response | Promise<Response>,
): Response | Promise<Response> {
  const proceed = (visit: Visit): Response | Promise<Response> => {
    if (visit.answer !== undefined) return new Response(visit.answer.body, visit.answer)
    return attend(policy, visit, run)
  }
  const visit = policy.before(incoming)
  if (!isPromise(visit)) return proceed(visit)
  // While we waited the client may have gone: no handler could answer it, and what it still did would be lost on all.
  return visit.then((ready) => (incoming.signal?.aborted ? new Response(null, { status: clientGone }) : proceed(ready)))
}

function attend(
  policy: ReplayPolicy,
  visit: Visit,
  run: () => Response | Promise<Response>,
): Response | Promise<Response> {
  const answered = (response: Response): Response => finish(policy, visit, response)
  const failed = (error: unknown): Response => {
    const answer = insteadOf(policy, visit, { error })
    if (answer === undefined) throw error
    return answer
  }
  let result: Response | Promise<Response>
  try {
    result = visit.run(run)
  } catch (error) {
    return failed(error)
  }
  return isPromise(result) ? firstAnswer(policy, visit, result, answered, failed) : answered(result)
}

/** The answer that a handler comes to, or the one that is sent before it has come to any. */
function firstAnswer(
  policy: ReplayPolicy,
  visit: Visit,
  running: Promise<Response>,
  answered: (response: Response) => Response,
  failed: (error: unknown) => Response,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let isOpen = true
    const closes = (): boolean => isOpen && !(isOpen = false)
    scopeOf(visit).request.answerNow = () => {
      const answer = isOpen ? insteadOf(policy, visit, {}) : undefined
      if (answer !== undefined && closes()) resolve(answer)
    }
    running
      .then(
        (response) => (closes() ? resolve(answered(response)) : discard(visit, response)),
        (error) => void (closes() && resolve(failed(error))),
      )
      .catch(reject)
  })
}

/** The answer that is sent in place of the app's; undefined where its own stands. */
function insteadOf(policy: ReplayPolicy, visit: Visit, outcome: Outcome): Response | undefined {
  const { answer, headers } = policy.after(visit, outcome)
  return answer && withHeaders(new Response(answer.body, answer), headers)
}

function isPromise<T>(value: T | PromiseLike<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function'
}
