import type { Statement } from 'better-sqlite3'

/** A statement as the driver makes it, below its types. */
export type BareStatement = Statement<unknown[]>

/** The driver's own `prepare`. */
export type BarePrepare = (sql: string) => BareStatement

/** Asks the engine something of ours: the rows, with numbers as numbers. The app does not hear of it. */
export type Ask = (sql: string, params?: readonly unknown[]) => unknown[]

/** What the guard needs of the driver's database, below its own methods. */
export interface BareDatabase {
  readonly inTransaction: boolean
  readonly readonly: boolean
  /** Whether the app has set `query_only`. */
  readonly isQueryOnly: boolean
  /** Ends the open transaction. */
  rollBack(): void
}
