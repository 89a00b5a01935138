import { BorrowedPrimary } from '@flyroute/core/adapter'
import type { CompiledQuery, QueryResult } from 'kysely'
import type { Guarded } from './guarded.ts'
import type { Statement } from './statement.ts'

type Borrowed = BorrowedPrimary<CompiledQuery, Guarded>

/** Runs statements on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #borrowed: Borrowed | undefined

  constructor(connection: Guarded) {
    this.#connection = connection
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

  leave(): void {
    const borrowed = this.#borrowed
    if (borrowed === undefined) return
    borrowed.leave()
    this.#isOver(borrowed)
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
    const { image, transaction } = guard.session
    if (transaction !== undefined) {
      guard.session.leavesTransaction()
      if (connection.abandoned === undefined)
        connection.abandons(connection.driver.rollbackTransaction(connection.inner))
    }
    // A BEGIN begins by itself what it begins.
    const begin = analysis.transaction === 'begin' ? [] : image.begin
    const borrowed: Borrowed = new BorrowedPrimary({ ...image, begin }, async () => {
      const primary = await owner.acquirePrimary()
      if (connection.isCancellable) await primary.inner.collectSessionInfo?.()
      return primary
    })
    this.#borrowed = borrowed
    guard.isDiverted = true
    borrowed.ready.catch(() => this.#isOver(borrowed))
    return borrowed
  }

  #isOver(borrowed: Borrowed): void {
    if (this.#borrowed !== borrowed) return
    this.#borrowed = undefined
    this.#connection.guard.isDiverted = false
  }
}
