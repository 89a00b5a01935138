import type { RequestState } from '../request/state.ts'

/**
 * Registers a write that is on its way to a connection to the primary: from now on its request is not replayed.
 *
 * @param database its name
 * @returns what withdraws it, once that connection has registered its own, or it was not sent; undefined where the request is
 * going to be replayed: then it must not be sent
 */
export function registerIntent(request: RequestState, database: string): (() => void) | undefined {
  let isPending = request.beginWrite(database)
  if (!isPending) return undefined
  return () => {
    if (isPending) request.endWrite(database, 'unsent')
    isPending = false
  }
}
