import type { Analysis } from '../classify/types.ts'
import type { GuardedDatabase } from '../connection/guard.ts'
import { mayWrite } from '../connection/on-primary.ts'
import { findReplayUnavailable } from '../errors/find.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { isOnlyServer } from '../replication/only-server.ts'
import { runInScope, type Scope } from '../request/scope.ts'

// Which server a connection that is checked out of a pool leads to, and what becomes of it where that one cannot be had.

/** The pool that a connection is asked of. */
export interface AskedPool {
  /** None is idle, and another one may be made. */
  isCold(): boolean
  /** Has one made, outside of all requests. */
  warm(): Promise<unknown>
}

/** The pools that have one made at the moment. */
const warming = new WeakSet<AskedPool>()

/**
 * A connection is asked for: one to a server in another region may have to be made first, which takes several round trips. Where a
 * replay is cheaper one is made all the same, for the requests to come.
 *
 * @param pool Default: what it has is not known
 * @throws PrimaryRequiredError where the request is replayed instead
 */
export function asksForConnection(
  { prices, router }: DatabaseReplication,
  scope: Scope | undefined,
  pool?: AskedPool,
): void {
  if (!prices.isFar || scope === undefined) return
  scope.request.crossings?.asks()
  if (pool?.isCold() !== true) return
  try {
    router.opens(scope)
  } catch (refusal) {
    if (!warming.has(pool)) warms(pool)
    throw refusal
  }
}

function warms(pool: AskedPool): void {
  warming.add(pool)
  void runInScope(undefined, () => pool.warm())
    .catch(() => undefined)
    .finally(() => warming.delete(pool))
}

/** Whether a scope uses the primary, whatever it does, and the local server is a replica. */
export function needsPrimary({ name, topology }: DatabaseReplication, scope: Scope | undefined): boolean {
  return topology.role === 'replica' && scope !== undefined && (scope.onPrimary || scope.request.hasWritten(name))
}

/** Whether the local server is a replica that is known to be out of reach. */
export function isOut({ prober, topology }: DatabaseReplication): boolean {
  return prober.isUnavailable && topology.role === 'replica'
}

/**
 * A statement of a pool is about to ask for a connection: what is refused without one costs none.
 *
 * @returns whether it runs on the primary in place of the local server
 * @throws PrimaryRequiredError where its request is replayed instead, and what says why that cannot be
 */
export function goesToPrimary(
  database: GuardedDatabase,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
): boolean {
  const { replication } = database
  const { access, reason } = analysis
  if (replication.topology.role === 'replica') {
    const isElsewhere = access === 'write' || isOut(replication) || needsPrimary(replication, scope)
    return isElsewhere && replication.router.route(access, reason, scope) === 'primary'
  }
  if (scope !== undefined && replication.reachesFar && mayWrite(database, analysis, text, scope)) {
    const crossing = { writes: true, begins: false, readOnly: false, isQueued: false, detail: reason }
    replication.router.crosses(scope, crossing)
  }
  return false
}

/**
 * The local server gives no connection, or has lost the one that a read was on: returns where the primary is to be used in its
 * place.
 *
 * @param isExhausted all connections of the pool are in use
 * @throws the error itself where it is the app's own, or what asks for a replay
 */
export async function insteadOfLocal(
  database: Pick<GuardedDatabase, 'facts' | 'replication'>,
  scope: Scope | undefined,
  error: unknown,
  isExhausted = false,
): Promise<void> {
  const { facts, replication } = database
  if (!isExhausted && facts.readError(error) !== 'unavailable') throw error
  if (replication.servers.expects === 'primary') {
    noteUnreachable(database, scope, error)
    throw error
  }
  // That all are in use is the app's own affair, unless they are because the replica hangs.
  if (isExhausted && (await answers(replication))) throw error
  replication.prober.reportUnreachable(error)
  replication.router.toPrimary('unavailable', undefined, scope, error)
}

/** Whether a request can be answered with a replay, and so does not need the primary from here. */
export function canReplay(scope: Scope | undefined): boolean {
  return scope !== undefined && !scope.onPrimary && scope.request.whyNotReplayable() === undefined
}

/**
 * What the app is told where a connection of its own, which cannot be another one, cannot be had: the driver's error, or the one
 * that asks for a replay.
 */
export function withoutConnection(
  database: Pick<GuardedDatabase, 'facts' | 'replication'>,
  scope: Scope | undefined,
  error: unknown,
): unknown {
  const { facts, replication } = database
  if (facts.readError(error) !== 'unavailable') return error
  if (replication.servers.expects === 'primary') {
    noteUnreachable(database, scope, error)
    return error
  }
  replication.prober.reportUnreachable(error)
  if (!canReplay(scope)) return error
  try {
    replication.router.toPrimary('unavailable', undefined, scope, error)
    return error
  } catch (required) {
    return required
  }
}

/**
 * The primary cannot be had, or was lost: where the app makes a failure of it, its request is answered 503. Another server may
 * have taken over from it, perhaps the local one, so that is asked for its role.
 *
 * @param isExhausted no connection was free in time: of the few there are, that is no fault of the app's either
 */
export function noteUnreachable(
  database: Pick<GuardedDatabase, 'facts' | 'replication'>,
  scope: Scope | undefined,
  error: unknown,
  isExhausted = false,
): void {
  const isLost = database.facts.readError(error) === 'unavailable'
  if (isLost && !isOnlyServer(database)) database.replication.prober.recheckRole()
  if (scope === undefined) return
  if (isLost || isExhausted || findReplayUnavailable(error) !== undefined) scope.request.primaryUnreachable = error
}

/** A statement can be done neither here nor by a replay. */
export function noteUnavailable(scope: Scope | undefined, error: unknown): void {
  if (scope !== undefined) scope.request.unavailable ??= findReplayUnavailable(error)
}

function answers({ prober }: DatabaseReplication): Promise<boolean> {
  return prober.probe().then(
    () => true,
    () => false,
  )
}
