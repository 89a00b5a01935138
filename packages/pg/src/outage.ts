import type { ReplayUnavailableError } from '@flyroute/core'
import type { Scope } from '@flyroute/core/adapter'
import { readError } from './refusal.ts'

// What the middleware is to know: where the app makes a failure of it, whatever its own error handling says, it is a 503.

/** The primary cannot be had, or was lost. */
export function noteUnreachable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined && (isUnavailable(error) || readError(error) === 'unavailable')) {
    scope.request.primaryUnreachable = error
  }
}

/** No connection to the primary could be had; that all of them are taken is no fault of the app's either, since it has few. */
export function noteNoConnection(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined && isExhausted(error)) scope.request.primaryUnreachable = error
  else noteUnreachable(scope, error)
}

/** The pool's own words for having no connection to give in time. */
export function isExhausted(error: unknown): boolean {
  return (error as { message?: unknown }).message === 'timeout exceeded when trying to connect'
}

function isUnavailable(error: unknown): error is ReplayUnavailableError {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_REPLAY_UNAVAILABLE'
}
