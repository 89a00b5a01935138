import {
  currentScope,
  type DatabaseReplication,
  type Freshness,
  noTransaction,
  type Position,
  type RequestState,
  type Scope,
} from '@flyroute/core/adapter'
import type { BareDatabase } from './bare.ts'
import { OpenTransaction } from './open-transaction.ts'
import { unknown, type Writes } from './program.ts'
import { isRefusal } from './refusal.ts'
import type { LitefsSource } from './replication.ts'

/**
 * The guard of one database on LiteFS. It is asked before each statement, and told after each that may have committed
 * something; all of it at once, as the engine does its own work.
 *
 * **A request that was answered with a replay** writes nothing any more: what would write throws the refusal that the
 * replay was answered for, as it would throw on a replica without a replay (a synchronous call cannot stay open, and
 * a result would be a lie). Its reads go on: they read this machine's own file and change nothing, and a throw in a timer
 * of the app's that has only read would end the process.
 */
export class Guard {
  readonly #database: BareDatabase
  readonly #replication: DatabaseReplication
  readonly #source: LitefsSource
  readonly #transaction: OpenTransaction
  /** The requests and jobs that have written in what is open now. */
  readonly #writers: Set<RequestState> = new Set()
  /** Where the database stood before them; undefined where that could not be read. */
  #before: string | undefined
  /** Iterators whose statement writes and is not over. */
  #writingIterators = 0
  /** A statement of the open transaction was refused: the rest of it is refused as well. */
  #refusal: Error | undefined
  /** Errors that are of other files than the replicated ones, whatever transaction they come out of. */
  readonly #ofOtherFiles: WeakSet<object> = new WeakSet()

  constructor(database: BareDatabase, replication: DatabaseReplication, source: LitefsSource) {
    this.#database = database
    this.#replication = replication
    this.#source = source
    this.#transaction = new OpenTransaction(database)
  }

  /** Something of the open transaction was refused, or it waits for its end: what runs is looked at first. */
  get isAborted(): boolean {
    return this.#refusal !== undefined || this.#transaction.isAbandoned
  }

  /**
   * Whether this node is a replica. A replica is always looked at: one that was promoted must not send its writes to a
   * primary that is none any more. Where the files cannot be read, it stays what it was.
   */
  get isReplica(): boolean {
    if (this.#replication.topology.role !== 'replica') return false
    try {
      return this.#replication.prober.probeSync()?.role === 'replica'
    } catch {
      return true
    }
  }

  /**
   * Before a statement that reads, in a scope or in a transaction that is aborted; else there is nothing to ask.
   *
   * @returns the scope it runs in, where its reader must not see less from now on
   * @throws PrimaryRequiredError where this node is behind what the request has to see, or cannot be read
   */
  reads(scope: Scope | undefined): Scope | undefined {
    if (this.isAborted) this.#checkAborted(scope)
    if (scope === undefined) return undefined
    const replication = this.#replication
    if (replication.topology.role === 'replica' && !this.#isPlain(scope)) {
      if (scope.onPrimary || scope.request.hasWritten(replication.name)) replication.router.route('read', 'read', scope)
      const need = replication.freshness.need(scope)
      if (need !== undefined && !this.#isFresh(need)) replication.router.routeStaleRead(scope)
    }
    return scope.consistency === 'monotonic' ? scope : undefined
  }

  /**
   * Nothing has been asked of it yet that a replica could not do: most requests, until their end. That LiteFS's files cannot
   * be read says nothing against that: the database is there.
   */
  #isPlain({ needs, onPrimary, request }: Scope): boolean {
    return needs.length === 0 && !onPrimary && request.readsAnywhere
  }

  /** What cannot be read now is not known to be fresh. */
  #isFresh(need: Freshness): boolean {
    try {
      const { freshness, prober } = this.#replication
      return freshness.assess(need, prober.probeSync()) === 'fresh'
    } catch (error) {
      this.#replication.written.withoutPosition(error)
      return false
    }
  }

  /** After a statement whose reader must not see less from now on. The rows are there: no position makes them an error. */
  hasRead({ request }: Scope): void {
    const position = this.#position()
    if (position !== undefined) this.#replication.written.read(request, position)
  }

  /** Runs what reads, where that may cost a closure. */
  looks<T>(scope: Scope | undefined, run: () => T): T {
    const reader = this.reads(scope)
    try {
      const result = run()
      if (reader !== undefined) this.hasRead(reader)
      return result
    } catch (error) {
      throw this.interpretError(error, scope, undefined)
    }
  }

  /**
   * Runs what writes, or may: refuses it on a replica, and takes the position of what it commits.
   *
   * @param what asked on a replica, and where the engine does not let it write
   */
  writes<T>(what: () => Writes, detail: string, run: () => T): T {
    const scope = currentScope()
    this.begins(scope, what, detail)
    const wasInTransaction = this.#database.inTransaction
    try {
      return run()
    } catch (error) {
      throw this.interpretError(error, scope, what)
    } finally {
      if (!wasInTransaction) this.#transaction.isBegun(scope)
      this.ends()
    }
  }

