import type { Freshness, Scope } from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'

/** How long (ms) a statement waits for a replica that is behind: in a request, and in a job that nobody waits for. */
const requestWaitMs = 1_000
const jobWaitMs = 5_000
/** How often (ms) a connection asks its own server, where it is not the one that is asked for all. */
const pollMs = 5

/** Waits, bounded, until the very server of this connection is as fresh as the scope needs it. */
export async function catchUp(guard: Guarded, need: Freshness, scope: Scope | undefined): Promise<boolean> {
  const { replication } = guard.database
  const isJob = scope?.activity.kind === 'job'
  const timeoutMs = isJob ? jobWaitMs : requestWaitMs
  const { signal } = scope?.activity ?? {}
  if (replication.observes(guard.server)) return replication.catchUp(need, { timeoutMs, signal, patient: isJob })
  // One name may lead to several replicas: only this connection can ask its own.
  const until = Date.now() + Math.min(timeoutMs, isJob ? timeoutMs : replication.replayCostMs)
  for (;;) {
    await guard.greet()
    if (replication.isFresh(guard.server, need)) return true
    if (Date.now() >= until || signal?.aborted) return false
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
