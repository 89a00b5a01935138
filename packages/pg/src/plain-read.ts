import { type Analysis, asksForNothing, isPlainRead } from '@flyroute/core/adapter'
import type { QueryArgument } from './driver-types.ts'
import type { PoolQuery } from './pool-query.ts'

/** A statement of `pool.query` that is a plain read, and goes the shortest way there is. */
export interface PlainPoolQuery extends PoolQuery {
  readonly config: QueryArgument
  readonly analysis: Analysis
}

/** Whether a statement of `pool.query` is one, as far as it can be said before there is a connection. */
export function isPlain(query: PoolQuery): query is PlainPoolQuery {
  const { analysis, scope } = query
  return analysis !== undefined && isPlainRead(analysis) && asksForNothing(scope)
}
