import type { Analysis } from '../classify/types.ts'
import type { Scope } from '../request/scope.ts'
import type { Freshness } from '../token.ts'
import { Action } from './action.ts'
import { decide } from './decide.ts'
import type { ConnectionGuard } from './guard.ts'
import { moves } from './on-replica.ts'

/** How often (ms) a connection asks its own server, where it is not the one that is asked for all. */
const pollMs = 5

/** How long (ms) a statement waits for the server to tell which routines there are. */
const catalogueMs = 2_000

/**
 * What `Action.wait` comes to: waits, bounded, until it is known what the statement calls, and until the very server of its connection is as
 * fresh as its scope needs it. Then it is sent here, or goes to the primary, or is refused.
 */
export async function whenReady<S>(
  guard: ConnectionGuard<S>,
  analysis: Analysis,
  text: string,
  scope: Scope | undefined,
  need: Freshness | undefined,
): Promise<Action> {
  let demand = need
  if (demand === undefined) {
    await guard.database.catalogue.answers(catalogueMs)
    const action = decide(guard, analysis, text, scope, true)
    if (action !== Action.wait) return action
    demand = guard.need
  }
  if (demand === undefined || scope === undefined) return Action.here
  const isFresh = await catchesUp(guard, demand, scope)
  if (scope.request.isReplayed) return Action.drop
  if (isFresh) return Action.here
  try {
    guard.database.replication.router.routeStaleRead(scope)
  } catch (refusal) {
    return guard.refuses(refusal)
  }
  return moves(guard, analysis, text, scope)
}

/** What is carried out a moment after it was decided: its request may have been answered with a replay in between. */
export function ifStillWanted(action: Action, scope: Scope | undefined): Action {
  return scope?.request.isReplayed ? Action.drop : action
}

async function catchesUp<S>(guard: ConnectionGuard<S>, need: Freshness, { request }: Scope): Promise<boolean> {
  const { replication, facts } = guard.database
  const { signal, waitTimeoutMs: timeoutMs } = request
  const isJob = request.kind === 'job'
  if (replication.servers.isProbed(guard.server))
    return replication.freshness.catchUp(need, { timeoutMs, signal, patient: isJob })
  // One name may lead to several replicas: only this connection can ask its own.
  const until = Date.now() + Math.min(timeoutMs, isJob ? timeoutMs : replication.prices.replayMs)
  for (;;) {
    try {
      await guard.identify()
    } catch (error) {
      // A server that is lost in the middle of it will not catch up.
      if (facts.readError(error) === 'unavailable') replication.prober.reportUnreachable(error)
      return false
    }
    if (replication.freshness.assess(need, guard.server) === 'fresh') return true
    if (Date.now() >= until || signal?.aborted) return false
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
