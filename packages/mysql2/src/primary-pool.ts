import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import type { Pool } from 'mysql2'
import type { MysqlDatabase } from './database.ts'
import type { BareConnection, BarePool } from './driver-types.ts'
import { guardConnection } from './guard.ts'
import { guardOf } from './guards.ts'
import { hideSecrets } from './options.ts'
import { readError } from './refusal.ts'

/** How long (ms) an idle connection is kept. */
const idleMs = 10_000

/** The bounded pool behind `runOnPrimary`: of guarded connections too, so that what they write has its positions. */
export class PrimaryPool {
  readonly #pool: BarePool
  readonly #idle: Map<BareConnection, NodeJS.Timeout> = new Map()

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
    pool.on('release', (connection: BareConnection) => this.#rest(connection))
    pool.on('acquire', (connection: BareConnection) => this.#wake(connection))
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
          if (connection === undefined) reject(error)
          else resolve(connection)
        })
      })
    })
  }

  end(): Promise<void> {
    for (const connection of this.#idle.keys()) this.#wake(connection)
    return new Promise((resolve) => this.#pool.end(() => resolve()))
  }

  /** What nobody uses keeps no process alive, and is closed after a while: the driver's own clean-up would not end. */
  #rest(connection: BareConnection): void {
    const timer = setTimeout(() => {
      this.#idle.delete(connection)
      connection.destroy()
    }, idleMs)
    timer.unref()
    this.#idle.set(connection, timer)
    connection.stream.unref?.()
  }

  #wake(connection: BareConnection): void {
    clearTimeout(this.#idle.get(connection))
    this.#idle.delete(connection)
    connection.stream.ref?.()
  }
}

/** The door answers 503 where the app makes a failure of this. */
export function noteUnreachable(scope: Scope | undefined, error: unknown): void {
  const isNone = (error as { code?: unknown }).code === 'ERR_REPLAY_UNAVAILABLE'
  if (scope !== undefined && (isNone || readError(error) === 'unavailable')) scope.activity.primaryUnreachable = error
}
