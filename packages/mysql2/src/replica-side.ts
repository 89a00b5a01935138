import { setTimeout as sleep } from 'node:timers/promises'
import { ReplayUnavailableError, type ReplayUnavailableReason } from '@flyroute/core'
import { type Freshness, isOfReadOnlyTransaction, type Scope } from '@flyroute/core/adapter'
import type { Command, ResultHeader } from './driver-types.ts'
import { plainQuery } from './exchange.ts'
import type { Guard } from './guard.ts'
import { noteUnavailable } from './outage.ts'
import { readError } from './refusal.ts'
import { StandIn } from './stand-in.ts'
import type { Turn } from './turn.ts'

/** How often (ms) a connection asks its own server, where it is not the one that is asked for all. */
const pollMs = 5

/**
 * A connection to a replica: what writes is refused before a byte is sent, what the server refuses is translated, reads
 * wait until the server is as fresh as they need it; and where a request cannot be replayed, the primary stands in.
 */
export class ReplicaSide {
  readonly #guard: Guard
  #standIn: StandIn | undefined

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** Whether statements go to a connection to the primary at the moment. */
  get isElsewhere(): boolean {
    return this.#standIn !== undefined
  }

  begins(turn: Turn): boolean {
    if (this.#standIn !== undefined) {
      this.#standIn.run(turn)
      return false
    }
    const { analysis, scope } = turn
    const { database, session, server } = this.#guard
    const { transaction } = session
    if (scope?.consistency === 'monotonic') turn.holdEvents()
    // Nobody but us keeps such a user from writing here: what may write is not tried.
    const access = analysis.access === 'unknown' && server?.acceptsWrites ? 'write' : analysis.access
    if (transaction !== undefined) {
      if (transaction.refusal !== undefined) return this.#inAborted(turn, transaction.refusal)
      // It ends where it is; what has read something stays there; and what fails in a read-only one fails on the primary too,
      // but for a lock that succeeds here and protects nothing there, and what commits it.
      const ends = analysis.transaction !== undefined && analysis.transaction !== 'set'
      const stays = access !== 'write' && (transaction.used || ends)
      const passes = transaction.readOnly && !analysis.schema && analysis.reason !== 'advisory-lock'
      if (stays || passes) return true
    }
    const { replication } = database
    try {
      if (replication.router.route(access, analysis.reason, scope) === 'primary') return this.#toPrimary(turn)
    } catch (refusal) {
      this.#guard.suspectPromotion()
      return this.#refuse(turn, refusal)
    }
    const need = scope === undefined ? undefined : replication.freshness.need(scope)
    if (need === undefined || replication.freshness.assess(need, server) === 'fresh') return true
    this.#whenFresh(turn, need).catch((error: unknown) => this.#refuse(turn, error))
    return false
  }

  answered(turn: Turn, headers: readonly ResultHeader[]): boolean {
    const { session, database } = this.#guard
    session.ran(turn, headers.at(-1))
    const { scope } = turn
    const isRead = turn.kind !== 'prepare' && turn.analysis.transaction === undefined
    if (scope?.consistency !== 'monotonic' || !isRead) {
      turn.release()
      return true
    }
    // What the client has seen, it is to see again.
    turn.hold()
    const seen = async (): Promise<void> => {
      await this.#guard.learn(turn)
      const { server, greeting } = this.#guard
      if (server?.at === undefined) return
      const { cluster, epoch, at } = server
      const time = Math.max(0, Math.round(Date.now() + (greeting?.clockOffsetMs ?? 0)))
      database.replication.written.read(scope.request, { cluster, epoch, at, time })
    }
    seen()
      .catch((error: unknown) => database.replication.written.withoutPosition(error))
      .finally(() => {
        turn.release()
        turn.finish()
      })
    return false
  }

  failed(turn: Turn, error: unknown, isAnswer: boolean): void {
    const judged = this.#judge(turn, error, isAnswer)
    if (judged !== 'rerun' || turn.isGivenUp) {
      turn.deliver(judged)
      turn.finish()
    } else if (turn.execution !== undefined) {
      // It is lost as well, and goes elsewhere.
      turn.execution.isUnprepared = true
      turn.finish()
    } else if (isAnswer) this.#standInFor(turn).run(turn)
    else this.#runElsewhere(turn)
  }

  /** The session is reset. */
  forget(): void {
    this.#standIn?.leave()
    this.#standIn = undefined
  }

  /** Gives a connection back that stands in. */
  leave(): void {
    this.forget()
    const { session } = this.#guard
    if (session.transaction?.refusal === undefined) return
    // The next one to use the connection has nothing to do with it.
    session.transaction = undefined
    this.#guard.enqueue(plainQuery('rollback', () => undefined))
  }

  // --- what failed here ---------------------------------------------------------------------------------------------

