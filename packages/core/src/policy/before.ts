import { ReplayUnavailableError, type ReplayUnavailableReason } from '../errors.ts'
import { publish } from '../events.ts'
import type { DatabaseReplication } from '../replication/index.ts'
import { RequestState } from '../request/state.ts'
import { replayAnswer, unavailableAnswer } from './answers.ts'
import { judgeArrival, readArrival } from './arrival.ts'
import { dropImpossible, freshen } from './freshness.ts'
import type { ResolvedPolicy } from './options.ts'
import { readToken } from './tokens.ts'
import { type IncomingRequest, Visit } from './visit.ts'

/** Decides whether the handler runs here at all. A promise only where something has to be waited for. */
export function before(policy: ResolvedPolicy, request: IncomingRequest): Visit | Promise<Visit> {
  const arrival = readArrival(policy, request)
  const obstacle = arrival?.obstacle ?? connectionObstacle(request)
  // The primary learns from the state what the replica was refused: this request writes in a way that no text shows.
  const state = new RequestState('request', policy, request, obstacle, arrival?.reason === 'refused')
  const visit = new Visit(request, state, readToken(policy, request))
  const [main] = policy.databases as [DatabaseReplication]

  if (arrival !== undefined) {
    const error = judgeArrival(policy, request, arrival)
    if (error !== undefined) return refuse(visit, error)
    visit.why = arrival.failure === undefined ? `replayed-${arrival.reason}` : 'replay-failed'
    const { failure, meant } = arrival
    const mayFallBack = meant.topology.role === 'replica' && policy.whenReplayUnavailable === 'primary'
    // Whatever it was replayed for, it needs the primary; a wait or a refusal here would only come to that again.
    if (failure !== undefined && mayFallBack) return goOnOnPrimary(visit, arrival.obstacle)
  }
  const onFirstWay = arrival === undefined || arrival.failure !== undefined
  if (onFirstWay && main.topology.role === 'replica' && policy.replaysBefore(request)) {
    return replayByMethod(policy, main, visit)
  }
  state.obstacle ??= declaredBodyObstacle(policy, request)
  if (visit.incoming.size === 0) return visit
  return arrival?.reason === 'stale'
    ? dropImpossible(policy, visit).then(() => freshen(policy, visit))
    : freshen(policy, visit)
}

function replayByMethod(policy: ResolvedPolicy, main: DatabaseReplication, visit: Visit): Visit | Promise<Visit> {
  const { request } = visit
  const { request: state } = visit.scope
  const conclude = (obstacle: ReplayUnavailableReason | undefined): Visit => {
    if (obstacle === undefined) {
      visit.why = 'method'
      visit.answer = replayAnswer(policy, main, 'method', request.method.toLowerCase())
      return visit
    }
    state.obstacle = obstacle
    if (policy.whenReplayUnavailable === 'error') return refuse(visit, new ReplayUnavailableError(obstacle))
    return goOnOnPrimary(visit, obstacle)
  }
  const unknown = Object.keys(main.router.target).length === 0 ? 'no-primary' : undefined
  const obstacle = state.obstacle ?? unknown ?? declaredBodyObstacle(policy, request)
  if (obstacle !== undefined || request.body === undefined) return conclude(obstacle)
  return request.body.measure(policy.maxReplayBody).then((fits) => conclude(fits ? undefined : 'body-too-large'))
}

function goOnOnPrimary(visit: Visit, obstacle: ReplayUnavailableReason): Visit {
  publish('fallback', { reason: obstacle })
  visit.why = obstacle
  visit.scope = { ...visit.scope, onPrimary: true }
  return visit
}

function refuse(visit: Visit, error: ReplayUnavailableError): Visit {
  visit.why = error.reason
  visit.answer = unavailableAnswer(error)
  return visit
}

function connectionObstacle(request: IncomingRequest): ReplayUnavailableReason | undefined {
  if (request.answerBegun) return 'response-begun'
  return request.header('upgrade') === undefined ? undefined : 'upgrade'
}

function declaredBodyObstacle(policy: ResolvedPolicy, request: IncomingRequest): ReplayUnavailableReason | undefined {
  const length = request.header('content-length')
  return length !== undefined && Number(length) > policy.maxReplayBody ? 'body-too-large' : undefined
}
