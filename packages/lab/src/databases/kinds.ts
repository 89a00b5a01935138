import type { ClusterOptions, DatabaseCluster } from './cluster.ts'
import { startMariadb } from './mariadb.ts'
import { startMysql } from './mysql.ts'
import { startPostgres } from './postgres.ts'

/** A database that the lab can run, or `none`. */
export type DatabaseKind = 'postgres' | 'mariadb' | 'mysql' | 'none'

const starters: Record<DatabaseKind, (options: ClusterOptions) => Promise<DatabaseCluster | undefined>> = {
  postgres: startPostgres,
  mariadb: startMariadb,
  mysql: startMysql,
  none: async () => undefined,
}

export const databaseKinds: readonly string[] = Object.keys(starters)

/** Starts a cluster of the kind; undefined for `none`. */
export async function startDatabase(kind: DatabaseKind, options: ClusterOptions): Promise<DatabaseCluster | undefined> {
  return starters[kind](options)
}
