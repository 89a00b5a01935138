import { Effect, interpretError, rollbackFor } from '@flyroute/core/adapter'
import type { Command } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import type { GuardedCommand } from './guarded-command.ts'

/** What becomes of commands on a replica, beside what core decides. */
export class OnReplica {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  begins(guarded: GuardedCommand): boolean {
    if (guarded.scope?.consistency === 'monotonic') guarded.holdEvents()
    return true
  }

  answered(guarded: GuardedCommand): boolean {
    const { scope, kind, analysis } = guarded
    const isRead = (kind === 'query' || kind === 'execute') && analysis.transaction === undefined
    if (scope?.consistency !== 'monotonic' || !isRead) {
      guarded.release()
      return true
    }
    // What the client has seen, it is to see again.
    guarded.hold()
    void this.#connection.sees(guarded, scope.request).finally(() => {
      guarded.release()
      guarded.finish()
    })
    return false
  }

  failed(guarded: GuardedCommand, error: unknown, isAnswer: boolean): void {
    const { guard } = this.#connection
    const verdict = this.#interpret(guarded, error, isAnswer)
    if (verdict === 'drop') return guarded.drop(this.#connection.database.replication.name)
    if (verdict !== 'rerun' || guarded.isGivenUp) {
      guarded.deliver(verdict === 'pass' || verdict === 'rerun' ? error : verdict)
      guarded.finish()
      return
    }
    if (guarded.before !== undefined) guard.session.returnTo(guarded.before)
    guarded.effect = Effect.none
    if (guarded.execution !== undefined) {
      // It is lost as well, and goes elsewhere.
      guarded.execution.isUnprepared = true
      guarded.finish()
    } else this.#connection.runOnPrimary(guarded)
  }

  #interpret(guarded: GuardedCommand, error: unknown, isAnswer: boolean): ReturnType<typeof interpretError> {
    const { analysis, scope, command, kind, wasSent, execution } = guarded
    const { guard } = this.#connection
    const isPreparation = kind === 'prepare'
    // Of what has begun to come, the beginning cannot be taken back.
    const isWhole = (command._rows?.length ?? 0) === 0
    const isRepeated = !isPreparation || (execution !== undefined && !isAnswer)
    return interpretError(guard, {
      analysis,
      text: this.#connection.textOf(command),
      scope,
      error,
      wasSent: wasSent && !isPreparation,
      // One that was not sent yet would go as the session is now.
      canMove: isWhole && isRepeated && (guarded.before === undefined ? guard.session : guarded).canMove,
    })
  }

  /** The COMMIT of a transaction in which a statement was refused is a ROLLBACK. */
  rollsBack({ command, analysis }: GuardedCommand): boolean {
    rename(command, rollbackFor(analysis))
    return true
  }
}

/** Has a command say something else; an execution says what was prepared for it. */
function rename(command: Command, sql: string): void {
  command.sql = sql
  if (command.query === undefined) return
  command.query = sql
  command.options = { ...command.options, sql }
}
