import { type Analysis, asksForNothing, isPlainRead } from '@flyroute/core/adapter'
import type { QueryArgument } from './driver-types.ts'
import type { Single } from './statement.ts'

/** A statement of `pool.query` that is a plain read, and goes the shortest way there is. */
export interface PlainSingle extends Single {
  readonly config: QueryArgument
  readonly analysis: Analysis
}

/** Whether a statement of `pool.query` is one, as far as it can be said before there is a connection. */
export function isPlainSingle(single: Single): single is PlainSingle {
  const { analysis, scope } = single
  return analysis !== undefined && isPlainRead(analysis) && asksForNothing(scope)
}
