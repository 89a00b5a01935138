import { Effect, interpretError, sentNow, type Transaction, type WriteOutcome } from '@flyroute/core/adapter'
import type { CompiledQuery, QueryResult } from 'kysely'
import { Answer } from './answer.ts'
import type { Guarded } from './guarded.ts'
import { boundTo, type ExecuteOptions, type Statement } from './statement.ts'

/** What is on its way to a primary. */
interface Sent {
  readonly statement: Statement
  readonly effect: Effect
  readonly transaction: Transaction<CompiledQuery> | undefined
}

/** Sends statements to a primary: as they are, and with the position after each statement that commits something in a request. */
export class OnPrimary {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** Sends what nothing is to be decided about. */
  pass<R>(query: CompiledQuery, options: ExecuteOptions): Promise<QueryResult<R>> {
    const sentAt = sentNow()
    const answer = this.#connection.inner.executeQuery<R>(query, options)
    const told = sentAt === 0 ? answer : this.#connection.measures(answer, query, sentAt)
    return told.catch((error: unknown) => {
      const { guard } = this.#connection
      if (guard.database.facts.readError(error) === 'refusal') guard.doubts()
      throw error
    })
  }

  async send<R>(statement: Statement): Promise<QueryResult<R>> {
    const { query, options, scope } = statement
    const connection = this.#connection
    const sent = this.#sends(statement)
    let result: QueryResult<R>
    connection.isBusy = true
    try {
      const answer = connection.send<R>(query, options)
      // Across an ocean it may hang.
      result = await (connection.watchdog === undefined ? answer : new Answer(connection, answer, scope).promise)
    } catch (error) {
      return this.#failed(sent, error)
    } finally {
      connection.isBusy = false
    }
    await this.#answered(sent)
    return result
  }

  async *stream<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    const sent = this.#sends(statement)
    let hasFailed = false
    try {
      for await (const chunk of this.#connection.open<R>(statement, chunkSize)) {
        yield chunk
        if (statement.scope?.request.isReplayed) await this.#connection.owner.drops(statement.scope)
      }
    } catch (error) {
      hasFailed = true
      await this.#failed(sent, error)
    } finally {
      // It is done, too, where the rest of its rows is not wanted.
      if (!hasFailed) await this.#answered(sent)
    }
  }

  #sends(statement: Statement): Sent {
    const { session, effect } = this.#connection.guard
    const { transaction } = session
    session.sends(statement.query, statement.analysis)
    return { statement, effect, transaction }
  }

  async #answered({ statement, effect, transaction }: Sent): Promise<void> {
    const { query, analysis, scope } = statement
    const { guard } = this.#connection
    guard.session.acknowledges(query, query.sql, analysis, boundTo(query))
    if (effect === Effect.none || scope === undefined) return
    if (effect === Effect.reads) return this.#connection.positions.take(scope, true)
    guard.ends(analysis, scope.request, transaction, 'done')
    if (scope.consistency === 'none') return
    await this.#connection.positions.take(scope, false, guard.writes.isAsynchronous(analysis, transaction))
  }

  /** @throws the error, unless its request was answered with a replay: then it never settles */
  #failed({ statement, effect, transaction }: Sent, error: unknown): Promise<never> {
    const { query, analysis, scope } = statement
    const { guard } = this.#connection
    guard.session.fails(analysis)
    if (effect === Effect.commits && scope !== undefined) {
      guard.writes.ends(scope.request, transaction, this.#outcomeOf(error))
    }
    const verdict = interpretError(guard, { analysis, text: query.sql, scope, error, wasSent: true, canMove: false })
    return verdict === 'drop' ? this.#connection.owner.drops(scope) : Promise.reject(error)
  }

  #outcomeOf(error: unknown): WriteOutcome {
    // Kysely's own word for a COMMIT that PostgreSQL has answered with ROLLBACK.
    if ((error as { name?: unknown } | null)?.name === 'AbortedTransactionError') return 'failed'
    return this.#connection.guard.database.facts.isAnswer(error) ? 'failed' : 'unknown'
  }
}
