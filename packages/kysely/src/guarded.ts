import type { GuardedDatabase, PrimaryConnection, Scope, Watchdog } from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import type { OwedPositions } from './owed-positions.ts'
import type { ExecuteOptions, Statement } from './statement.ts'

/** Where guarded connections come from, and go back to. */
export interface Owner {
  readonly database: GuardedDatabase
  /** Looks after a replica that is one of several connections away; undefined for a primary. */
  readonly watchdog: Watchdog | undefined
  /** A connection to the primary, in place of one to a replica; only where there is a dialect for it. */
  acquirePrimary(options?: ExecuteOptions): Promise<Guarded>
  /** @param isUnfit it must not be used again as it is */
  giveBack(connection: Guarded, isUnfit: boolean): void
  /** What a statement gets whose request was answered with a replay. */
  drops(scope: Scope | undefined): Promise<never>
}

/** A guarded connection, as its parts see it. */
export interface Guarded extends PrimaryConnection<CompiledQuery> {
  readonly owner: Owner
  /** The driver that the inner connection belongs to. */
  readonly driver: Driver
  readonly inner: DatabaseConnection
  /** Tells of a statement when it has come back; `sentAt` as `sentNow` has said, and not 0. */
  measures<T>(answer: Promise<T>, query: CompiledQuery, sentAt: number): Promise<T>
  readonly watchdog: Watchdog | undefined
  readonly positions: OwedPositions
  /** A statement that the server does not answer, and that is not waited for any more; settles when it is over. */
  readonly abandoned: Promise<unknown> | undefined
  /** A statement is under way on it. */
  isBusy: boolean
  /** Kysely may want to cancel what runs here. */
  readonly isCancellable: boolean
  /** Ends its transaction for us. */
  rollsBack(): Promise<void>
  /** The answer to this promise is not waited for any more. */
  abandons(answer: Promise<unknown>): void
  /** Runs it below the guard. @param instead what is sent in its place */
  send<R>(query: CompiledQuery, options: ExecuteOptions, instead?: CompiledQuery): Promise<QueryResult<R>>
  /** Opens a stream below the guard. */
  open<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>>
  run<R>(statement: Statement): Promise<QueryResult<R>>
  stream<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>>
  /** Asks what is still to be asked on it; undefined where there is nothing. To be waited for before it is given back. */
  settles(): Promise<void> | undefined
  /** Runs it on the primary, in place of this connection. */
  runOnPrimary<R>(statement: Statement): Promise<QueryResult<R>>
  streamOnPrimary<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>>
}
