import { publish } from '../events.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { Crossings } from '../request/crossings.ts'
import type { ResolvedPolicy } from './options.ts'
import type { RequestVisit } from './visit.ts'

/** For so long (ms) nothing is replayed that can be served from here, after a replay has come back: no machine may be there. */
const lonelyMs = 30_000

/**
 * The database whose reads cross an ocean from here; undefined where all have a server near, or where the primaries are in several
 * regions, so that what one of them saves another one costs.
 */
export function farDatabase(databases: readonly DatabaseReplication[]): DatabaseReplication | undefined {
  const far = databases.find(({ prices }) => prices.isFar)
  if (far === undefined || databases.length === 1) return far
  const { primaryRegion } = far.topology
  return databases.every(({ topology }) => topology.primaryRegion === primaryRegion) ? far : undefined
}

/**
 * Decides ahead of the handler, and has what its request needs counted where that is to be learned.
 *
 * @returns why it is to be replayed; undefined where its handler runs here
 */
export function whyAhead(
  policy: ResolvedPolicy,
  far: DatabaseReplication,
  visit: RequestVisit,
): 'write' | 'distance' | undefined {
  const { request, scope } = visit
  const placement = policy.placement(request)
  visit.far = far
  if (placement !== 'learn') return placement === 'replay' ? 'distance' : undefined
  const { routes } = policy
  const { method, path } = request
  const habit = routes.find(method, path)
  const isCheaper = habit !== undefined && far.prices.replayMs < habit.crossings * far.prices.crossingMs
  if (isCheaper && !habit.isOnTrial && scope.request.whyNotReplayable() === undefined) {
    habit.replays()
    return habit.writes ? 'write' : 'distance'
  }
  if (isCheaper) habit.tries()
  scope.request.crossings = new Crossings(isCheaper ? 0 : (habit?.crossings ?? 0))
  return undefined
}

/** An answer is about to leave, of the handler or a replay: what its request has needed is learned. */
export function learnPlacement({ routes }: ResolvedPolicy, { scope, request, far }: RequestVisit): void {
  const { crossings } = scope.request
  if (crossings === undefined || far === undefined) return
  const { needed, openingMs } = crossings
  const { crossingMs, replayMs } = far.prices
  const priceMs = needed * crossingMs
  const reason = scope.request.refusal?.reason
  const writes = reason === 'write' || reason === 'refused'
  routes.learn(request.method, request.path, { crossings: needed, isDear: replayMs < priceMs, writes })
  const choice = reason === undefined ? 'direct' : 'replay'
  publish('placement', { database: far.name, choice, crossings: needed, directMs: priceMs + openingMs, replayMs })
}

/** A replay has come back. */
export function replayFailed(policy: ResolvedPolicy, database: DatabaseReplication): void {
  if (database.reachesFar) policy.lonely.until = performance.now() + lonelyMs
}

/** Whether a replay has come back a moment ago, and the primary can be reached without one. */
export function isLonely({ lonely }: ResolvedPolicy, database: DatabaseReplication): boolean {
  return database.reachesFar && performance.now() < lonely.until
}
