import { BorrowedPrimary } from '@flyroute/core/adapter'
import type { CompiledQuery, QueryResult } from 'kysely'
import type { Guarded } from './guarded.ts'
import type { Statement } from './statement.ts'

type Borrowed = BorrowedPrimary<CompiledQuery, Guarded>

/** Runs statements on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  get #borrowed(): Borrowed | undefined {
    return this.#connection.guard.loan as Borrowed | undefined
  }

  /** The connection that is used in place of this one. */
  get connection(): Guarded | undefined {
    return this.#borrowed?.connection
  }

  run<R>(statement: Statement): Promise<QueryResult<R>> {
    const primary = this.connection
    // In the same step, where that is possible: a write is registered when it is decided upon.
    if (primary !== undefined) return primary.run<R>(this.#passesOn(statement))
    return this.#ready(statement).then((ready) => ready.run<R>(statement))
  }

  async *stream<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    yield* (await this.#ready(statement)).stream<R>(statement, chunkSize)
  }

  #passesOn(statement: Statement): Statement {
    statement.takesIntent(this.#connection.guard)
    return statement
  }

  async #ready(statement: Statement): Promise<Guarded> {
    this.#passesOn(statement)
    try {
      return await (this.#borrowed ?? this.#borrow(statement)).ready
    } catch (error) {
      statement.withdrawsIntent()
      throw error
    }
  }

  #borrow({ analysis }: Statement): Borrowed {
    const connection = this.#connection
    const { guard, owner } = connection
    if (guard.session.transaction !== undefined && connection.abandoned === undefined) {
      connection.abandons(connection.rollsBack())
    }
    const borrow = async (): Promise<Guarded> => {
      const primary = await owner.acquirePrimary()
      if (connection.isCancellable) await primary.inner.collectSessionInfo?.()
      return primary
    }
    return new BorrowedPrimary(guard, borrow, analysis.transaction === 'begin')
  }
}
