import type { GuardedDatabase } from '../connection/guard.ts'
import { findReplayUnavailable } from '../errors/find.ts'
import { isOnlyServer } from '../replication/only-server.ts'
import type { Scope } from '../request/scope.ts'

/**
 * The primary cannot be had, or was lost: where the app makes a failure of it, its request is answered 503. Another server may
 * have taken over from it, perhaps the local one, so that is asked for its role.
 *
 * @param isExhausted no connection was free in time: of the few there are, that is no fault of the app's either
 */
export function noteUnreachable(
  database: Pick<GuardedDatabase, 'facts' | 'replication'>,
  scope: Scope | undefined,
  error: unknown,
  isExhausted = false,
): void {
  const isLost = database.facts.readError(error) === 'unavailable'
  if (isLost && !isOnlyServer(database)) database.replication.prober.recheckRole()
  if (scope === undefined) return
  if (isLost || isExhausted || findReplayUnavailable(error) !== undefined) scope.request.primaryUnreachable = error
}

/** A statement can be done neither here nor by a replay. */
export function noteUnavailable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined) scope.request.unavailable ??= findReplayUnavailable(error)
}
