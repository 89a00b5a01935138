import { interpretError, lostError, type Scope, type Session } from '@flyroute/core/adapter'
import type { CompiledQuery, QueryResult } from 'kysely'
import { Answer } from './answer.ts'
import type { Guarded } from './guarded.ts'
import { boundTo, type Statement } from './statement.ts'

/** What is on its way to a replica. */
interface Sent {
  readonly statement: Statement
  readonly wasSent: boolean
  /** It could run on another connection as if it had not run here. */
  readonly canMove: boolean
  /** The session before it; undefined where it changes nothing there. */
  readonly mark: Session<CompiledQuery>['mark'] | undefined
}

/** Sends statements to a replica, and has core interpret what fails there. */
export class OnReplica {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  send<R>(statement: Statement): Promise<QueryResult<R>> {
    const { analysis } = statement
    const isRollback = analysis.transaction === 'rollback' && !analysis.several
    // Its server hangs: it is rolled back when that answers again, and for its app it is over.
    if (isRollback && this.#connection.abandoned !== undefined) return Promise.resolve({ rows: [] })
    const sent = this.#sends(statement)
    if (!sent.wasSent) return this.failed<R>(sent, lostError())
    return new Execution<R>(this.#connection, this, sent).promise
  }

  async *stream<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    const { scope } = statement
    const sent = this.#sends(statement)
    let hasBegun = false
    try {
      if (!sent.wasSent) throw lostError()
      for await (const chunk of this.#rows<R>(statement, chunkSize)) {
        hasBegun = true
        yield chunk
      }
      if (scope?.consistency === 'monotonic') await this.#connection.positions.take(scope, true)
      return
    } catch (error) {
      // Rows that are out cannot be taken back.
      await this.#runsAgain(hasBegun ? { ...sent, canMove: false } : sent, error)
    }
    yield* this.#connection.streamOnPrimary<R>(statement, chunkSize)
  }

  /** What comes of a statement that has met an error here. */
  async failed<R>(sent: Sent, error: unknown): Promise<QueryResult<R>> {
    await this.#runsAgain(sent, error)
    return this.#connection.runOnPrimary<R>(sent.statement)
  }

  /** The server has answered. */
  answered({ query, analysis }: Statement): void {
    this.#connection.guard.session.acknowledges(query, query.sql, analysis, boundTo(query))
  }

  #sends(statement: Statement): Sent {
    const { query, analysis } = statement
    const { guard, abandoned } = this.#connection
    const { session } = guard
    const { canMove } = session
    const isPlain = analysis.leaves === 'nothing' && session.transaction === undefined
    const sent = { statement, wasSent: abandoned === undefined, canMove, mark: isPlain ? undefined : session.mark }
    if (sent.wasSent) session.sends(query, analysis)
    return sent
  }

  /**
   * Returns where a statement is to be run once more, on the primary; never, where its request was replayed.
   *
   * @throws what its error is to the app
   */
  #runsAgain({ statement, wasSent, canMove, mark }: Sent, error: unknown): Promise<never> | undefined {
    const { query, analysis, scope } = statement
    const { guard } = this.#connection
    const { facts, replication } = guard.database
    guard.session.fails(analysis)
    // Its server may have been started anew, further back in the log.
    if (wasSent && facts.readError(error) === 'unavailable') replication.servers.disconnected(guard.server)
    const verdict = interpretError(guard, { analysis, text: query.sql, scope, error, wasSent, canMove })
    if (verdict === 'pass') throw error
    if (verdict === 'drop') return this.#connection.owner.drops(scope)
    if (verdict !== 'rerun') throw verdict
    if (mark !== undefined) guard.session.returnTo(mark)
    return undefined
  }

  /** The rows of a stream, for as long as the server gives them. */
  async *#rows<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    const connection = this.#connection
    const { scope } = statement
    const rows = connection.open<R>(statement, chunkSize)
    let isOver = false
    try {
      for (;;) {
        const { done, value } = await unlessItHangs(connection, rows.next(), scope)
        if (done) {
          isOver = true
          return
        }
        yield value
        // Each portion is asked for by itself: none is any more.
        if (scope?.request.isReplayed) {
          await rows.return?.()
          await connection.owner.drops(scope)
        }
      }
    } catch (error) {
      isOver = true
      // What is open on the server is closed before the connection is used again.
      if (connection.abandoned !== undefined) connection.abandons(connection.abandoned.then(() => rows.return?.()))
      throw error
    } finally {
      // Left before its end, by what reads it.
      if (!isOver) await unlessItHangs(connection, Promise.resolve(rows.return?.()), scope)
    }
  }
}

/** An answer, or an error as soon as its server hangs. */
export function unlessItHangs<T>(connection: Guarded, answer: Promise<T>, scope: Scope | undefined): Promise<T> {
  return connection.watchdog === undefined ? answer : new Answer(connection, answer, scope).promise
}

/** A statement that a replica is at. An object with one promise, since it is what most statements are. */
class Execution<R> extends Answer<QueryResult<R>> {
  readonly #connection: Guarded
  readonly #onReplica: OnReplica
  readonly #sent: Sent

  constructor(connection: Guarded, onReplica: OnReplica, sent: Sent) {
    const { query, options, scope } = sent.statement
    super(connection, connection.send<R>(query, options), scope)
    this.#connection = connection
    this.#onReplica = onReplica
    this.#sent = sent
  }

  protected override succeeds(result: QueryResult<R>): QueryResult<R> | Promise<QueryResult<R>> {
    const { statement } = this.#sent
    const { analysis, scope } = statement
    if (analysis.leaves === 'setting') this.#onReplica.answered(statement)
    return scope?.consistency === 'monotonic' && analysis.transaction === undefined ? this.#seen(result, scope) : result
  }

  protected override fails(error: unknown): Promise<QueryResult<R>> {
    return this.#onReplica.failed<R>(this.#sent, error)
  }

  /** What the client has seen, it is to see again. */
  async #seen(result: QueryResult<R>, scope: Scope): Promise<QueryResult<R>> {
    await this.#connection.positions.take(scope, true)
    return result
  }
}
