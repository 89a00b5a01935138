import { neverSettles } from '@flyroute/core/adapter'
import type { BareClient, Submittable } from './driver-types.ts'
import { isOwnQuestion } from './own-question.ts'

/** The driver is about to tell all queries on a connection of its loss: the app's hear nothing, and wait for ever. */
export function dropQueries(client: BareClient, database: string): void {
  const { _activeQuery: active, _queryQueue: queue = [], _sentQueryQueue: sent = [] } = client
  for (const query of [active, ...sent, ...queue] as (Submittable | null | undefined)[]) {
    if (!query || isOwnQuestion(query)) continue
    void neverSettles(database)
    query.handleError = () => undefined
  }
}
