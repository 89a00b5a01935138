import type { Dialect } from '../classify/types.ts'
import type { Observation, Position, PositionAlgebra, Role, ServerInstance } from '../position.ts'
import type { Ask, AskRows } from './ask.ts'
import type { ServerWord } from './postgres.ts'
import type { Writers } from './writers.ts'

/** Something about a server that its operator should know. */
export type ServerProblem =
  /** It does not answer the full question: a more modest one is asked from now on. */
  | 'modest'
  /** It keeps no GTIDs. */
  | 'no-gtids'
  /** It is a replica and would run this user's writes. */
  | 'accepts-writes'

export interface DialectFactsOptions {
  /** Take the local server for a replica, whatever it says. Default: false. */
  readonly simulated?: boolean | undefined
  /** Told of a server's problem, each time that it is met. */
  readonly onProblem?: ((problem: ServerProblem, cause?: unknown) => void) | undefined
}

/**
 * What has to be known of a database to guard a connection to it: how its servers are asked, what their answers mean, and
 * what their errors say. One for each database, as it learns what its servers answer.
 */
export interface DialectFacts {
  readonly language: Dialect
  readonly algebra: PositionAlgebra
  /** An error within a transaction aborts it: nothing but ROLLBACK runs after it. */
  readonly abortsTransactions: boolean
  /** What an error means that a *replica* gave; undefined for the app's own. */
  readError(error: unknown): ServerWord | undefined
  /** A read-only transaction has refused it, and would do so on the primary as well. */
  isOfReadOnlyTransaction(error: unknown): boolean
  /** The server itself said it: what it says so did not happen. */
  isAnswer(error: unknown): boolean
  /** A refusal says of its text that it writes, in every session: not of a setting, a transaction or the server's state. */
  teachesWrite(error: unknown): boolean
  /** Its sessions tell of the statement before (`ROW_COUNT()`, `SHOW WARNINGS`): a question of ours in between would show. */
  readonly questionsShow: boolean
  /** What there is to know without a question, where that is all. */
  readonly asksNothing?: (expected: Role) => Observation
  /**
   * Asks a server what it is and where it stands.
   *
   * @param expected its role, where it does not tell
   * @param address tells servers apart that do not say which they are. Default: their role does
   */
  observe(ask: Ask, expected: Role, address?: string): Promise<Observation>
  /** Asks a replica how far it has come by now, in brief; undefined where it has to be asked in full. */
  observeAgain?(ask: Ask, last: Observation): Promise<Observation | undefined>
  /**
   * Asks a replica how far it is behind, where `observe` does not tell; again and again for a quarter of a second, where one answer
   * does not show it.
   */
  lag?(
    asked: { readonly ask: Ask; readonly askRows?: AskRows | undefined },
    observation: Observation,
  ): Promise<Pick<Observation, 'lagBytes' | 'lagSeconds' | 'lastContactSeconds'>>
  /** Has a replica wait by itself until it has come as far as a position; undefined where none can. */
  readonly replayWait?: {
    /** The statement; undefined where that is no position. */
    statement(at: string, withinMs: number): string | undefined
    /** Whether its answer says that it has waited. */
    hasWaited(answer: Awaited<ReturnType<Ask>>): boolean
  }
  /** What keeps the servers from telling their positions, where that can be put right. */
  whyNoPosition?(): Error | undefined
  /**
   * Where the log stands after what this connection has just committed, or has just read. Asks at once, also while the server is still
   * being asked what it is.
   *
   * @throws Error where it has no position
   */
  position(
    ask: Ask,
    role: Role,
    server: ServerInstance | Promise<ServerInstance>,
    asynchronous: boolean,
  ): Promise<Position>
  /** Asks the catalogue which of the app's routines and views may write. */
  writers(ask: Ask): Promise<Writers>
}
