/** A database language. MySQL and MariaDB are one dialect. */
export type Dialect = 'postgres' | 'mysql' | 'sqlite'

/** What a statement needs: any server (`read`), the primary (`write`), or the text does not say (`unknown`). */
export type Access = 'read' | 'write' | 'unknown'

/** The verdict on a text. `reason` is a short stable code, listed in docs/classification.md and fit for a metric's label. */
export interface Classification {
  readonly access: Access
  readonly reason: string
}

/** Names of one's own functions. `audit` means the function in any schema, `app.audit` only the one in that schema. */
export interface FunctionNames {
  /** Functions that write: a call of one makes the statement a write. */
  readonly write?: readonly string[]
  /** Functions that only read, although flyroute's own list says otherwise. */
  readonly read?: readonly string[]
}

export interface ClassifyOptions {
  readonly functions?: FunctionNames
}

/** What a transaction-control statement does. */
export type TransactionControl =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback-to'
  | 'prepare'
  | 'commit-prepared'
  | 'rollback-prepared'
  | 'set'

/** What a statement does to the names that PREPARE gives. */
export type PreparedStep =
  | { readonly action: 'prepare'; readonly name: string; readonly verdict: Classification }
  | { readonly action: 'execute'; readonly name: string }
  | { readonly action: 'deallocate'; readonly name: string }
  | { readonly action: 'deallocate-all' }

/**
 * What a statement may leave in the session that ran it on a replica: `nothing`; a `setting` of known values, which can be
 * made again from its very text; or `something` that is not known.
 */
export type Leaves = 'nothing' | 'setting' | 'something'

/** What a text sets of its session, in statements that can be made again from their texts. */
export interface SettingFacts {
  /** What it sets, in lower case and without quotes; a number for a name that is bound to the text: its place, from 1. */
  readonly names: readonly (string | number)[]
  /** How many settings that are, those of the server's included. */
  readonly count: number
  /** All of it ends with its transaction (`SET LOCAL`). */
  readonly isLocal: boolean
  /** Whether it has transactions read-only; undefined where it is about something else. */
  readonly readOnly: boolean | undefined
  /** That mode is of the transaction that is open (`transaction_read_only` of PostgreSQL), and not of those that follow. */
  readonly isOfOne: boolean
  /** DISCARD ALL: nothing is left of what was set before. */
  readonly discards: boolean
  /** USE: the database of the session. */
  readonly isDatabase: boolean
}

/** A verdict with the facts that an adapter needs about the same text. Computed once and cached with it. */
export interface Analysis extends Classification {
  /** The last statement in the text that begins or ends a transaction; where there is none, the last one that does something in it. */
  readonly transaction: TransactionControl | undefined
  /** The mode that the transaction is asked for from there on: `READ ONLY` is true, `READ WRITE` is false, neither is undefined. */
  readonly readOnly: boolean | undefined
  /** That statement says something of the isolation or the mode of its transaction. */
  readonly hasModes: boolean
  /** It asks for REPEATABLE READ or SERIALIZABLE: later writes of others are not seen. */
  readonly isSnapshot: boolean
  /** `AND CHAIN` of COMMIT and ROLLBACK: the next transaction has begun. `AND NO CHAIN` is false, neither is undefined: as the session has it. */
  readonly chain: boolean | undefined
  /** The text holds more than one statement. */
  readonly several: boolean
  /** The text mentions `synchronous_commit`: a position taken after the COMMIT may be too early. */
  readonly synchronousCommit: boolean
  /** The text looks like DDL: what was learned about other texts may no longer hold. */
  readonly schema: boolean
  /** What the text does to prepared statements, in order; undefined for nothing. */
  readonly prepared: readonly PreparedStep[] | undefined
  /** Functions that the text calls and that are not known as the server's own: in lower case, with the schema where one is written; undefined for none. */
  readonly calls: readonly string[] | undefined
  /** The text that an EXECUTE runs, where it is known; undefined for any other. */
  readonly executed?: string | undefined
  /** What the text leaves in its session; of several statements the strongest. Known good: what is not understood leaves `something`. */
  readonly leaves: Leaves
  /** What it sets of its session, but for SET TRANSACTION; undefined where that is nothing, or where something else is left as well. */
  readonly sets: SettingFacts | undefined
  /** It is for a session that outlives its transaction: it listens, locks, prepares, or keeps a temporary table or a cursor. */
  readonly needsSession: boolean
  /** The answer tells what the session did before (`lastval()`, `FOUND_ROWS()`, `@variable`, FETCH), beyond its settings. */
  readonly dependsOnSession: boolean
  /**
   * What a `Catalogue` has said of the text, and in which of its generations: kept here, so that asking again is one
   * comparison. Written by catalogues alone.
   */
  catalogueSays: number
  catalogueGeneration: number
}
