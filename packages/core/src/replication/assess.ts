import { hasReached, type Position, type PositionAlgebra, type ServerInstance } from '../position.ts'
import type { Freshness } from '../token.ts'

/**
 * What is known, without asking, of a server and a reader's need:
 * - `fresh`: the server has all that the reader must see;
 * - `likely`: a replica that is not known to be behind, and whose read finds out by itself;
 * - `behind`: not there yet, or nothing is known: it has to be asked, waited for, or left for the primary;
 * - `stale-primary`: it calls itself primary, and another one has taken over from it. It must not answer;
 * - `impossible`: a primary has never given this position, and never will: it is forged, or of another cluster.
 */
export type Assessment = 'fresh' | 'likely' | 'behind' | 'stale-primary' | 'impossible'

/** What an assessment rests on, beside the need and the server. */
export interface Knowledge {
  readonly algebra: PositionAlgebra
  /** The furthest position that this process has written. */
  readonly furthestWritten: Position | undefined
  /** Whether another primary has been seen that took over from this server. */
  isDeposed(server: ServerInstance): boolean
  /** Whether a read may be sent together with the question how far the replica has come. */
  isLikely(need: Position): boolean
}

/**
 * The one answer to "may this server answer this reader?".
 *
 * @param need what the reader must see; undefined where anything will do
 * @param isCurrent the server was asked after the need came up, so that what it has not reached now it did not have: only then a
 *   primary can tell that a position is impossible
 */
export function assess(
  need: Freshness | undefined,
  server: ServerInstance | undefined,
  known: Knowledge,
  isCurrent = false,
): Assessment {
  if (server === undefined)
    return need !== undefined && 'until' in need && Date.now() >= need.until ? 'fresh' : 'behind'
  return server.role === 'primary' ? ofPrimary(need, server, known, isCurrent) : ofReplica(need, server, known)
}

function ofReplica(need: Freshness | undefined, server: ServerInstance, known: Knowledge): Assessment {
  if (need === undefined) return 'fresh'
  if ('until' in need) return Date.now() >= need.until ? 'fresh' : 'behind'
  if (hasReached(server, need, known.algebra)) return 'fresh'
  const isComparable = server.cluster === need.cluster && server.epoch >= need.epoch
  return isComparable && known.isLikely(need) ? 'likely' : 'behind'
}

function ofPrimary(
  need: Freshness | undefined,
  server: ServerInstance,
  known: Knowledge,
  isCurrent: boolean,
): Assessment {
  if (known.isDeposed(server)) return 'stale-primary'
  if (need === undefined || 'until' in need) return 'fresh'
  const { algebra, furthestWritten: own } = known
  const { at, source } = server
  // A server that does not say where it stands cannot say of a position that it is not its own.
  if (server.cluster !== need.cluster) return at === undefined ? 'fresh' : 'impossible'
  if (server.epoch < need.epoch) return 'stale-primary'
  if (hasReached(server, need, algebra)) return 'fresh'
  if (at !== undefined && algebra.isOvertaken?.({ at, source }, need.at)) return 'stale-primary'
  if (own?.cluster === need.cluster && algebra.covers(own.at, need.at)) return 'fresh'
  // What is known may be old. With epochs it is this primary that has written the rest; without, another one may have: ask it.
  if (!isCurrent) return hasEpochs(algebra) ? 'fresh' : 'behind'
  // What lay beyond the switch to a newer epoch is lost: there is nothing to wait for.
  return at === undefined || server.epoch > need.epoch ? 'fresh' : 'impossible'
}

/** Whether epochs tell one primary from the next; else the positions themselves do. */
function hasEpochs(algebra: PositionAlgebra): boolean {
  return algebra.isOvertaken === undefined
}
