import type { Analysis } from '../classify/index.ts'
import type { Scope } from '../request/scope.ts'
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
  const { database, session, server, side } = guard
  const { replication } = database
  if (server !== undefined && session.transaction === undefined) {
    if (replication.servers.mustLeave(server)) return guard.refusesStale()
    const need = scope === undefined ? undefined : replication.freshness.need(scope)
    if (need !== undefined && replication.freshness.assess(need, server) === 'stale-primary')
      return guard.refusesStale()
  }
  if (scope === undefined) return Action.here
  const writes = mayWrite(database, analysis, text, scope)
  const { transaction: control } = analysis
  // This connection may have been given out for reads, because the replica could not be reached.
  if (side === 'primary' && writes && control === undefined && replication.topology.role === 'replica') {
    try {
      replication.router.route('write', analysis.reason, scope)
    } catch (refusal) {
      return guard.refuses(refusal)
    }
  }
  const effect = guard.writes.begins(analysis, scope, writes)
  if (effect === undefined) return guard.refuses(scope.request.refusal)
  guard.effect = effect
  return Action.here
}

/** Whether a statement may write where no replica would keep it from that. */
export function mayWrite(
  { catalogue }: Pick<GuardedDatabase, 'catalogue'>,
  analysis: Analysis,
  text: string,
  { request }: Scope,
): boolean {
  if (analysis.access !== 'read' || request.captureAfterEveryStatement) return true
  return catalogue.mayWrite(analysis, text)
}
