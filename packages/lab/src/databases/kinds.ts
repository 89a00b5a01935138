import type { ClusterOptions, DatabaseCluster } from './cluster.ts'
import { startMariadb } from './mariadb.ts'
import { startMysql } from './mysql.ts'
import { startPostgres } from './postgres.ts'

const starters = {
  postgres: startPostgres,
  mariadb: startMariadb,
  mysql: startMysql,
} satisfies Record<string, (options: ClusterOptions) => Promise<DatabaseCluster>>

/** A database that the lab can run, or `none`. */
export type DatabaseKind = keyof typeof starters | 'none'

export const databaseKinds: readonly string[] = [...Object.keys(starters), 'none']

/** Starts a cluster of the kind; undefined for `none`. */
export async function startDatabase(kind: DatabaseKind, options: ClusterOptions): Promise<DatabaseCluster | undefined> {
  return kind === 'none' ? undefined : starters[kind](options)
}
