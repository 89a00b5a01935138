import type { Access, Dialect } from '@flyroute/core'

/** Statements that share their verdict and the reason why. */
export interface Group {
  /** Why a replica does with them what it does. */
  readonly why: string
  readonly access: Access
  /** The code, or one a statement. */
  readonly reason: string | readonly string[]
  readonly sql: readonly string[]
  /** What has to be sent on the same connection before: a transaction to be open, a statement to be prepared. */
  readonly before?: readonly string[]
  /** A replica does run them, and they are judged a write for another reason, which is said here. */
  readonly runsThough?: string
  /** Only this server knows them. */
  readonly server?: 'mariadb' | 'mysql'
}

export interface Row {
  readonly dialect: Dialect
  readonly sql: string
  readonly access: Access
  readonly reason: string
  readonly why: string
  readonly before: readonly string[]
  readonly runsThough: string | undefined
  readonly server: 'mariadb' | 'mysql' | undefined
}

/** One row a statement. */
export function rowsOf(dialect: Dialect, groups: readonly Group[]): Row[] {
  return groups.flatMap(({ why, access, reason, sql, before = [], runsThough, server }) =>
    sql.map((text, i) => ({
      dialect,
      sql: text,
      access,
      reason: typeof reason === 'string' ? reason : reason[i]!,
      why,
      before,
      runsThough,
      server,
    })),
  )
}
