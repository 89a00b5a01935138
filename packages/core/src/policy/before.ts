import { Tally } from '../advice/tally.ts'
import { ReplayUnavailableError, type ReplayUnavailableReason } from '../errors.ts'
import { publish } from '../events.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { onPrimary } from '../request/scope.ts'
import { RequestState } from '../request/state.ts'
import { answerReplay, type ReplayOrder, unavailableAnswer } from './answers.ts'
import { type Arrival, readArrival, validateArrival } from './arrival.ts'
import { dropImpossible, freshen } from './freshness.ts'
import type { ResolvedPolicy } from './options.ts'
import { isLonely, replayFailed, whyAhead } from './placement.ts'
import { readTokens } from './tokens.ts'
import { type IncomingRequest, RequestVisit } from './visit.ts'

/** Decides whether the handler runs here at all. A promise only where something has to be waited for. */
export function before(policy: ResolvedPolicy, request: IncomingRequest): RequestVisit | Promise<RequestVisit> {
  const arrival = readArrival(policy, request)
  const [main] = policy.databases as [DatabaseReplication]
  const obstacle = arrival?.obstacle ?? connectionObstacle(request) ?? loneliness(policy, main)
  // The primary learns from the state what the replica was refused: this request writes in a way that no text shows.
  const state = new RequestState('request', policy, request, obstacle, arrival?.reason === 'refused')
  const visit = new RequestVisit(request, state, readTokens(policy, request))
  const { traffic } = policy
  if (traffic !== undefined) {
    state.tally = new Tally(traffic, request.method, request.path, policy.replaysBeforeHandler(request))
  }

  if (arrival !== undefined) {
    // It has not found a primary where this process believes it to be.
    if (arrival.failure !== undefined || arrival.meant.isAway) arrival.meant.prober.recheckRole(true)
    if (arrival.failure !== undefined && arrival.isProven) replayFailed(policy, arrival.meant)
    const error = admit(policy, visit, arrival)
    if (error !== undefined) return refuse(visit, error)
    visit.why = arrival.failure === undefined ? `replayed-${arrival.reason}` : 'replay-failed'
    const { failure, meant, mayHaveRun } = arrival
    // What it was replayed for says why it has left, and not what it has done there.
    if (mayHaveRun) state.readsOnly = new ReplayUnavailableError('replay-failed', { detail: failure?.reason })
    const mayFallBack = meant.isAway && policy.whenReplayUnavailable === 'primary'
    // Whatever it was replayed for, it needs the primary; a wait or a refusal here would only come to that again.
    if (failure !== undefined && mayFallBack) return goOnOnPrimary(visit, arrival.obstacle)
  }
  const onFirstWay = arrival === undefined || arrival.failure !== undefined
  if (onFirstWay && main.isAway && policy.replaysBeforeHandler(request)) {
    return replayAhead(policy, visit, { database: main, reason: 'method', detail: request.method.toLowerCase() })
  }
  const { far } = policy
  if (onFirstWay && far !== undefined) {
    visit.why = 'direct'
    const reason = whyAhead(policy, far, visit)
    if (reason !== undefined) return replayAhead(policy, visit, { database: far, reason })
  }
  state.obstacle ??= declaredBodyObstacle(policy, request)
  if (visit.incoming.size === 0) return visit
  return arrival?.reason === 'stale'
    ? dropImpossible(policy, visit).then(() => freshen(policy, visit))
    : freshen(policy, visit)
}

/** Why it is not served here; what cannot prove where it comes from has a small share of the primary. */
function admit(policy: ResolvedPolicy, visit: RequestVisit, arrival: Arrival): ReplayUnavailableError | undefined {
  const error = validateArrival(policy, visit.request, arrival)
  if (error !== undefined || arrival.isProven) return error
  const hasPlace = (): boolean => {
    visit.leavePlace ??= policy.fallbacks.takePlace()
    return visit.leavePlace !== undefined
  }
  visit.scope.request.leave = hasPlace
  const { failure, meant } = arrival
  // All of it would run on the primary from here.
  const goesOn = failure !== undefined && meant.isAway && policy.whenReplayUnavailable === 'primary'
  return goesOn && !hasPlace() ? new ReplayUnavailableError('replay-failed', { detail: 'unproven' }) : undefined
}

function replayAhead(
  policy: ResolvedPolicy,
  visit: RequestVisit,
  order: ReplayOrder,
): RequestVisit | Promise<RequestVisit> {
  const { request } = visit
  const { request: state } = visit.scope
  // Nothing is asked of the server here: where only such requests come, a promotion would never show.
  const { prober, router } = order.database
  prober.recheckRole()
  const conclude = (known: ReplayUnavailableReason | undefined): RequestVisit => {
    if (known === undefined) {
      visit.answer = answerReplay(policy, visit, order)
      visit.why = order.reason
      if (visit.answer !== undefined) return visit
    }
    // Asked anew: while its body was measured, the answer may have begun.
    const obstacle = known ?? state.whyNotReplayable() ?? 'response-begun'
    state.obstacle = obstacle
    if (policy.whenReplayUnavailable === 'error') return refuse(visit, new ReplayUnavailableError(obstacle))
    return goOnOnPrimary(visit, obstacle)
  }
  const unknown = Object.keys(router.target).length === 0 ? 'no-primary' : undefined
  const obstacle = state.obstacle ?? unknown ?? declaredBodyObstacle(policy, request)
  if (obstacle !== undefined || request.body === undefined) return conclude(obstacle)
  return request.body.measure(policy.maxReplayBodyBytes).then(
    (fits) => conclude(fits ? undefined : 'body-too-large'),
    () => conclude('body-too-large'),
  )
}

function goOnOnPrimary(visit: RequestVisit, obstacle: ReplayUnavailableReason): RequestVisit {
  publish('fallback', { reason: obstacle })
  visit.why = obstacle
  visit.scope = onPrimary(visit.scope)
  return visit
}

function refuse(visit: RequestVisit, error: ReplayUnavailableError): RequestVisit {
  visit.why = error.reason
  visit.answer = unavailableAnswer(error)
  visit.leavePlace?.()
  return visit
}

/** Where a replay would find no machine, and the primary answers from here as well. */
function loneliness(policy: ResolvedPolicy, main: DatabaseReplication): ReplayUnavailableReason | undefined {
  return policy.whenReplayUnavailable === 'primary' && isLonely(policy, main) ? 'replay-failed' : undefined
}

function connectionObstacle(request: IncomingRequest): ReplayUnavailableReason | undefined {
  if (request.answerBegun) return 'response-begun'
  return request.header('upgrade') === undefined ? undefined : 'upgrade'
}

function declaredBodyObstacle(policy: ResolvedPolicy, request: IncomingRequest): ReplayUnavailableReason | undefined {
  const length = request.header('content-length')
  return length !== undefined && Number(length) > policy.maxReplayBodyBytes ? 'body-too-large' : undefined
}
