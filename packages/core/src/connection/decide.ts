import type { Analysis } from '../classify/types.ts'
import type { Scope } from '../request/scope.ts'
import { Action, Effect } from './action.ts'
import type { ConnectionGuard } from './guard.ts'
import { whyNoSession } from './needs-session.ts'
import { decideOnPrimary } from './on-primary.ts'
import { decideOnReplica } from './on-replica.ts'

/**
 * Decides what becomes of a statement on a connection, and registers what it does to its request in the same step. Reads no
 * clock and no queue; what belongs to the answer stands in fields of the guard.
 *
 * @param hasWaited the catalogue was waited for: what it does not know now is taken for the worst
 */
export function decide<S>(
  guard: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
  hasWaited = false,
): Action {
  guard.effect = Effect.none
  if (guard.isReclaimed) return Action.drop
  if (scope?.request.isReplayed) {
    // What such a request holds is rolled back by us in any case.
    return analysis.transaction === 'rollback' && !analysis.several ? Action.here : Action.drop
  }
  if (guard.database.poolsTransactions) {
    const why = whyNoSession(analysis, text)
    if (why !== undefined) return guard.refuses(why)
  }
  if (guard.isDiverted) return Action.primary
  const { role } = guard
  guard.session.isOnReplica = role === 'replica'
  return role === 'primary'
    ? decideOnPrimary(guard, analysis, text, scope)
    : decideOnReplica(guard, analysis, text, scope, hasWaited)
}