  /**
   * Runs what may end a transaction, begin one, or undo a part of it.
   *
   * @param undone what a ROLLBACK gives that has nothing to undo any more
   */
  controls<T>(control: string | undefined, run: () => T, undone: () => T): T {
    const scope = currentScope()
    const isRollback = control === 'rollback' || control === 'rollback-to'
    if (scope?.request.isReplayed && control !== undefined) {
      if (!isRollback) throw this.#refusalOf(scope)
      // Its transaction was rolled back with the replay; what is open now is another request's.
      if (!this.#transaction.isOf(scope.request)) return undone()
    }
    if (!isRollback) this.#checkAborted(scope)
    const wasInTransaction = this.#database.inTransaction
    try {
      const result = run()
      if (isRollback) this.#refusal = undefined
      return result
    } finally {
      if (!wasInTransaction) this.#transaction.isBegun(scope)
      this.ends()
    }
  }

  /** Runs a whole transaction, which the driver begins and ends below the guard. */
  transacts<T>(run: () => T): T {
    const isNested = this.#database.inTransaction
    this.#checkAborted(currentScope())
    try {
      return run()
    } catch (error) {
      // What was refused in it is rolled back, and what is around it may go on.
      if (isNested) this.#refusal = undefined
      throw this.interpretError(error, currentScope(), unknown)
    } finally {
      this.ends()
    }
  }

  /** Before a COMMIT of the driver. */
  commits(): void {
    this.#checkAborted(currentScope())
  }

  /**
   * A write begins, or has to be expected: from here on, and before it runs, its request must not be replayed.
   *
   * @throws PrimaryRequiredError where it must not begin
   */
  begins(scope: Scope | undefined, what: () => Writes, detail: string): void {
    this.#checkAborted(scope)
    const request = scope?.request
    // Not with the transaction that is open: that may be another request's.
    if (request?.isReplayed) throw this.#refusalOf(scope as Scope)
    if (this.isReplica) {
      if (what() === 'replicated') this.#refuse(() => this.#replication.router.route('write', detail, scope))
      return
    }
    if (request === undefined || this.#writers.has(request)) return
    // Another database has refused something, so that all of the request is going to run again.
    if (!request.beginWrite(this.#replication.name)) {
      this.#refuse(() => {
        throw this.#refusalOf(scope as Scope)
      })
    }
    if (this.#writers.size === 0) this.#before = this.#position()?.at
    this.#writers.add(request)
  }

  /** Rows of a statement that writes are going to be asked for, one by one. */
  iterates(): void {
    this.#writingIterators++
  }

  /** The last of them was, or will not be. */
  hasIterated(): void {
    this.#writingIterators--
    this.ends()
  }

  /** A statement is over. Unless a transaction is open, or rows are still asked for, what was written is there now, or never will be. */
  ends(): void {
    if (this.#database.inTransaction) return
    this.#refusal = undefined
    this.#transaction.hasEnded()
    if (this.#writers.size === 0 || this.#writingIterators > 0) return
    const position = this.#position()
    const hasCommitted = position === undefined || position.at !== this.#before
    // Where LiteFS is not mounted nothing tells: then it counts as done, without a position.
    const isDone = hasCommitted || position.at === noTransaction
    for (const request of this.#writers) {
      request.endWrite(this.#replication.name, isDone ? 'done' : 'failed')
      if (hasCommitted) this.#replication.written.wrote(request, position)
    }
    this.#writers.clear()
  }

  /**
   * What an error of the engine means here: its own, or that this is no primary.
   *
   * @param what the statement writes; undefined for one that reads: where it fails on a node that LiteFS has not called
   *   a replica, it fails for another reason
   */
  interpretError(error: unknown, scope: Scope | undefined, what: (() => Writes) | undefined): unknown {
    // That it does not write may be the app's own wish.
    if (!isRefusal(error) || this.#database.readonly || this.#database.isQueryOnly) return error
    if (this.#ofOtherFiles.has(error as object)) return error
    if (what?.() === 'other') {
      this.#ofOtherFiles.add(error as object)
      return error
    }
    if (what !== undefined && this.#replication.topology.role === 'primary') this.#source.refused()
    if (!this.#isReplicaNow()) return error
    // What was written before it in its transaction cannot be committed either.
    for (const request of this.#writers) request.endWrite(this.#replication.name, 'failed')
    this.#writers.clear()
    try {
      this.#refuse(() => this.#replication.router.toPrimary('refused', undefined, scope, error))
    } catch (refusal) {
      return refusal
    }
    return error
  }

  /** A primary is looked at as well: one that was demoted hears it from the engine. */
  #isReplicaNow(): boolean {
    try {
      return this.#replication.prober.probeSync()?.role === 'replica'
    } catch {
      // The mount has gone: what the engine says is as good a word for it, but for a node that was a replica.
      return this.#replication.topology.role === 'replica'
    }
  }

  /** The error that the replay was, or will be, answered for. */
  #refusalOf(scope: Scope): Error {
    return scope.request.refusal ?? this.#replication.router.required('write', 'replayed', scope)
  }

  #refuse(route: () => unknown): void {
    try {
      route()
    } catch (refusal) {
      if (this.#database.inTransaction) this.#refusal = refusal as Error
      throw refusal
    }
  }

  /** What another request asks while the transaction is open is none of it: on this one connection it would have been answered. */
  #checkAborted(scope: Scope | undefined): void {
    if (this.#transaction.isAbandoned) this.#transaction.rollBack()
    if (this.#refusal === undefined || !this.#transaction.mayBeOf(scope?.request)) return
    if (this.#database.inTransaction) throw this.#refusal
    this.#refusal = undefined
  }

  #position(): Position | undefined {
    try {
      return this.#source.position()
    } catch (error) {
      this.#replication.written.withoutPosition(error)
      return undefined
    }
  }
}
