import { after, type Outcome, type Verdict } from './policy/after.ts'
import { before } from './policy/before.ts'
import type { ReplayPolicyOptions, ResolvedPolicy } from './policy/options.ts'
import { resolvePolicy } from './policy/resolve.ts'
import type { IncomingRequest, Visit } from './policy/visit.ts'

export type { Outcome, Verdict } from './policy/after.ts'
export type { TokenCookie } from './policy/cookie.ts'
export type { ReplayPolicyOptions, RequestFacts } from './policy/options.ts'
export type { IncomingRequest, UnmeasuredBody, Visit } from './policy/visit.ts'

/**
 * The neutral life of a request: a door for a framework converts its request in, calls `before`, runs the handler in
 * `visit.run` unless there is an answer already, and lets `after` look at the outcome before the headers leave.
 */
export interface ReplayPolicy {
  readonly options: ResolvedPolicy
  /** Decides whether the handler runs here at all. A promise only where something has to be waited for. */
  before(request: IncomingRequest): Visit | Promise<Visit>
  /** Decides what becomes of the handler's answer. Called once a request. */
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
  return {
    options: resolved,
    before: (request) => before(resolved, request),
    after: (visit, outcome) => after(resolved, visit, outcome),
  }
}

/** The policy itself, or one made of the options: both doors take either. */
export function asReplayPolicy(policy: ReplayPolicy | ReplayPolicyOptions): ReplayPolicy {
  const isPolicy = typeof (policy as Partial<ReplayPolicy> | null)?.before === 'function'
  return isPolicy ? (policy as ReplayPolicy) : createReplayPolicy(policy as ReplayPolicyOptions)
}
