import { findPrimaryRequired, findReplayUnavailable } from '../errors/find.ts'
import { originOf } from '../errors/origin.ts'
import { type PrimaryRequiredError, ReplayUnavailableError } from '../errors.ts'
import { isHeard, tellSubscribers } from '../events.ts'
import type { HttpAnswer } from '../replay/response.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { answerReplay, type ReplayOrder, unavailableAnswer } from './answers.ts'
import { writeCookie } from './cookie.ts'
import type { ResolvedPolicy } from './options.ts'
import { learnPlacement } from './placement.ts'
import { nextCookies, nextToken } from './tokens.ts'
import type { RequestVisit } from './visit.ts'

/** How a handler has ended. */
export interface Outcome {
  /** What it threw; undefined when it answered. */
  readonly error?: unknown
  /** The status it answered with. Default: 200. */
  readonly status?: number
}

/** What a middleware does with a handler's answer. */
export interface Verdict {
  /** Answer this instead; undefined: the handler's own answer (or its error) stands. */
  readonly answer: HttpAnswer | undefined
  /** To be added to whichever answer is sent; `set-cookie` beside the ones that it has. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const noHeaders: Verdict['headers'] = []
const untouched: Verdict = { answer: undefined, headers: noHeaders }

/** Decides what becomes of the handler's answer, at once and for good: what its request does afterwards changes nothing of it. */
export function after(policy: ResolvedPolicy, visit: RequestVisit, outcome: Outcome): Verdict {
  visit.leavePlace?.()
  if (visit.scope.request.crossings !== undefined) learnPlacement(policy, visit)
  const verdict = conclude(policy, visit, outcome)
  const { tally, isReplayed } = visit.scope.request
  if (tally !== undefined && !isReplayed) tally.answers()
  // Whatever it is, unless it is a replay: an answer has begun.
  visit.scope.request.answerBegins()
  return verdict
}

function conclude(policy: ResolvedPolicy, visit: RequestVisit, { error, status = 200 }: Outcome): Verdict {
  const { request: state } = visit.scope
  const thrown = error === undefined ? undefined : findPrimaryRequired(error)
  const required = thrown ?? state.refusal
  const failed = error !== undefined || status >= 500
  // It may have been refused where no request was known.
  if (state.refusal === undefined && thrown !== undefined) state.refuse(thrown)
  if (required !== undefined) {
    const answer = answerReplay(policy, visit, orderOf(policy, required))
    if (answer !== undefined) return { answer, headers: noHeaders }
    const obstacle = state.whyNotReplayable()
    // The rest could not run here and must not run again: the answer of an app that makes do with that stands.
    if (obstacle !== undefined && (thrown !== undefined || failed))
      return unavailable(policy, visit, new ReplayUnavailableError(obstacle, { cause: required }))
  }
  if (failed) {
    const refused = findReplayUnavailable(error) ?? state.unavailable
    if (refused !== undefined) return unavailable(policy, visit, refused)
    const { primaryUnreachable: cause } = state
    if (cause !== undefined) return unavailable(policy, visit, new ReplayUnavailableError('no-primary', { cause }))
  }
  if (isHeard('request')) tellSubscribers('request', { outcome: whereServed(policy, visit), reason: visit.why })
  const headers = addedHeaders(policy, visit)
  return headers === noHeaders ? untouched : { answer: undefined, headers }
}

/** Whether a connection to the primary was used in place of the server that reads use. */
function whereServed({ databases }: ResolvedPolicy, { scope }: RequestVisit): 'local' | 'primary' {
  const { request, onPrimary } = scope
  const isElsewhere = ({ name, topology }: DatabaseReplication): boolean =>
    topology.role === 'replica' && (onPrimary || request.hasWritten(name))
  return databases.some(isElsewhere) ? 'primary' : 'local'
}

/** What was committed before it came to this still has a token. */
function unavailable(policy: ResolvedPolicy, visit: RequestVisit, error: ReplayUnavailableError): Verdict {
  return { answer: unavailableAnswer(error), headers: addedHeaders(policy, visit) }
}

/** By what the error was made with, and not by its fields: those may have been copied or changed since. */
function orderOf(policy: ResolvedPolicy, error: PrimaryRequiredError): ReplayOrder {
  const [first] = policy.databases as readonly [DatabaseReplication]
  const origin = originOf(error)
  if (origin?.code !== 'ERR_PRIMARY_REQUIRED') return { database: first, reason: 'write' }
  const { reason, detail, target, topology } = origin
  // Its role may have changed since: the primary endpoint stays.
  const meant = policy.databases.find((one) => one.topology.primary === topology.primary)
  return { database: meant ?? first, reason, detail, target }
}

function addedHeaders(policy: ResolvedPolicy, visit: RequestVisit): Verdict['headers'] {
  const token = nextToken(policy, visit)
  if (token === undefined && !policy.debugHeader) return noHeaders
  const headers: [string, string][] = []
  const { cookie } = policy
  if (token !== undefined && cookie !== undefined) {
    const host = visit.request.header('host')
    for (const [name, value] of nextCookies(policy, visit, token)) {
      headers.push(['set-cookie', writeCookie({ ...cookie, name }, value, host)])
    }
  }
  if (token !== undefined && policy.tokenHeader !== undefined) headers.push([policy.tokenHeader, token])
  if (policy.debugHeader) headers.push(['flyroute-debug', debugText(policy, visit)])
  return headers
}

function debugText(policy: ResolvedPolicy, { scope, why, far }: RequestVisit): string {
  const { name, topology } = policy.databases[0] as DatabaseReplication
  const { region, role } = topology
  const ran = scope.onPrimary || scope.request.hasWritten(name) ? 'primary' : role
  return `region=${region ?? 'none'}; role=${ran}; reason=${why}${priceText(far, scope)}`
}

/** What the answer has cost in crossings, and what a replay would have. */
function priceText(far: DatabaseReplication | undefined, { request }: RequestVisit['scope']): string {
  const { crossings } = request
  if (far === undefined || crossings === undefined) return ''
  const { crossingMs, replayMs } = far.prices
  return `; price-ms=${Math.round(crossings.needed * crossingMs + crossings.openingMs)}; replay-ms=${Math.round(replayMs)}`
}