  /**
   * What an error that a statement met on a replica is to the app: the driver's own, the one that asks for a replay, or the
   * word that the primary is to be asked. A replica has written nothing, so running there what failed here runs it once.
   */
  #judge({ analysis, scope, command, kind, wasSent, execution }: Turn, error: unknown, isAnswer: boolean): unknown {
    const word = readError(error)
    if (word === undefined) return error
    const { replication, classifier } = this.#guard.database
    const { transaction, isReadOnly } = this.#guard.session
    if (word === 'refusal') {
      const isOwn = transaction?.readOnly === true || isReadOnly
      if (isOwn && isOfReadOnlyTransaction(error)) return error
      classifier.learn(this.#guard.textOf(command))
      this.#guard.suspectPromotion()
    } else {
      if (this.#guard.side === 'local') replication.prober.reportUnreachable(error)
      // A server that was promoted a moment ago may have run it before it was lost.
      if (analysis.access !== 'read' && kind !== 'prepare' && wasSent && !isAnswer) return error
    }
    try {
      replication.router.toPrimary(word === 'refusal' ? 'refused' : 'unavailable', analysis.reason, scope, error)
      // Of what has begun to come, nobody can take back the beginning.
      const isWhole = (command._rows?.length ?? 0) === 0
      if (isWhole && (kind !== 'prepare' || (execution !== undefined && !isAnswer)) && this.#canMove()) return 'rerun'
      if (word !== 'refusal') return error
      throw new ReplayUnavailableError(obstacleOf(scope), { detail: 'transaction', cause: error })
    } catch (refusal) {
      if (transaction !== undefined) transaction.refusal = refusal as Error
      noteUnavailable(scope, refusal)
      return refusal
    }
  }

  // --- later, when this server is fresh enough ------------------------------------------------------------------------

  /** Waits until this very server is as fresh as the scope asks, then sends; or goes where it is fresh already. */
  async #whenFresh(turn: Turn, need: Freshness): Promise<void> {
    const { scope } = turn
    const isFresh = scope === undefined || (await this.#catchUp(turn, need, scope))
    // The connection may have been lost meanwhile, and the statement be under way elsewhere.
    if (turn.isOver) return
    if (isFresh) return turn.send()
    this.#guard.database.replication.router.routeStaleRead(scope)
    this.#toPrimary(turn)
  }

  async #catchUp(turn: Turn, need: Freshness, { request }: Scope): Promise<boolean> {
    const { replication } = this.#guard.database
    const { signal, waitTimeoutMs: timeoutMs } = request
    const isJob = request.kind === 'job'
    if (replication.servers.isProbed(this.#guard.server)) {
      return replication.freshness.catchUp(need, { timeoutMs, signal, patient: isJob })
    }
    // One name may lead to several replicas: only this connection can ask its own.
    const until = Date.now() + Math.min(timeoutMs, isJob ? timeoutMs : replication.replayCostMs)
    for (;;) {
      try {
        await this.#guard.learn(turn)
      } catch (error) {
        // A server that is lost in the middle of it will not catch up.
        if (readError(error) === 'unavailable') replication.prober.reportUnreachable(error)
        return false
      }
      if (replication.freshness.assess(need, this.#guard.server) === 'fresh') return true
      if (Date.now() >= until || signal?.aborted) return false
      await sleep(pollMs)
    }
  }

  // --- elsewhere ------------------------------------------------------------------------------------------------------

  #toPrimary(turn: Turn): boolean {
    if (this.#canMove()) {
      this.#standInFor(turn).run(turn)
      return false
    }
    // What it has read here cannot be read again elsewhere as if nothing had happened.
    return this.#refuse(turn, new ReplayUnavailableError(obstacleOf(turn.scope), { detail: 'transaction' }))
  }

  /** Whether what runs on this connection could as well run on another one: no transaction has read anything yet. */
  #canMove(): boolean {
    return this.#guard.session.transaction?.used !== true
  }

  #standInFor(turn: Turn): StandIn {
    const standIn = new StandIn(this.#guard, turn, () => {
      if (this.#standIn === standIn) this.#standIn = undefined
    })
    this.#standIn = standIn
    return standIn
  }

  /** The connection was lost with this turn: its command runs on one to the primary, and nothing else follows it there. */
  #runElsewhere(turn: Turn): void {
    const standIn = new StandIn(this.#guard, turn, () => undefined)
    standIn.run(turn)
  }

  // --- nowhere --------------------------------------------------------------------------------------------------------

  /** Rejects a statement without sending it; a transaction that it was part of is aborted. */
  #refuse(turn: Turn, error: unknown): boolean {
    const { transaction } = this.#guard.session
    if (transaction !== undefined) transaction.refusal = error as Error
    turn.fail(error)
    return false
  }

  /**
   * In a transaction with a refused statement, only its end passes: what comes behind it was written for a transaction in
   * which that statement has run.
   */
  #inAborted(turn: Turn, refusal: Error): boolean {
    const { analysis, command } = turn
    const { session } = this.#guard
    const control = analysis.several ? undefined : analysis.transaction
    if (control === 'rollback') return true
    if (control === 'rollback-to') {
      if (session.transaction !== undefined) session.transaction.refusal = undefined
      return true
    }
    if (control === 'commit') {
      rename(command, analysis.chain ? 'rollback and chain' : 'rollback')
      return true
    }
    turn.fail(refusal)
    return false
  }
}

function obstacleOf(scope: Scope | undefined): ReplayUnavailableReason {
  return scope?.request.whyNotReplayable() ?? 'outside-request'
}

/** Has a command say something else; an execution says what was prepared for it. */
function rename(command: Command, sql: string): void {
  command.sql = sql
  if (command.query === undefined) return
  command.query = sql
  command.options = { ...command.options, sql }
}
