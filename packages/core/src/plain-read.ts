import type { Analysis } from './classify/types.ts'
import type { Scope } from './request/scope.ts'

// Most statements are plain reads in a scope that asks for nothing: on a replica that is well, nothing is left to decide about
// them, and adapters have a short way for them.

/** Whether a statement reads, and nothing else: it neither changes the session nor depends on what was prepared in it. */
export function isPlainRead({ access, reason, several, transaction, prepared, leaves }: Analysis): boolean {
  if (access !== 'read' || reason !== 'select' || leaves !== 'nothing') return false
  return !several && transaction === undefined && prepared === undefined
}

/** Whether any replica will do for the reads of a scope, however far it is behind: not for what a replayed request still does. */
export function asksForNothing(scope: Scope | undefined): boolean {
  if (scope === undefined) return true
  const { needs, consistency, onPrimary, request } = scope
  return needs.length === 0 && consistency !== 'monotonic' && !onPrimary && request.readsAnywhere
}
