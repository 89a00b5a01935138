import { type Analysis, currentScope, type RequestState, type Scope } from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { asksOn } from './ask.ts'
import type { GuardedConnection } from './connection.ts'
import type { Run, Transaction } from './transaction.ts'

type ExecuteOptions = Parameters<DatabaseConnection['executeQuery']>[1]

/** A connection to a primary: everything is sent as it is, and behind what commits in a request a position is taken. */
export class PrimarySide {
  readonly #connection: GuardedConnection

  constructor(connection: GuardedConnection) {
    this.#connection = connection
  }

  /** Sends; a server that refuses to write is asked again what it is. */
  send<R>(query: CompiledQuery, options: ExecuteOptions): Promise<QueryResult<R>> {
    return this.#connection.inner.executeQuery<R>(query, options).catch((error: unknown) => this.#failed(error))
  }

  async #failed(error: unknown): Promise<never> {
    const { owner, transaction } = this.#connection
    const { facts, replication } = owner.database
    if (transaction !== undefined && facts.language === 'postgres') transaction.failed = true
    if (facts.readError(error) === 'refusal' && !transaction?.readOnly)
      await replication.prober.probe().catch(() => undefined)
    throw error
  }

  async execute<R>(
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): Promise<QueryResult<R>> {
    if (scope === undefined) return this.send(query, options)
    const { request } = scope
    if (!this.#begins(analysis, request)) {
      const result = await this.send<R>(query, options)
      if (scope.consistency === 'monotonic' && !writes(analysis, request)) await this.#read(request)
      return result
    }
    return this.#commits(() => this.send<R>(query, options), request, isAsynchronous(analysis))
  }

  async *stream<R>(
    query: CompiledQuery,
    chunkSize: number,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): AsyncIterableIterator<QueryResult<R>> {
    const rows = this.#rows<R>(query, chunkSize, options)
    if (scope === undefined || !this.#begins(analysis, scope.request)) return yield* rows
    const { replication } = this.#connection.owner.database
    const { request } = scope
    // It is done, too, where nobody wants the rest of its rows.
    let outcome: 'done' | 'failed' | 'unknown' = 'done'
    replication.written.begins(request)
    try {
      yield* rows
    } catch (error) {
      outcome = this.#outcomeOf(error)
      throw error
    } finally {
      replication.written.ends(request, outcome)
      if (outcome === 'done') await this.#wrote(request, isAsynchronous(analysis))
    }
  }

  async *#rows<R>(
    query: CompiledQuery,
    chunkSize: number,
    options: ExecuteOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    try {
      yield* this.#connection.inner.streamQuery<R>(query, chunkSize, options)
    } catch (error) {
      await this.#failed(error)
    }
  }

  /** The COMMIT of a transaction in which a request has written. */
  async commit<T>(run: Run<T>, transaction: Transaction, writer: RequestState): Promise<T> {
    const { replication } = this.#connection.owner.database
    try {
      const result = await run(this.#connection)
      replication.written.ends(writer, transaction.failed ? 'failed' : 'done')
      if (!transaction.failed) await this.#wrote(writer, transaction.asynchronous)
      return result
    } catch (error) {
      replication.written.ends(writer, transaction.failed ? 'failed' : this.#outcomeOf(error))
      throw error
    }
  }

  /** Takes note of what is about to be sent; true for a write that commits by itself. */
  #begins(analysis: Analysis, request: RequestState): boolean {
    const { transaction, owner } = this.#connection
    if (transaction !== undefined && analysis.synchronousCommit) transaction.asynchronous = true
    if (!writes(analysis, request)) return false
    if (transaction === undefined) return true
    if (transaction.writer === undefined) {
      transaction.writer = request
      owner.database.replication.written.begins(request)
    }
    return false
  }

  async #commits<T>(run: () => Promise<T>, request: RequestState, asynchronous: boolean): Promise<T> {
    const { replication } = this.#connection.owner.database
    replication.written.begins(request)
    let result: T
    try {
      result = await run()
    } catch (error) {
      replication.written.ends(request, this.#outcomeOf(error))
      throw error
    }
    replication.written.ends(request, 'done')
    await this.#wrote(request, asynchronous)
    return result
  }

  #outcomeOf(error: unknown): 'failed' | 'unknown' {
    // Kysely's own word for a COMMIT that PostgreSQL has answered with ROLLBACK.
    if ((error as { name?: unknown } | null)?.name === 'AbortedTransactionError') return 'failed'
    return this.#connection.owner.database.facts.isAnswer(error) ? 'failed' : 'unknown'
  }

  async #wrote(request: RequestState, asynchronous: boolean): Promise<void> {
    const { replication, facts } = this.#connection.owner.database
    if ((currentScope() ?? request).consistency === 'none') return
    const { server, inner } = this.#connection
    try {
      if (server === undefined) throw new Error('The server has not said what it is')
      replication.written.wrote(request, await facts.position(asksOn(inner, facts.language), server, asynchronous))
    } catch (error) {
      // It is written, whatever comes of the question behind it.
      replication.written.withoutPosition(error)
      replication.written.wrote(request, undefined)
    }
  }

  async #read(request: RequestState): Promise<void> {
    await readPosition(this.#connection, request)
  }
}

/** What a monotonic reader has seen; nothing where nobody can tell. */
export async function readPosition(
  { owner, server, inner, transaction }: GuardedConnection,
  request: RequestState,
): Promise<void> {
  const { replication, facts } = owner.database
  if (server === undefined || transaction?.failed) return
  const position = await facts.position(asksOn(inner, facts.language), server, false).catch(() => undefined)
  if (position !== undefined) replication.written.read(request, position)
}

function writes(analysis: Analysis, request: RequestState): boolean {
  return analysis.access !== 'read' || request.captureAfterEveryStatement
}

/** What a procedure sets for its transaction cannot be seen: there the position that is always far enough is taken. */
function isAsynchronous({ synchronousCommit, access }: Analysis): boolean {
  return synchronousCommit || access === 'unknown'
}
