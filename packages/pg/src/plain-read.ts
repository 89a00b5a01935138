import type { Analysis, Scope } from '@flyroute/core/adapter'
import type { QueryArgument } from './driver-types.ts'
import type { Single } from './statement.ts'

/**
 * A read of `pool.query` that asks for nothing in particular, as most do: on a replica that is well, nothing is left to
 * decide about it, and it goes the shortest way there is.
 */
export interface PlainRead extends Single {
  readonly config: QueryArgument
  readonly analysis: Analysis
}

/** Whether a statement of `pool.query` is one, as far as it can be said before there is a connection. */
export function isPlainRead(single: Single): single is PlainRead {
  const { analysis, scope } = single
  return analysis !== undefined && isOrdinary(analysis) && (scope === undefined || asksForNothing(scope))
}

function isOrdinary({ access, reason, several, transaction, prepared }: Analysis): boolean {
  return access === 'read' && reason === 'select' && !several && transaction === undefined && prepared === undefined
}

function asksForNothing({ needs, consistency, onPrimary, activity }: Scope): boolean {
  return needs.length === 0 && consistency !== 'monotonic' && !onPrimary && activity.written.size === 0
}
