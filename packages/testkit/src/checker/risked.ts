import type { History } from './history.ts'

/**
 * For how long (ms) an acknowledged asynchronous commit may be nowhere but in its server's memory: three rounds of PostgreSQL's
 * WAL writer (`wal_writer_delay`, 200 ms; "the duration of the risk window"), and then the way of the log across the widest ocean.
 *
 * @see https://www.postgresql.org/docs/current/wal-async-commit.html
 */
const riskWindowMs = 3 * 200 + 190

/** The ids of asynchronous writes that were told of so shortly before a primary's death, or around it, that they may be gone. */
export function riskedWrites({ operations }: History, deaths: readonly number[]): ReadonlySet<string> {
  const risked = new Set<string>()
  for (const { begun, ended, steps } of operations) {
    if (!deaths.some((death) => begun <= death && ended >= death - riskWindowMs)) continue
    for (const step of steps) if (step.kind === 'write' && step.isAsynchronous) risked.add(step.id)
  }
  return risked
}
