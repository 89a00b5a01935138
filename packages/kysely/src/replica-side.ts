import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  currentScope,
  type Freshness,
  lostError,
  neverSettles,
  type RequestState,
  type Scope,
} from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type { GuardedConnection } from './connection.ts'
import { readPosition } from './primary-side.ts'
import type { Run } from './transaction.ts'
import { patienceFor, Wait } from './watchdog.ts'

type ExecuteOptions = Parameters<DatabaseConnection['executeQuery']>[1]

/** Which connection a statement runs on: this one, or one of the primary's. */
type Place = 'here' | 'primary'

/**
 * A connection to a replica: what writes is refused before it is sent, what the server refuses is translated, reads wait
 * until the server is as fresh as they need it; and where there is a dialect for the primary, that stands in.
 */
export class ReplicaSide {
  readonly #connection: GuardedConnection

  constructor(connection: GuardedConnection) {
    this.#connection = connection
  }

  execute<R>(
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): Promise<QueryResult<R>> {
    const { transaction } = this.#connection
    if (transaction?.standIn !== undefined) return transaction.standIn.execute<R>(query, options)
    const place = this.#place(analysis, scope)
    return place === 'here'
      ? this.#executeHere<R>(query, options, analysis, scope)
      : this.#executeAt<R>(place, query, options, analysis, scope)
  }

