import type { Analysis } from '../classify/types.ts'
import type { Crossing } from '../replication/route.ts'
import type { Scope } from '../request/scope.ts'
import { inAborted } from './aborted.ts'
import { Action } from './action.ts'
import type { ConnectionGuard, GuardedDatabase } from './guard.ts'

/**
 * On a primary everything is sent as it is, unless the server must not be used, or the statement could be replayed instead of
 * written from far away. Whatever is not known to read counts as a write: a call of a function that writes would run twice.
 */
export function decideOnPrimary<S>(
  guard: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
): Action {
  const { database, side } = guard
  const { replication } = database
  const { transaction: control, several } = analysis
  // Nothing is written by giving up.
  if (!(control === 'rollback' && !several) && isStale(guard, scope)) return guard.refusesStale()
  // Noted ahead: some drivers give a connection back before they tell the answer.
  if (analysis.needsSession && analysis.leaves === 'something') guard.session.mayHold = true
  const { transaction } = guard.session
  if (transaction?.refusal !== undefined) {
    const action = inAborted(guard, analysis)
    if (action === Action.rollback) guard.writes.endsTransaction(transaction, 'failed')
    if (action !== Action.here) return action
  }
  if (scope === undefined) return Action.here
  // A transaction whose beginning was refused has no end to wait for.
  const { refusal } = scope.request
  if (guard.isFar && control === 'rollback' && !several && transaction === undefined && refusal !== undefined)
    return guard.refuses(refusal)
  const writes = mayWrite(database, analysis, text, scope)
  if (guard.isFar && replication.reachesFar && (control === undefined || control === 'begin' || several)) {
    try {
      replication.router.crosses(scope, crossing(guard, analysis, writes))
    } catch (refusal) {
      return guard.refuses(refusal)
    }
  }
  // This connection may have been given out for reads, because the replica could not be reached.
  const isForReads = side === 'primary' && control === undefined && replication.topology.role === 'replica'
  if (isForReads && callsForPrimary(database, analysis, text, scope)) {
    try {
      replication.router.route('write', analysis.reason, scope)
    } catch (refusal) {
      return guard.refuses(refusal)
    }
  }
  const effect = guard.writes.begins(analysis, scope, writes)
  if (effect === undefined) return guard.refuses(scope.request.whyNoWrite)
  guard.effect = effect
  return Action.here
}

/** What a statement is that goes from here to another region. */
export function crossing<S>({ wire }: ConnectionGuard<S>, analysis: Analysis, writes: boolean): Crossing {
  const { transaction, readOnly = false, reason: detail } = analysis
  return { writes, begins: transaction === 'begin', readOnly, isQueued: wire.isQueued === true, detail }
}

/**
 * Whether another primary has taken over from this one: then its reads are old, and its writes are lost, in a transaction as well.
 * What the request itself has written tells that as what its client has seen does: half of it on either side would be worse than
 * an error.
 */
function isStale<S>(guard: ConnectionGuard<S>, scope: Scope | undefined): boolean {
  const { server, database } = guard
  if (server === undefined) return false
  const { servers, freshness, written, name } = database.replication
  if (servers.mustLeave(server)) return true
  if (scope === undefined) return false
  const need = freshness.need(scope)
  if (need !== undefined && freshness.assess(need, server) === 'stale-primary') return true
  const own = scope.request.positionOf(name)
  if (own === undefined) return false
  if (written.isElsewhere(own, server)) return true
  if (own === guard.compared) return false
  if (freshness.assess(own, server) === 'stale-primary') return true
  guard.compared = own
  return false
}

/** Whether a statement may write where no replica would keep it from that. */
export function mayWrite(
  database: Pick<GuardedDatabase, 'catalogue'>,
  analysis: Analysis,
  text: string,
  scope: Scope,
): boolean {
  return callsForPrimary(database, analysis, text, scope) || database.catalogue.mayBeView(analysis, text)
}

/** The same, but for what would be a view that writes: it is no reason to leave a place where it may run. */
function callsForPrimary(
  { catalogue }: Pick<GuardedDatabase, 'catalogue'>,
  analysis: Analysis,
  text: string,
  { request }: Scope,
): boolean {
  return analysis.access !== 'read' || request.captureAfterEveryStatement || catalogue.mayWrite(analysis, text)
}
