import type { Scope } from '@flyroute/core/adapter'
import { readError } from './refusal.ts'

// What the door is to know: where the app makes a failure of it, whatever its own error handling says, it is a 503.

/** The primary cannot be had, or was lost. */
export function noteUnreachable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined && (isUnavailable(error) || readError(error) === 'unavailable')) {
    scope.request.primaryUnreachable = error
  }
}

/** Something can be done neither here nor by a replay. */
export function noteUnavailable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined && isUnavailable(error)) scope.request.unavailable ??= error
}

function isUnavailable(error: unknown): error is NonNullable<Scope['request']['unavailable']> {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_REPLAY_UNAVAILABLE'
}