  async #executeAt<R>(
    place: Promise<Place> | Place,
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): Promise<QueryResult<R>> {
    if ((await place) === 'here') return this.#executeHere<R>(query, options, analysis, scope)
    return this.#elsewhere((on) => on.execute<R>(query, options), scope)
  }

  #executeHere<R>(
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): Promise<QueryResult<R>> {
    const connection = this.#connection
    const wasUsed = this.#notes(analysis)
    if (connection.abandoned !== undefined) {
      return this.failed(lostError(), query, options, analysis, scope, wasUsed)
    }
    return new Execution<R>(connection, this, query, options, analysis, scope, wasUsed).promise
  }

  /** What comes of a statement that has met an error here. */
  async failed<R>(
    error: unknown,
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
    wasUsed: boolean,
  ): Promise<QueryResult<R>> {
    const { transaction } = this.#connection
    if (transaction !== undefined) transaction.failed = true
    if (!this.#runsAgain(error, query.sql, analysis, scope, wasUsed)) throw error
    return this.#elsewhere((on) => on.execute<R>(query, options), scope)
  }

  async *stream<R>(
    query: CompiledQuery,
    chunkSize: number,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): AsyncIterableIterator<QueryResult<R>> {
    const { transaction } = this.#connection
    if (transaction?.standIn !== undefined) {
      return yield* transaction.standIn.stream<R>(query, chunkSize, options, scope)
    }
    if ((await this.#place(analysis, scope)) === 'here') {
      const wasUsed = this.#notes(analysis)
      let hasBegun = false
      try {
        for await (const chunk of this.#rows<R>(query, chunkSize, options, scope)) {
          hasBegun = true
          yield chunk
        }
        if (scope?.consistency === 'monotonic') await readPosition(this.#connection, scope.request)
        return
      } catch (error) {
        if (transaction !== undefined) transaction.failed = true
        // Rows that are out cannot be taken back.
        if (!this.#runsAgain(error, query.sql, analysis, scope, wasUsed || hasBegun)) throw error
      }
    }
    if (transaction !== undefined) {
      const standIn = await this.#standIn()
      return yield* standIn.stream<R>(query, chunkSize, options, scope)
    }
    this.#refuseSettings(scope)
    const primary = await this.#borrow()
    try {
      yield* primary.stream<R>(query, chunkSize, options, scope)
    } finally {
      await this.#givesBack(primary)
    }
  }

  /** The rows of a stream, for as long as the server gives them. */
  async *#rows<R>(
    query: CompiledQuery,
    chunkSize: number,
    options: ExecuteOptions,
    scope: Scope | undefined,
  ): AsyncIterableIterator<QueryResult<R>> {
    const connection = this.#connection
    if (connection.abandoned !== undefined) throw lostError()
    const rows = connection.inner.streamQuery<R>(query, chunkSize, options)
    let isOver = false
    try {
      for (;;) {
        const { done, value } = await connection.unlessItHangs(rows.next(), scope)
        if (done) {
          isOver = true
          return
        }
        yield value
      }
    } catch (error) {
      isOver = true
      // What is open on the server is closed before the connection is used again.
      connection.isOverWith(() => rows.return?.())
      throw error
    } finally {
      // Left before its end: by whoever reads it.
      if (!isOver) await connection.unlessItHangs(Promise.resolve(rows.return?.()), scope)
    }
  }

  async begin<T>(text: string, run: Run<T>, analysis: Analysis): Promise<T> {
    const scope = currentScope()
    const { owner } = this.#connection
    if ((await this.#place(analysis, scope)) === 'here') {
      try {
        if (this.#connection.abandoned !== undefined) throw lostError()
        const result = await this.#connection.unlessItHangs(run(this.#connection), scope)
        this.#connection.enters(text, run, analysis)
        return result
      } catch (error) {
        if (!this.#runsAgain(error, text, analysis, scope, false)) throw error
      }
    }
    this.#refuseSettings(scope)
    const primary = await this.#connection.takesOver(await owner.acquirePrimary())
    try {
      const result = await primary.begin(text, run)
      this.#connection.enters(text, run, analysis).standIn = primary
      return result
    } catch (error) {
      await owner.releaseConnection(primary)
      throw error
    }
  }

  /** Where a statement runs. A promise only where its reader has to see more than this server is known to have. */
  #place(analysis: Analysis, scope: Scope | undefined): Place | Promise<Place> {
    const { transaction, server, owner } = this.#connection
    const { replication } = owner.database
    const { reason } = analysis
    // Nothing but this guard would keep a write away from it.
    const access = analysis.access === 'unknown' && server?.acceptsWrites ? 'write' : analysis.access
    if (transaction !== undefined) {
      if (transaction.refusal !== undefined) return Promise.reject(transaction.refusal)
      // What has read something stays here; and what fails in a read-only one fails on the primary too, but for a lock that
      // succeeds here and protects nothing there.
      if (access !== 'write' && transaction.used) return 'here'
      if (transaction.readOnly && reason !== 'advisory-lock') return 'here'
    }
    try {
      const route = replication.router.route(access, reason, scope)
      if (route === 'late') return neverSettles(replication.name)
      if (route === 'primary') return 'primary'
    } catch (refusal) {
      if (transaction !== undefined) transaction.refusal = refusal as Error
      return Promise.reject(refusal)
    }
    if (scope === undefined) return 'here'
    const need = replication.freshness.need(scope)
    return need === undefined || replication.freshness.assess(need, server) === 'fresh'
      ? 'here'
      : this.#whenFresh(need, scope)
  }

  async #whenFresh(need: Freshness, scope: Scope): Promise<Place> {
    const { transaction, owner } = this.#connection
    try {
      if (await this.#catchesUp(need, scope)) return 'here'
      const { replication } = owner.database
      return replication.router.routeStaleRead(scope) === 'late' ? await neverSettles(replication.name) : 'primary'
    } catch (refusal) {
      if (transaction !== undefined) transaction.refusal = refusal as Error
      throw refusal
    }
  }

  async #catchesUp(need: Freshness, scope: Scope): Promise<boolean> {
    const { server, owner } = this.#connection
    const { replication, facts } = owner.database
    const { kind, signal, waitTimeoutMs: timeoutMs } = scope.request
    const options = { timeoutMs, signal, patient: kind === 'job' }
    if (replication.servers.isProbed(server)) return replication.freshness.catchUp(need, options)
    // One name leads to several replicas: only this connection can ask its own, and once has to do.
    try {
      await this.#connection.greet()
    } catch (error) {
      // A server that is lost in the middle of it will not catch up.
      if (facts.readError(error) === 'unavailable') replication.prober.reportUnreachable(error)
      return false
    }
    return replication.freshness.assess(need, this.#connection.server) === 'fresh'
  }

  /** @returns whether something had run in the transaction before */
  #notes({ reason, transaction: control }: Analysis): boolean {
    const { transaction } = this.#connection
    if (transaction === undefined) {
      if (reason === 'set' || reason === 'reset' || reason === 'discard') this.#connection.hasSettings = true
      return false
    }
    const wasUsed = transaction.used
    if (control !== 'set') transaction.used = true
    return wasUsed
  }

  /**
   * What an error means that the replica gave: true where the primary is to be asked instead.
   *
   * @throws PrimaryRequiredError or ReplayUnavailableError in its place
   */
  #runsAgain(error: unknown, sql: string, analysis: Analysis, scope: Scope | undefined, isBound: boolean): boolean {
    const { transaction, owner, server } = this.#connection
    const { replication, facts, classifier } = owner.database
    const word = facts.readError(error)
    if (word === undefined) return false
    if (word === 'refusal') {
      if (transaction?.readOnly && facts.isOfReadOnlyTransaction(error)) return false
      classifier.learn(sql)
    }
    if (word === 'unavailable') {
      replication.prober.reportUnreachable(error)
      replication.servers.disconnected(server)
    }
    try {
      replication.router.toPrimary(word === 'refusal' ? 'refused' : 'unavailable', analysis.reason, scope, error)
      if (!isBound) return true
      if (word !== 'refusal') return false
      throw inTheWay(scope, 'transaction', error)
    } catch (refusal) {
      if (transaction !== undefined) transaction.refusal = refusal as Error
      throw refusal
    }
  }

  // --- elsewhere ----------------------------------------------------------------------------------------------------

  async #elsewhere<T>(run: Run<T>, scope: Scope | undefined): Promise<T> {
    const { transaction } = this.#connection
    if (transaction !== undefined) return run(await this.#standIn())
    this.#refuseSettings(scope)
    const primary = await this.#borrow()
    try {
      return await run(primary)
    } finally {
      await this.#givesBack(primary)
    }
  }

  /** A connection to the primary for a single statement. */
  async #borrow(): Promise<GuardedConnection> {
    const connection = this.#connection
    const primary = await connection.takesOver(await connection.owner.acquirePrimary())
    connection.elsewhere = primary
    return primary
  }

  async #givesBack(primary: GuardedConnection): Promise<void> {
    const connection = this.#connection
    connection.elsewhere = undefined
    await connection.owner.releaseConnection(primary)
  }

  /** Begins this connection's transaction on the primary, where nothing has run in it yet. */
  async #standIn(): Promise<GuardedConnection> {
    const { transaction, owner, driver, inner } = this.#connection
    if (transaction === undefined) throw new Error('There is no transaction')
    if (transaction.used && !transaction.failed) {
      transaction.refusal = inTheWay(currentScope(), 'transaction')
      throw transaction.refusal
    }
    if (this.#connection.abandoned === undefined) await driver.rollbackTransaction(inner)
    const primary = await this.#connection.takesOver(await owner.acquirePrimary())
    try {
      await primary.begin(transaction.text, transaction.begin)
    } catch (error) {
      await owner.releaseConnection(primary)
      throw error
    }
    transaction.standIn = primary
    return primary
  }

  /** What was set on this connection is not set on another one. */
  #refuseSettings(scope: Scope | undefined): void {
    if (this.#connection.hasSettings) throw inTheWay(scope, 'session')
  }
}

