import type { Figures } from './figures.ts'
import { failureReason, replayReason, requestReason } from './known.ts'
import { Sample } from './sample.ts'
import type { Listeners } from './subscriptions.ts'

/** Names of database systems in the semantic conventions. MariaDB answers to the name that its clients know. */
const systems = { postgres: 'postgresql', mysql: 'mysql', sqlite: 'sqlite' } as const

/** What is counted of which event. */
export function metricsOf(figures: Figures): Listeners {
  const { statements, operations, available } = figures
  const sample = new Sample()
  return {
    statement({ dialect, server, access, reason, durationMs, code }) {
      statements.add(server, access, reason)
      if (sample.takes()) operations.record(durationMs, systems[dialect], server, code)
    },
    write({ access, detail, sentTo }) {
      // What goes to the primary is told as a statement once it is back.
      if (sentTo === 'nowhere') statements.add(sentTo, access, detail)
    },
    request: ({ outcome, reason }) => figures.requests.add(outcome, requestReason(reason)),
    replay({ reason, from = 'unknown', target, priceMs }) {
      figures.replays.add(replayReason(reason), from, target)
      figures.replayCost.record(priceMs)
    },
    arrival({ failure }) {
      if (failure !== undefined) figures.failedReplays.add(failureReason(failure))
    },
    wait: ({ waitedMs, reached }) => figures.waits.record(waitedMs, String(reached)),
    waiting: ({ database, requests }) => figures.waiting.tell(database, requests),
    lag({ database, lagSeconds, lagBytes, lastContactSeconds }) {
      figures.lag.tell(database, lagSeconds)
      figures.lagBytes.tell(database, lagBytes)
      figures.lastContact.tell(database, lastContactSeconds)
    },
    connected({ database, role }) {
      if (role === 'replica') available.tell(database, 1)
    },
    'replica-available': ({ database }) => available.tell(database, 1),
    'replica-unavailable': ({ database }) => available.tell(database, 0),
    'role-mismatch'({ database, expected, found, moves = false }) {
      // Told as well when it is over, and of databases that say themselves where their primary is.
      if (expected !== found && !moves) figures.roleMismatches.add(database)
    },
    'token-missed': ({ database }) => figures.missedTokens.add(database),
  }
}
