import type { Analysis } from '../classify/types.ts'
import { ConfigurationError } from '../errors.ts'
import type { Scope } from '../request/scope.ts'
import { Action, Effect } from './action.ts'
import type { ConnectionGuard } from './guard.ts'
import { decideOnPrimary } from './on-primary.ts'
import { decideOnReplica } from './on-replica.ts'

const goneBack =
  'This connection was checked out by a request that was replayed, and has gone back to its pool; check out outside of requests what they share'

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
  // Another request uses it as well, and waits for an answer.
  if (guard.isReclaimed && scope?.request.isReplayed === false) return guard.refuses(new TypeError(goneBack))
  if (guard.isReclaimed) return Action.drop
  if (scope?.request.isReplayed) {
    // What such a request holds is rolled back by us in any case.
    return analysis.transaction === 'rollback' && !analysis.several ? Action.here : Action.drop
  }
  if (guard.database.poolsTransactions && analysis.needsSession) return guard.refuses(noSession(analysis))
  if (guard.isDiverted) return Action.primary
  const { role } = guard
  guard.session.isOnReplica = role === 'replica'
  return role === 'primary'
    ? decideOnPrimary(guard, analysis, text, scope)
    : decideOnReplica(guard, analysis, text, scope, hasWaited)
}

/**
 * Why a statement is not sent to a pooler in transaction mode, where another client would have what it leaves. Settings are not meant:
 * some a pooler keeps by itself, and each ORM makes those it can do without.
 */
function noSession({ reason }: Analysis): ConfigurationError {
  const message = `says that connections keep no session, and this statement (${reason}) needs one`
  const remedy =
    "run it on a connection that leads around the pooler, such as that of a pool with 'databaseUrl: migrationUrl()'"
  return new ConfigurationError([{ setting: 'pooler', message, remedy }])
}
