import { ReplayUnavailableError } from '@flyroute/core'
import { isSubmittable, textOf } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { noteUnavailable } from './outage.ts'
import { isAboutRecovery, isServers, readError } from './refusal.ts'
import type { Statement } from './statement.ts'

/** Not an error for anybody: the statement is to be run once more, on the primary. */
export class Rerun {
  /** What the replica said. */
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

/**
 * What an error that a statement met on a replica is to the app: the driver's own, the one that asks for a replay, or the
 * word that the primary is to be asked. A replica has written nothing, so running there what failed here runs it once.
 *
 * @param canMove whether nothing had run in its transaction before it
 */
export function judgeFailure(guard: Guarded, statement: Statement, error: unknown, canMove: boolean): unknown {
  const word = guard.role === 'replica' ? readError(error) : undefined
  if (word === undefined) return error
  const { replication, classifier } = guard.database
  const { config, analysis, scope } = statement
  const { transaction } = guard.session
  if (word === 'refusal') {
    if (transaction?.readOnly && !isAboutRecovery(error)) return error
    classifier.learn(textOf(config) ?? '')
  }
  if (word === 'unavailable') {
    replication.prober.reportUnreachable(error)
    // A server that was promoted a moment ago may have run it before it was lost.
    if (analysis.access !== 'read' && !isServers(error)) return error
  }
  const movable = !isSubmittable(config) && canMove
  try {
    // A read that replay has cancelled is made once on the primary, in a request or not: that is nearer than a replay.
    if (word !== 'recovery-conflict' || transaction !== undefined || !movable) {
      const reason = word === 'refusal' ? 'refused' : 'unavailable'
      replication.router.toPrimary(reason, analysis.reason, scope, error)
    }
    if (movable) return new Rerun(error)
    if (word !== 'refusal') return error
    const obstacle = scope?.request.whyNotReplayable() ?? 'outside-request'
    throw new ReplayUnavailableError(obstacle, { detail: 'transaction', cause: error })
  } catch (refusal) {
    if (transaction !== undefined) transaction.refusal = refusal as Error
    noteUnavailable(scope, refusal)
    return refusal
  }
}
