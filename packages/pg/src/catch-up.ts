import type { Freshness, Scope } from '@flyroute/core/adapter'
import type { Guarded } from './guarded.ts'
import { readError } from './refusal.ts'

/** How often (ms) a connection asks its own server, where it is not the one that is asked for all. */
const pollMs = 5

/** Waits, bounded, until the very server of this connection is as fresh as the scope needs it. */
export async function catchUp(guard: Guarded, need: Freshness, { request }: Scope): Promise<boolean> {
  const { replication } = guard.database
  const { signal, waitTimeoutMs: timeoutMs } = request
  const isJob = request.kind === 'job'
  if (replication.servers.isProbed(guard.server))
    return replication.freshness.catchUp(need, { timeoutMs, signal, patient: isJob })
  // One name may lead to several replicas: only this connection can ask its own.
  const until = Date.now() + Math.min(timeoutMs, isJob ? timeoutMs : replication.replayCostMs)
  for (;;) {
    try {
      await guard.greet()
    } catch (error) {
      // A server that is lost in the middle of it will not catch up.
      if (readError(error) === 'unavailable') replication.prober.reportUnreachable(error)
      return false
    }
    if (replication.freshness.assess(need, guard.server) === 'fresh') return true
    if (Date.now() >= until || signal?.aborted) return false
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
