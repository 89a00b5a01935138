import {
  currentScope,
  type DatabaseReplication,
  type Position,
  type RequestState,
  type Scope,
} from '@flyroute/core/adapter'
import type { Database } from 'better-sqlite3'
import { isRefusal } from './refusal.ts'
import type { LitefsSource } from './replication.ts'

/**
 * The guard of one database on LiteFS. It is asked before each statement, and told after each that may have committed
 * something; all of it at once, as the engine does its own work.
 */
export class Guard {
  readonly #database: Pick<Database, 'inTransaction' | 'readonly'>
  readonly #isQueryOnly: () => boolean
  readonly #replication: DatabaseReplication
  readonly #source: LitefsSource
  /** Who has written in what is open now. */
  readonly #writers: Set<RequestState> = new Set()
  /** Where the database stood before them; undefined where that could not be read. */
  #before: string | undefined
  /** A statement of the open transaction was refused: the rest of it is refused as well. */
  #refusal: Error | undefined

  /** @param isQueryOnly whether the app has set `query_only` */
  constructor(
    database: Pick<Database, 'inTransaction' | 'readonly'>,
    isQueryOnly: () => boolean,
    replication: DatabaseReplication,
    source: LitefsSource,
  ) {
    this.#database = database
    this.#isQueryOnly = isQueryOnly
    this.#replication = replication
    this.#source = source
  }

  /** Something of the open transaction was refused: whatever runs is looked at first. */
  get isAborted(): boolean {
    return this.#refusal !== undefined
  }

  /**
   * Before a statement that reads, in a scope or in a transaction that is aborted; else there is nothing to ask.
   *
   * @returns the scope it runs in, if somebody wants to know what was read
   * @throws PrimaryRequiredError where this node is behind what the request has to see, or cannot be read
   */
  reads(scope: Scope | undefined): Scope | undefined {
    if (this.#refusal !== undefined) this.#checkAborted()
    if (scope === undefined) return undefined
    const replication = this.#replication
    if (replication.topology.role === 'replica' && !this.#isPlain(scope)) {
      replication.router.route('read', 'read', scope)
      const need = replication.freshness.need(scope)
      if (need !== undefined && replication.freshness.assess(need, replication.prober.probeSync()) !== 'fresh') {
        replication.router.routeStaleRead(scope)
      }
    }
    return scope.consistency === 'monotonic' ? scope : undefined
  }

  /** Nothing has been asked of it yet that a replica could not do: most requests, until their end. */
  #isPlain({ needs, onPrimary, request }: Scope): boolean {
    return needs.length === 0 && !onPrimary && request.readsAnywhere && !this.#replication.prober.isUnavailable
  }

  /** Behind a statement whose reader must not see less from now on. */
  hasRead({ request }: Scope): void {
    this.#replication.written.read(request, this.#source.position())
  }

  /**
   * Runs what writes, or may: refuses it on a replica, and takes the position behind what it commits.
   *
   * @param isCertain the engine says that it writes; otherwise it decides when it runs
   */
  writes<T>(isCertain: boolean, detail: string, run: () => T): T {
    const scope = currentScope()
    this.#checkAborted()
    if (isCertain && this.#isReplica()) this.#refuse(() => this.#replication.router.route('write', detail, scope))
    this.begins(scope)
    try {
      return run()
    } catch (error) {
      throw this.judged(error, scope)
    } finally {
      this.ends()
    }
  }

  /** Runs what may end a transaction, begin one, or undo a part of it. */
  controls<T>(sql: string, run: () => T): T {
    if (/^\s*rollback\b/i.test(sql)) this.#refusal = undefined
    this.#checkAborted()
    try {
      return run()
    } finally {
      this.ends()
    }
  }

  /** Runs a whole transaction, which the driver begins and ends below the guard. */
  transacts<T>(run: () => T): T {
    const isNested = this.#database.inTransaction
    this.#checkAborted()
    try {
      return run()
    } catch (error) {
      // What was refused in it is rolled back, and what is around it may go on.
      if (isNested) this.#refusal = undefined
      throw this.judged(error)
    } finally {
      this.ends()
    }
  }

  /** Before a COMMIT of the driver. */
  commits(): void {
    this.#checkAborted()
  }

  /** A write begins, or has to be expected. */
  begins(scope: Scope | undefined): void {
    if (scope === undefined || this.#isReplica() || this.#writers.has(scope.request)) return
    if (this.#writers.size === 0) this.#before = this.#position()?.at
    this.#writers.add(scope.request)
    this.#replication.written.begins(scope.request)
  }

  /** A statement is over. Unless a transaction is open, what was written is there now, or never will be. */
  ends(): void {
    if (this.#database.inTransaction) return
    this.#refusal = undefined
    if (this.#writers.size === 0) return
    const position = this.#position()
    const hasCommitted = position === undefined || position.at !== this.#before
    for (const request of this.#writers) {
      this.#replication.written.ends(request, hasCommitted ? 'done' : 'failed')
      if (hasCommitted) this.#replication.written.wrote(request, position)
    }
    this.#writers.clear()
  }

  /**
   * What an error of the engine means here: its own, or that this is no primary.
   *
   * @param mayWrite what fails as it reads, on a node that LiteFS has not called a replica, fails for another reason
   */
  judged(error: unknown, scope: Scope | undefined = currentScope(), mayWrite = true): unknown {
    // That it does not write may be the app's own wish.
    if (!isRefusal(error) || this.#database.readonly || this.#isQueryOnly()) return error
    if (mayWrite && this.#replication.topology.role === 'primary') this.#source.refused()
    if (!this.#isReplicaNow()) return error
    // What was written before it in its transaction cannot be committed either.
    for (const request of this.#writers) this.#replication.written.ends(request, 'failed')
    this.#writers.clear()
    try {
      this.#refuse(() => this.#replication.router.toPrimary('refused', undefined, scope, error))
    } catch (refusal) {
      return refusal
    }
    return error
  }

  /** A replica is always looked at: who was promoted must not send its writes to a primary that is none any more. */
  #isReplica(): boolean {
    return this.#replication.topology.role === 'replica' && this.#replication.prober.probeSync()?.role === 'replica'
  }

  /** A primary is looked at as well: who was demoted hears it from the engine. */
  #isReplicaNow(): boolean {
    try {
      return this.#replication.prober.probeSync()?.role === 'replica'
    } catch {
      // The mount has gone: what the engine says is as good a word for it.
      return false
    }
  }

  #refuse(route: () => unknown): void {
    try {
      route()
    } catch (refusal) {
      if (this.#database.inTransaction) this.#refusal = refusal as Error
      throw refusal
    }
  }

  #checkAborted(): void {
    if (this.#refusal === undefined) return
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