/**
 * A statement that a replica is at: it ends with the answer, or as soon as it is clear that there will be none. An object with one
 * promise, since it is what most statements are.
 */
class Execution<R> extends Wait<QueryResult<R>> {
  override readonly patience: number
  readonly #connection: GuardedConnection
  readonly #side: ReplicaSide
  readonly #query: CompiledQuery
  readonly #options: ExecuteOptions
  readonly #analysis: Analysis
  readonly #scope: Scope | undefined
  readonly #wasUsed: boolean
  readonly #answer: Promise<QueryResult<R>>

  constructor(
    connection: GuardedConnection,
    side: ReplicaSide,
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
    wasUsed: boolean,
  ) {
    super(connection.watchdog)
    this.patience = patienceFor(scope?.request.kind === 'request')
    this.#connection = connection
    this.#side = side
    this.#query = query
    this.#options = options
    this.#analysis = analysis
    this.#scope = scope
    this.#wasUsed = wasUsed
    this.#answer = connection.inner.executeQuery<R>(query, options)
    this.#answer.then(
      (result) => this.#answered(result),
      (error: unknown) => this.over()?.(this.#comesTo(error)),
    )
  }

  cut(error: Error): void {
    const resolve = this.over()
    if (resolve === undefined) return
    this.#connection.abandons(this.#answer)
    resolve(this.#comesTo(error))
  }

  #comesTo(error: unknown): Promise<QueryResult<R>> {
    return this.#side.failed<R>(error, this.#query, this.#options, this.#analysis, this.#scope, this.#wasUsed)
  }

  #answered(result: QueryResult<R>): void {
    const resolve = this.over()
    if (this.#scope?.consistency === 'monotonic') resolve?.(this.#seen(result, this.#scope.request))
    else resolve?.(result)
  }

  /** What the client has seen, it is to see again. */
  async #seen(result: QueryResult<R>, request: RequestState): Promise<QueryResult<R>> {
    await readPosition(this.#connection, request)
    return result
  }
}

function inTheWay(scope: Scope | undefined, detail: string, cause?: unknown): ReplayUnavailableError {
  const obstacle = scope?.request.whyNotReplayable() ?? 'outside-request'
  return new ReplayUnavailableError(obstacle, { detail, cause })
}
