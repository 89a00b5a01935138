import { logTo } from './log/log.ts'
import { after, type Outcome, type Verdict } from './policy/after.ts'
import { before } from './policy/before.ts'
import type { ReplayPolicyOptions } from './policy/options.ts'
import { resolvePolicy } from './policy/resolve.ts'
import type { IncomingRequest, RequestVisit, Visit } from './policy/visit.ts'
import type { Scope } from './request/scope.ts'
import { lookAfterUnhandled } from './request/unhandled.ts'

export type { Outcome, Verdict } from './policy/after.ts'
export type { TokenCookie } from './policy/cookie.ts'
export type { Placement, ReplayPolicyOptions, RequestFacts } from './policy/options.ts'
export type { IncomingRequest, UnmeasuredBody, Visit } from './policy/visit.ts'

/**
 * The neutral life of a request: a middleware for a framework converts its request in, calls `before`, runs the handler in
 * `visit.run` unless there is an answer already, and lets `after` look at the outcome before the headers leave.
 */
export interface ReplayPolicy {
  /** Decides whether the handler runs here at all. A promise only where something has to be waited for; it never rejects. */
  before(request: IncomingRequest): Visit | Promise<Visit>
  /** Decides what becomes of the handler's answer, for good: a replay ends the request, anything else is sent. Called once a request. */
  after(visit: Visit, outcome: Outcome): Verdict
}

/**
 * Makes the policy of an app, once.
 *
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * const policy = createReplayPolicy({ databases: [pool], consistency: 'monotonic' })
 * app.use(replayMiddleware(policy))
 */
export function createReplayPolicy(options: ReplayPolicyOptions): ReplayPolicy {
  const resolved = resolvePolicy(options)
  if (logTo(options.log)) for (const database of resolved.databases) database.watch()
  lookAfterUnhandled()
  return {
    before: (request) => before(resolved, request),
    after: (visit, outcome) => after(resolved, visit as RequestVisit, outcome),
  }
}

/** The scope that a visit runs in: for what has to run in it without being called by us, such as the listeners of events. */
export function scopeOf(visit: Visit): Scope {
  return (visit as RequestVisit).scope
}

/** The policy itself, or one made of the options: each middleware takes either. */
export function asReplayPolicy(policy: ReplayPolicy | ReplayPolicyOptions): ReplayPolicy {
  const isPolicy = typeof (policy as Partial<ReplayPolicy> | null)?.before === 'function'
  return isPolicy ? (policy as ReplayPolicy) : createReplayPolicy(policy as ReplayPolicyOptions)
}
