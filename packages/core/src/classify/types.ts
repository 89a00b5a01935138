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

/** A verdict with the facts that an adapter needs about the same text. Computed once and cached with it. */
export interface Analysis extends Classification {
  /** The last statement in the text that begins or ends a transaction; where there is none, the last one that does something in it. */
  readonly transaction: TransactionControl | undefined
  /** The mode that the transaction is asked for from there on: `READ ONLY` is true, `READ WRITE` is false, neither is undefined. */
  readonly readOnly: boolean | undefined
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
  /** What the text leaves in its session; of several statements the strongest. Known good: what is not understood leaves `something`. */
  readonly leaves: Leaves
  /** The answer tells what the session did before (`lastval()`, `FOUND_ROWS()`, `@variable`, FETCH), beyond its settings. */
  readonly dependsOnSession: boolean
  /**
   * What a `Catalogue` has said of the text, and in which of its generations: kept here, so that asking again is one
   * comparison. Written by catalogues alone.
   */
  catalogueSays: number
  catalogueGeneration: number
}
