import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import type { Pool } from 'mysql2'
import type { MysqlDatabase } from './database.ts'
import type { BareConnection, BarePool } from './driver-types.ts'
import { guardConnection, guardOf } from './guard.ts'
import { hideSecrets } from './options.ts'
import { readError } from './refusal.ts'

/** The bounded pool behind `runOnPrimary`: of guarded connections too, so that what they write has its positions. */
export class PrimaryPool {
  readonly #pool: BarePool

  constructor(driverPool: Pool, database: MysqlDatabase) {
    const pool = driverPool as unknown as BarePool
    this.#pool = pool
    hideSecrets(pool.config.connectionConfig)
    const giveBack = pool.releaseConnection.bind(pool)
    pool.releaseConnection = (connection) => {
      // One that turned out to be no primary is left, so that the next connection looks again who is.
      if (connection._pool && guardOf(connection)?.givenBack() === false) connection.destroy()
      else giveBack(connection)
    }
    pool.on('connection', (connection: BareConnection) => {
      guardConnection(connection, database, 'primary')
      connection.on('error', () => undefined)
      // What the app does to each new connection (SET …) is to be done to these as well.
      for (const other of database.pools) other.emit('connection', connection)
    })
  }

  connect(): Promise<BareConnection> {
    const scope = currentScope()
    return new Promise((resolve, reject) => {
      runInScope(undefined, () => {
        this.#pool.getConnection((error, connection) => {
          if (error) noteUnreachable(scope, error)
          if (connection === undefined) reject(error as Error)
          else resolve(connection)
        })
      })
    })
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#pool.end(() => resolve()))
  }
}

/** The door answers 503 where the app makes a failure of this. */
export function noteUnreachable(scope: Scope | undefined, error: unknown): void {
  const isNone = (error as { code?: unknown }).code === 'ERR_REPLAY_UNAVAILABLE'
  if (scope !== undefined && (isNone || readError(error) === 'unavailable')) scope.activity.primaryUnreachable = error
}
