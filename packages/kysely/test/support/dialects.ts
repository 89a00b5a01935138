import type { Dialect } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import Cursor from 'pg-cursor'
import type { Version } from './subject.ts'

/** How long (ms) a pool keeps what nobody uses. */
const idleMs = 200

/** A dialect over a plain pool of node-postgres, with the listeners without which a lost connection ends the process. */
export function postgresDialect(version: Version, connectionString: string, max = 10): Dialect {
  const pool = async (): Promise<pg.Pool> => {
    const made = new pg.Pool({ connectionString, max, idleTimeoutMillis: idleMs })
    made.on('error', () => undefined)
    made.on('connect', (client) => client.on('error', () => undefined))
    return made
  }
  return new version.PostgresDialect({ pool, cursor: Cursor })
}

/** A dialect over a plain pool of mysql2. */
export function mysqlDialect(version: Version, uri: string, connectionLimit = 10): Dialect {
  const pool = async (): Promise<mysql.Pool> =>
    mysql.createPool({ uri, connectionLimit, maxIdle: 0, idleTimeout: idleMs })
  return new version.MysqlDialect({ pool })
}
