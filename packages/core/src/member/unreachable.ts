import type { DialectFacts } from '../dialect/facts.ts'
import { findReplayUnavailable } from '../errors/find.ts'
import type { Scope } from '../request/scope.ts'

/** The primary cannot be had, or was lost: where the app makes a failure of it, its request is answered 503. */
export function noteUnreachable(facts: DialectFacts, scope: Scope | undefined, error: unknown): void {
  if (scope === undefined) return
  if (facts.readError(error) === 'unavailable' || findReplayUnavailable(error) !== undefined) {
    scope.request.primaryUnreachable = error
  }
}

/** A statement can be done neither here nor by a replay. */
export function noteUnavailable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined) scope.request.unavailable ??= findReplayUnavailable(error)
}
