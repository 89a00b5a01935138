import { createPool } from '@flyroute/mysql2'
import type { MysqlCluster } from '@flyroute/testkit'
import { describeAborts } from '@flyroute/testkit/aborts'
import { Kysely, MysqlDialect, sql } from 'kysely'
import mysql from 'mysql2'

/** The tests of an aborted statement, with Kysely over a pool of ours, on either kind of server. */
export function describePoolAborts(server: string, start: () => Promise<MysqlCluster>): void {
  describeAborts({
    name: `a pool of ours on ${server}`,
    start,
    // Kysely knows the connection of the pool, and not the one in its place: see docs/mysql.md.
    reachesInPlace: false,
    open({ primary, replicas: [replica] }, controls) {
      const env = {
        FLY_REGION: 'ams',
        PRIMARY_REGION: 'ord',
        DATABASE_URL: primary.url,
        DATABASE_URL_AMS: replica?.url ?? '',
      }
      const pool = createPool({ env, connectionLimit: 2 }) as never
      const controlConnection = mysql.createConnection as never
      const db = new Kysely({ dialect: new MysqlDialect({ pool, ...(controls ? { controlConnection } : {}) }) })
      return { run: (text, options) => sql.raw(text).execute(db, options), end: () => db.destroy() }
    },
  })
}
