import type { Dialect as Language } from '@flyroute/core'
import type { Observation, Position, PositionAlgebra, Role, ServerInstance, ServerWord } from '@flyroute/core/adapter'

/** Runs a text on one connection, below the guard, and resolves with its rows. */
export type Ask = (sql: string) => Promise<readonly Record<string, unknown>[]>

/** What has to be known of a database to guard a connection to it. */
export interface Facts {
  readonly language: Language
  readonly algebra: PositionAlgebra
  /** What an error means that a *replica* gave; undefined for the app's own. */
  readError(error: unknown): ServerWord | undefined
  /** A read-only transaction has refused it, and would do so on the primary as well. */
  isOfReadOnlyTransaction(error: unknown): boolean
  /** The server itself said it: what it says so did not happen. */
  isAnswer(error: unknown): boolean
  /** What there is to know without asking anybody; where that is all. */
  readonly asksNothing?: (expected: Role) => Observation
  /** @param expected the role, where the server does not tell */
  observe(ask: Ask, expected: Role): Promise<Observation>
  /** Asks a replica how far it has come by now, in brief; undefined where it has to be asked in full. */
  observeAgain?(ask: Ask, last: Observation): Promise<Observation | undefined>
  /**
   * Where the log stands behind what this connection has just committed, or has just read.
   *
   * @throws Error where it has no position
   */
  position(ask: Ask, server: ServerInstance, asynchronous: boolean): Promise<Position>
}
