import { findPrimaryRequired, type PrimaryRequiredError, ReplayUnavailableError } from './errors.ts'
import { tell } from './events.ts'
import { findReplayUnavailable, unavailableAnswer } from './policy/answers.ts'
import { readCookie, writeCookie } from './policy/cookie.ts'
import { isSafe, type ReplayPolicyOptions, type ResolvedPolicy, resolvePolicy } from './policy/options.ts'
import { type IncomingRequest, Visit } from './policy/visit.ts'
import { mergePositions } from './position.ts'
import { type HttpAnswer, parseReplayFailure, parseReplaySource, replayResponse } from './replay.ts'
import type { DatabaseReplication } from './replication.ts'
import { type Activity, createActivity, notReplayable, type Scope } from './scope.ts'
import { decodeToken, encodeToken, type Freshness, type TokenContent } from './token.ts'

export type { TokenCookie } from './policy/cookie.ts'
export type { ReplayPolicyOptions, RequestFacts } from './policy/options.ts'
export { type IncomingRequest, Visit } from './policy/visit.ts'

/** How a handler has ended. */
export interface Outcome {
  /** What it threw; undefined when it answered. */
  readonly error?: unknown
  /** The status it answered with. */
  readonly status?: number
}

/** What a door does with a handler's answer. */
export interface Verdict {
  /** Answer this instead; undefined: the handler's own answer (or its error) stands. */
  readonly answer: HttpAnswer | undefined
  /** To be added to the handler's own answer; `set-cookie` beside the ones that it sets. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/**
 * The neutral life of a request: a door for a framework converts its request in, calls `before`, runs the handler in
 * `visit.run` unless there is an answer already, and lets `after` look at the outcome before the headers leave.
 */
export interface ReplayPolicy {
  readonly options: ResolvedPolicy
  /** Decides whether the handler runs here at all. A promise only where something has to be waited for. */
  before(request: IncomingRequest): Visit | Promise<Visit>
  /** Decides what becomes of the handler's answer. */
  after(visit: Visit, outcome: Outcome): Verdict
}

/** What our own `state` in a replay begins with. */
const stateMark = 'flyroute:'
const noHeaders: Verdict['headers'] = []

/**
 * Makes the policy of an app, once.
 *
 * @throws ConfigurationError with everything that is wrong in the options
 * @example
 * const policy = createReplayPolicy({ databases: [pool] })
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
  return 'before' in policy && typeof policy.before === 'function'
    ? policy
    : createReplayPolicy(policy as ReplayPolicyOptions)
}

// --- before the handler -----------------------------------------------------------------------------------------------

function before(policy: ResolvedPolicy, request: IncomingRequest): Visit | Promise<Visit> {
  const { headers, method } = request
  const state = parseReplaySource(headers.get('fly-replay-src'))?.state
  const ours = state?.startsWith(stateMark) ? state.slice(stateMark.length) : undefined
  const incoming = readToken(policy, headers)
  const failure = parseReplayFailure(headers.get('fly-replay-failed'))
  const activity = createActivity('request', {
    consistency: policy.consistency,
    whenReplayUnavailable: policy.whenReplayUnavailable,
    // The primary learns from the state what the replica was refused: this request writes in a way that no text shows.
    everyStatement: ours?.startsWith('refused') ?? false,
    obstacle:
      failure !== undefined
        ? 'replay-failed'
        : ours !== undefined
          ? 'loop'
          : headers.has('upgrade')
            ? 'upgrade'
            : undefined,
    bodyObstacle: request.bodySoFar === undefined ? undefined : () => bodyObstacle(policy, request),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  })
  const scope: Scope = { activity, onPrimary: false, needs: incoming }
  const visit = (why: string, answer?: HttpAnswer, onPrimary = false): Visit =>
    new Visit(request, onPrimary ? { ...scope, onPrimary } : scope, incoming, why, answer)
  const unavailable = (error: ReplayUnavailableError): Visit => visit(error.reason, unavailableAnswer(error))

  const [main] = policy.databases as [DatabaseReplication]
  if (failure !== undefined) {
    // Only where the proxy found nobody has nobody begun to run it.
    const mayRun = isSafe(method) || failure.reason === 'no_candidate' || policy.isIdempotent(request)
    if (!mayRun || policy.whenReplayUnavailable === 'error') {
      return unavailable(new ReplayUnavailableError('replay-failed', { detail: failure.reason }))
    }
    if (main.topology.role === 'replica') tell('fallback', { reason: 'replay-failed' })
  } else if (ours !== undefined && main.topology.role === 'replica') {
    // Sent to where the primary should be, and it is not there: sending it on would go in circles.
    return unavailable(
      new ReplayUnavailableError(main.topology.inPrimaryRegion ? 'no-primary' : 'loop', { detail: ours }),
    )
  }

  if (main.topology.role === 'replica' && policy.replaysBefore(request)) {
    const obstacle = activity.obstacle ?? declaredBodyObstacle(policy, request)
    if (obstacle === undefined && request.measureBody !== undefined && hasUnknownLength(request)) {
      return request.measureBody(policy.maxReplayBody).then((fits) => byMethod(fits ? undefined : 'body-too-large'))
    }
    return byMethod(obstacle)
  }
  activity.obstacle ??= declaredBodyObstacle(policy, request)
  if (incoming.size === 0) return visit('local')
  if (ours?.startsWith('stale')) return withoutForged(policy, visit('stale'))
  return withNeeds(policy, visit, scope, incoming)

  function byMethod(obstacle: Activity['obstacle']): Visit {
    if (obstacle === undefined) return visit('method', replay(policy, main, 'method', request.method.toLowerCase()))
    activity.obstacle = obstacle
    if (policy.whenReplayUnavailable === 'error') return unavailable(new ReplayUnavailableError(obstacle))
    tell('fallback', { reason: obstacle })
    return visit(obstacle, undefined, true)
  }
}

/** Sees to it that every database is as fresh as the token asks, as far as that is known before any statement. */
function withNeeds(
  policy: ResolvedPolicy,
  visit: (why: string, answer?: HttpAnswer) => Visit,
  scope: Scope,
  incoming: TokenContent,
): Visit | Promise<Visit> {
  const behind: [DatabaseReplication, Freshness][] = []
  for (const database of policy.databases) {
    const need = incoming.get(database.name)
    if (need !== undefined && !database.isKnownFresh(need)) behind.push([database, need])
  }
  if (behind.length === 0) return visit('fresh')
  return catchUpAll().then((late) => {
    if (late === undefined) return visit('caught-up')
    if (late instanceof ReplayUnavailableError) return visit(late.reason, unavailableAnswer(late))
    // What cannot be replayed goes on, and each statement that needs it finds its way to the primary.
    if (notReplayable(scope.activity) !== undefined) return visit('stale')
    return visit('stale', replay(policy, late, 'stale'))
  })

  async function catchUpAll(): Promise<DatabaseReplication | ReplayUnavailableError | undefined> {
    const { signal } = scope.activity
    for (const [database, need] of behind) {
      const outcome = await database.meet(need, { timeoutMs: policy.waitTimeoutMs, signal })
      if (outcome === 'behind') return database
      if (outcome === 'stale-primary') return new ReplayUnavailableError('stale-primary', { retryAfterSeconds: 5 })
    }
    return undefined
  }
}

/** A replica sent this request here because it could not reach its token: the primary can tell whether anybody could. */
async function withoutForged(policy: ResolvedPolicy, visit: Visit): Promise<Visit> {
  for (const database of policy.databases) {
    const need = visit.incoming.get(database.name)
    if (need === undefined || !(await database.isImpossible(need).catch(() => false))) continue
    visit.forged.add(database.name)
  }
  return visit
}

function hasUnknownLength({ headers }: IncomingRequest): boolean {
  return !headers.has('content-length') && headers.has('transfer-encoding')
}

function declaredBodyObstacle(policy: ResolvedPolicy, { headers }: IncomingRequest): 'body-too-large' | undefined {
  const length = headers.get('content-length')
  return length !== null && Number(length) > policy.maxReplayBody ? 'body-too-large' : undefined
}

function bodyObstacle(policy: ResolvedPolicy, request: IncomingRequest): 'body-too-large' | undefined {
  const body = request.bodySoFar?.()
  // A body that has not ended may yet turn out too long for the proxy.
  return body === undefined || (body.complete && body.bytes <= policy.maxReplayBody) ? undefined : 'body-too-large'
}

function readToken(policy: ResolvedPolicy, headers: Headers): TokenContent {
  const { cookie, tokenHeader, secrets } = policy
  const fromCookie = cookie && decodeToken(readCookie(headers.get('cookie'), cookie.name), { secrets })
  const fromHeader = tokenHeader && decodeToken(headers.get(tokenHeader), { secrets })
  if (!fromHeader || fromHeader.size === 0) return fromCookie || noToken
  if (!fromCookie || fromCookie.size === 0) return fromHeader
  const merged = new Map(fromCookie)
  for (const [name, fresh] of fromHeader) {
    const other = merged.get(name)
    const database = policy.databases.find((one) => one.name === name)
    merged.set(name, other === undefined || database === undefined ? fresh : fresher(other, fresh, database))
  }
  return merged
}

const noToken: TokenContent = new Map()

/** Of two demands the stricter one. A time on the primary is stricter than any position. */
function fresher(a: Freshness, b: Freshness, database: DatabaseReplication): Freshness {
  if ('until' in a) return 'until' in b && b.until > a.until ? b : a
  if ('until' in b) return b
  return mergePositions(a, b, database.algebra)
}

// --- after the handler ------------------------------------------------------------------------------------------------

function after(policy: ResolvedPolicy, visit: Visit, outcome: Outcome): Verdict {
  const { activity } = visit.scope
  const required = findPrimaryRequired(outcome.error) ?? activity.refusal
  if (required !== undefined) {
    const obstacle = notReplayable(activity)
    if (obstacle === undefined) return { answer: replayError(policy, required), headers: noHeaders }
    if (outcome.error !== undefined && findPrimaryRequired(outcome.error) !== undefined && !activity.headersSent) {
      return {
        answer: unavailableAnswer(new ReplayUnavailableError(obstacle, { cause: required })),
        headers: noHeaders,
      }
    }
  }
  const unavailable = findReplayUnavailable(outcome.error)
  if (unavailable !== undefined) return { answer: unavailableAnswer(unavailable), headers: noHeaders }
  const failed = outcome.error !== undefined || (outcome.status ?? 200) >= 500
  if (failed && activity.primaryUnreachable !== undefined) {
    const error = new ReplayUnavailableError('no-primary', { cause: activity.primaryUnreachable })
    return { answer: unavailableAnswer(error), headers: noHeaders }
  }
  return { answer: undefined, headers: addedHeaders(policy, visit) }
}

function addedHeaders(policy: ResolvedPolicy, visit: Visit): Verdict['headers'] {
  const headers: [string, string][] = []
  const token = nextToken(policy, visit)
  if (token !== undefined) {
    if (policy.cookie !== undefined) {
      headers.push(['set-cookie', writeCookie(policy.cookie, token, visit.request.headers.get('host'))])
    }
    if (policy.tokenHeader !== undefined) headers.push([policy.tokenHeader, token])
  }
  if (policy.debugHeader) headers.push(['flyroute-debug', debugText(policy, visit)])
  return headers.length === 0 ? noHeaders : headers
}

/** The token for the client; undefined where it keeps the one it has, because nothing was written. */
function nextToken(policy: ResolvedPolicy, { scope, incoming, forged }: Visit): string | undefined {
  const { positions } = scope.activity
  if (policy.consistency === 'none' || (positions.size === 0 && forged.size === 0)) return undefined
  const content = new Map(incoming)
  for (const name of forged) content.delete(name)
  for (const database of policy.databases) {
    const written = positions.get(database.name)
    if (written === undefined) continue
    const before = content.get(database.name)
    // An answer that was overtaken by another one of this process must not take the client back: its maximum counts.
    const latest = 'until' in written ? written : (database.latest(written) ?? written)
    const isJudge = scope.activity.written.has(database.name)
    content.set(database.name, before === undefined || isJudge ? latest : fresher(before, latest, database))
  }
  return content.size === 0 ? '' : encodeToken(content, policy.secrets)
}

function debugText(policy: ResolvedPolicy, { scope, why }: Visit): string {
  const [main] = policy.databases as [DatabaseReplication]
  const { region, role } = main.topology
  const ran = scope.onPrimary || scope.activity.written.size > 0 ? 'primary' : role
  return `region=${region ?? 'none'}; role=${ran}; reason=${why}`
}

// --- the answer that asks for a replay --------------------------------------------------------------------------------

function replayError(policy: ResolvedPolicy, error: PrimaryRequiredError): HttpAnswer {
  const { reason, detail, target } = error
  return replayTo(policy, target, reason, detail)
}

function replay(
  policy: ResolvedPolicy,
  database: DatabaseReplication,
  reason: 'method' | 'stale',
  detail?: string,
): HttpAnswer {
  return replayTo(policy, { region: database.topology.primaryRegion }, reason, detail)
}

function replayTo(
  policy: ResolvedPolicy,
  target: PrimaryRequiredError['target'],
  reason: PrimaryRequiredError['reason'] | 'method',
  detail: string | undefined,
): HttpAnswer {
  const word = detail?.replace(/[^\w:.-]/g, '_').slice(0, 64)
  tell('replay', {
    reason,
    detail,
    target: String(target.region ?? target.instance ?? target.preferInstance ?? target.app),
  })
  return replayResponse(target, {
    state: `${stateMark}${reason}${word === undefined ? '' : `:${word}`}`,
    // A primary region that is down then answers within this time, with our own words and not the proxy's.
    timeout: policy.replayTimeoutMs,
    fallback: 'prefer_self',
  })
}
