import type { Analysis } from '../classify/types.ts'
import { ReplayUnavailableError } from '../errors.ts'
import type { Scope } from '../request/scope.ts'
import { inAborted } from './aborted.ts'
import { Action } from './action.ts'
import type { ConnectionGuard } from './guard.ts'
import { crossing, mayWrite } from './on-primary.ts'

/**
 * On a replica what writes is refused before a byte is sent, or goes to the primary where its request cannot be replayed; reads
 * wait until the server is as fresh as they need it.
 */
export function decideOnReplica<S>(
  guard: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
  hasWaited: boolean,
): Action {
  const { database, session, server, side } = guard
  const { replication } = database
  // A connection to the primary that has become one to a replica: there is nowhere else to go.
  if (side === 'primary') return guard.refuses(new ReplayUnavailableError('no-primary'))
  if (server !== undefined && replication.servers.mustLeave(server)) return toPrimary(guard, analysis, text, scope)
  const isUnknown = analysis.access !== 'write' && database.catalogue.isNotKnownYet(analysis, text)
  const access = isUnknown && hasWaited ? 'write' : accessOnReplica(guard, analysis, text)
  const { transaction } = session
  if (transaction !== undefined) {
    if (transaction.refusal !== undefined) return inAborted(guard, analysis)
    // Its server refuses all but its end: elsewhere it would begin anew, as if nothing had failed.
    if (session.isFailed) return Action.here
  }
  guard.need = undefined
  // What it calls is about to be known.
  if (isUnknown && !hasWaited) return Action.wait
  if (transaction !== undefined) {
    // It ends where it is; and what has read something stays there.
    const ends = analysis.transaction !== undefined && analysis.transaction !== 'set'
    if (access !== 'write' && (transaction.used || ends)) {
      // What its request has written elsewhere since then would be missing, and it cannot go there any more.
      const isMissed = !ends && !transaction.isSnapshot && scope?.request.hasWritten(replication.name)
      return isMissed ? guard.refuses(staysHere(guard, scope, 'transaction')) : Action.here
    }
    // What fails in a read-only one fails on the primary too, but for what commits it, and for a lock that succeeds here and
    // protects nothing there.
    const commits = analysis.schema && database.facts.language === 'mysql'
    if (transaction.readOnly && !commits && analysis.reason !== 'advisory-lock') return Action.here
  }
  try {
    if (replication.router.route(access, analysis.reason, scope) === 'primary')
      return moves(guard, analysis, text, scope)
    if (scope !== undefined && guard.isFar) replication.router.crosses(scope, crossing(guard, analysis, false))
  } catch (refusal) {
    return guard.refuses(refusal)
  }
  const need = scope === undefined ? undefined : replication.freshness.need(scope)
  if (need === undefined || replication.freshness.assess(need, server) === 'fresh') return Action.here
  guard.need = need
  return Action.wait
}

/** What a statement counts as here. */
function accessOnReplica<S>(
  { database, server }: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
): Analysis['access'] {
  const { access } = analysis
  if (access === 'write') return access
  // Only this guard keeps such a user from writing here: what may write is not tried.
  if (access === 'unknown' && server?.acceptsWrites) return 'write'
  // It would be a transaction in the replica's own log, which no other server has.
  if (server?.logsTemporaryTables && analysis.reason === 'temporary-table') return 'write'
  // A routine that catches the refusal would answer as if all were well.
  return database.catalogue.mayHideRefusal(analysis, text) ? 'write' : access
}

function toPrimary<S>(guard: ConnectionGuard<S>, analysis: Analysis, text: string, scope: Scope | undefined): Action {
  try {
    guard.database.replication.router.toPrimary('unavailable', analysis.reason, scope)
  } catch (refusal) {
    return guard.refuses(refusal)
  }
  return moves(guard, analysis, text, scope)
}

/** Its place is the primary, and it does not go by a replay: the session has to go along. */
export function moves<S>(
  guard: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
): Action {
  const { session, database } = guard
  // What was refused once is not forgotten by a reset: the rest was written for a session that has it.
  if (guard.refused !== undefined) return guard.refuses(guard.refused)
  if (!session.canMove) {
    // Nothing was lost by a rule of ours.
    if (guard.wire.isLost) return Action.here
    return guard.refuses(staysHere(guard, scope, session.residue === undefined ? 'transaction' : 'session'))
  }
  if (scope !== undefined && mayWrite(database, analysis, text, scope) && !guard.registersIntent(scope.request)) {
    return guard.refuses(scope.request.whyNoWrite)
  }
  return Action.primary
}

/** What was done on this connection stays on its server, and what is to be done now cannot be done there: nor does anything after it. */
export function staysHere<S>(
  guard: ConnectionGuard<S>,
  scope: Scope | undefined,
  detail: string,
  cause?: unknown,
): Error {
  const obstacle = scope?.request.whyNotReplayable() ?? 'outside-request'
  const refusal = new ReplayUnavailableError(obstacle, { detail, ...(cause === undefined ? {} : { cause }) })
  if (guard.isLent) guard.refused = refusal
  return refusal
}
