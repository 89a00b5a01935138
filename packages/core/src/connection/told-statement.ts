import { currentTraffic } from '../advice/slot.ts'
import type { Analysis, Dialect } from '../classify/types.ts'
import { errorCode, isHeard, tellSubscribers } from '../events.ts'
import type { DatabaseReplication } from '../replication/database.ts'

/** A statement that has come back from a server. */
export interface ToldStatement {
  readonly dialect: Dialect
  /** It went to the primary in place of the server that reads use. */
  readonly onPrimary: boolean
  readonly analysis: Pick<Analysis, 'access' | 'reason'>
  /** As `sentNow` has said, and not 0. */
  readonly sentAt: number
  /** What it has failed with; undefined or null for an answer. */
  readonly error?: unknown
}

/**
 * A statement is about to be sent.
 *
 * @returns when, by `performance.now()`; 0 where no subscriber asks for statements, and none are counted: then nothing is to be told of it
 */
export function sentNow(): number {
  return isHeard('statement') || currentTraffic() !== undefined ? performance.now() : 0
}

/** A statement that was sent has been answered, or has failed. */
export function tellStatement({ name, prices }: DatabaseReplication, told: ToldStatement): void {
  if (!isHeard('statement')) return
  const { dialect, onPrimary, analysis, sentAt, error } = told
  tellSubscribers('statement', {
    database: name,
    dialect,
    server: onPrimary ? 'primary' : prices.isFar ? 'far' : 'local',
    access: analysis.access,
    reason: analysis.reason,
    durationMs: performance.now() - sentAt,
    code: error === undefined || error === null ? undefined : (errorCode(error) ?? 'error'),
  })
}
