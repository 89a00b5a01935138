import { isInside } from '../classify/notes.ts'
import type { Analysis } from '../classify/types.ts'
import type { Position } from '../position.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import type { Scope } from '../request/scope.ts'
import type { RequestState, WriteOutcome } from '../request/state.ts'
import { Effect } from './action.ts'
import type { Session } from './session.ts'
import type { Transaction } from './transaction.ts'

/**
 * The bookkeeping of what is written on one connection to a primary. A write is registered with its request before it is
 * sent: from then on the request must not run a second time. It ends by the server's word, or without one.
 */
export class Writes<S> {
  readonly #replication: DatabaseReplication
  readonly #session: Session<S>

  constructor(replication: DatabaseReplication, session: Session<S>) {
    this.#replication = replication
    this.#session = session
  }

  /**
   * Registers what a statement is about to do, before the session takes note of it.
   *
   * @param writes it may write, as far as is known
   * @returns undefined where its request is going to be replayed: then it must not be sent
   */
  begins(analysis: Analysis, scope: Scope, writes: boolean): Effect | undefined {
    const { request } = scope
    const { transaction, isFailed } = this.#session
    const { transaction: control, several } = analysis
    if (control === undefined || several) {
      const commits = transaction === undefined || (control !== undefined && !isInside(control))
      if (writes && !commits) return this.#wroteIn(transaction, request) ? Effect.none : undefined
      if (writes || (commits && transaction?.writer !== undefined)) return this.#commits(request)
      return scope.consistency === 'monotonic' ? Effect.reads : Effect.none
    }
    if (control === 'commit-prepared') return this.#commits(request)
    if (transaction?.writer === undefined) return Effect.none
    // The COMMIT of a failed transaction is a ROLLBACK.
    if (control === 'commit' && !isFailed) return this.#commits(request)
    if (control === 'commit' || control === 'rollback') this.endsTransaction(transaction, 'failed')
    if (control === 'prepare') this.endsTransaction(transaction, 'done')
    return Effect.none
  }

  /** A statement that commits is over: the server has said so, or nothing more will be heard of it. */
  ends(request: RequestState, transaction: Transaction<S> | undefined, outcome: WriteOutcome): void {
    request.endWrite(this.#replication.name, outcome)
    this.#told(request, outcome)
    if (transaction !== undefined) this.endsTransaction(transaction, outcome)
  }

  /** A transaction is over in which a request may have written. */
  endsTransaction(transaction: Transaction<S>, outcome: WriteOutcome): void {
    const { writer } = transaction
    if (writer === undefined) return
    transaction.writer = undefined
    writer.endWrite(this.#replication.name, outcome)
    this.#told(writer, outcome)
  }

  /** The connection is lost, or given back in the middle of a transaction. */
  leavesTransaction(outcome: WriteOutcome): void {
    const { transaction } = this.#session
    if (transaction !== undefined) this.endsTransaction(transaction, outcome)
  }

  /** A text that has committed has begun another transaction, and may have written in it. */
  goesOn(request: RequestState): void {
    const { transaction } = this.#session
    if (transaction !== undefined && transaction.writer === undefined) this.#wroteIn(transaction, request)
  }

  /** Whether what a statement commits may not be flushed yet when it is answered, whatever the setting says that can be seen after it. */
  isAsynchronous({ synchronousCommit, access }: Analysis, transaction: Transaction<S> | undefined): boolean {
    // What a procedure sets for its transaction cannot be seen.
    return synchronousCommit || access === 'unknown' || transaction?.asynchronous === true
  }

  /** The position after what was committed, or why there is none: then its client reads from the primary for a while. */
  took(request: RequestState, position: Position | Error): void {
    if (position instanceof Error) this.#replication.written.withoutPosition(position)
    this.#replication.written.wrote(request, position instanceof Error ? undefined : position)
  }

  /** The position that a monotonic reader has seen. */
  saw(request: RequestState, position: Position | Error): void {
    if (!(position instanceof Error)) this.#replication.written.read(request, position)
  }

  #told(request: RequestState, outcome: WriteOutcome): void {
    if (outcome === 'unknown') this.#replication.written.wrote(request, undefined)
  }

  #commits(request: RequestState): Effect | undefined {
    return request.beginWrite(this.#replication.name) ? Effect.commits : undefined
  }

  /** A write whose COMMIT is still to come: until then, and after it, the request must not run a second time. */
  #wroteIn(transaction: Transaction<S> | undefined, request: RequestState): boolean {
    if (transaction === undefined || transaction.writer !== undefined) return true
    if (!request.beginWrite(this.#replication.name)) return false
    transaction.writer = request
    return true
  }
}
