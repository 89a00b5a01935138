import { findPrimaryRequired, findReplayUnavailable } from '../errors/find.ts'
import { type PrimaryRequiredError, ReplayUnavailableError } from '../errors.ts'
import type { HttpAnswer } from '../replay.ts'
import type { DatabaseReplication } from '../replication/index.ts'
import { replayAnswer, unavailableAnswer } from './answers.ts'
import { writeCookie } from './cookie.ts'
import type { ResolvedPolicy } from './options.ts'
import { nextCookies, nextToken } from './tokens.ts'
import type { Visit } from './visit.ts'

/** How a handler has ended. */
export interface Outcome {
  /** What it threw; undefined when it answered. */
  readonly error?: unknown
  /** The status it answered with. Default: 200. */
  readonly status?: number
}

/** What a door does with a handler's answer. */
export interface Verdict {
  /** Answer this instead; undefined: the handler's own answer (or its error) stands. */
  readonly answer: HttpAnswer | undefined
  /** To be added to whichever answer is sent; `set-cookie` beside the ones that it has. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const noHeaders: Verdict['headers'] = []
const untouched: Verdict = { answer: undefined, headers: noHeaders }

/** Decides what becomes of the handler's answer. */
export function after(policy: ResolvedPolicy, visit: Visit, { error, status = 200 }: Outcome): Verdict {
  const { request: state } = visit.scope
  const thrown = error === undefined ? undefined : findPrimaryRequired(error)
  const required = thrown ?? state.refusal
  const failed = error !== undefined || status >= 500
  if (required !== undefined) {
    const obstacle = state.whyNotReplayable()
    if (obstacle === undefined) return { answer: replayRequired(policy, required), headers: noHeaders }
    // The rest could not run here and must not run again: an app that makes do with that is left alone.
    if (thrown !== undefined || failed)
      return unavailable(policy, visit, new ReplayUnavailableError(obstacle, { cause: required }))
  }
  if (failed) {
    const refused = findReplayUnavailable(error) ?? state.unavailable
    if (refused !== undefined) return unavailable(policy, visit, refused)
    const { primaryUnreachable: cause } = state
    if (cause !== undefined) return unavailable(policy, visit, new ReplayUnavailableError('no-primary', { cause }))
  }
  const headers = addedHeaders(policy, visit)
  return headers === noHeaders ? untouched : { answer: undefined, headers }
}

/** What was committed before it came to this still has a token. */
function unavailable(policy: ResolvedPolicy, visit: Visit, error: ReplayUnavailableError): Verdict {
  return { answer: unavailableAnswer(error), headers: addedHeaders(policy, visit) }
}

function replayRequired(policy: ResolvedPolicy, error: PrimaryRequiredError): HttpAnswer {
  const { reason, detail, target, topology } = error
  // A copy of the error may have lost its topology; the role may have changed since: the primary endpoint stays.
  const meant = policy.databases.find((one) => one.topology.primary === topology?.primary)
  return replayAnswer(policy, meant ?? (policy.databases[0] as DatabaseReplication), reason, detail, target)
}

function addedHeaders(policy: ResolvedPolicy, visit: Visit): Verdict['headers'] {
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

function debugText(policy: ResolvedPolicy, { scope, why }: Visit): string {
  const { name, topology } = policy.databases[0] as DatabaseReplication
  const { region, role } = topology
  const ran = scope.onPrimary || scope.request.hasWritten(name) ? 'primary' : role
  return `region=${region ?? 'none'}; role=${ran}; reason=${why}`
}
