import { EventEmitter } from 'node:events'
import { hideSecrets, noteUnreachable, primaryBounds, runInScope, type Scope, Watchdog } from '@flyroute/core/adapter'
import mysql, { type Pool } from 'mysql2'
import { guardConnection } from './connection.ts'
import type { MysqlDatabase, PrimaryConnections } from './database.ts'
import type { BareConnection, BarePool } from './driver-types.ts'
import { guardedOf } from './guards.ts'
import { Lives } from './lives.ts'
import { watchConnection } from './watchdog.ts'

export interface PrimaryPoolTimes {
  /** How long (ms) is waited for a connection, one that others use among them; 0: as long as it takes. */
  readonly connectMs: number
  /** How long (ms) a statement may take, unless it has a `timeout` of its own. */
  readonly answerMs: number
}

/** Opens it as the configuration says. */
export function openPrimaryPool(database: MysqlDatabase): PrimaryPool {
  const config = database.primaryConfig()
  const { connectTimeout: connectMs = primaryBounds.connectMs } = config
  return new PrimaryPool(mysql.createPool(config), database, { connectMs, answerMs: primaryBounds.answerMs })
}

/** The bounded pool of `runOnPrimary`: of guarded connections too, so that what they write has its positions. */
export class PrimaryPool implements PrimaryConnections {
  readonly #database: MysqlDatabase
  readonly #pool: BarePool
  readonly #connectMs: number
  readonly #watchdog: Watchdog = new Watchdog(undefined)
  readonly #lives: Lives

  constructor(driverPool: Pool, database: MysqlDatabase, { connectMs, answerMs }: PrimaryPoolTimes) {
    this.#database = database
    const pool = driverPool as unknown as BarePool
    this.#pool = pool
    this.#connectMs = connectMs
    this.#lives = new Lives(database.primaryLives)
    hideSecrets(pool.config.connectionConfig)
    const giveBack = pool.releaseConnection.bind(pool)
    pool.releaseConnection = (connection) => {
      // One that turned out to be no primary is left, so that the next connection looks again who is.
      const isUnfit = (): boolean => guardedOf(connection)?.givenBack() === false || this.#lives.isOver(connection)
      if (connection._pool && isUnfit()) connection.destroy()
      else giveBack(connection)
    }
    pool.on('release', (connection: BareConnection) => {
      this.#rest(connection)
      this.#tell('release', connection)
    })
    pool.on('acquire', (connection: BareConnection) => {
      this.#wake(connection)
      this.#tell('acquire', connection)
    })
    pool.on('connection', (connection: BareConnection) => {
      guardConnection(connection, database, 'primary')
      watchConnection(this.#watchdog, connection, answerMs)
      this.#lives.begins(connection)
      this.#tell('connection', connection)
    })
  }

  /**
   * What the app does to each connection that its pool makes or hands out (SET …) is to be done to these as well. What its pool
   * does for its own is not.
   */
  #tell(event: 'connection' | 'acquire' | 'release', connection: BareConnection): void {
    for (const pool of this.#database.pools) EventEmitter.prototype.emit.call(pool, event, connection)
  }

  /**
   * A connection, one that is idle or a new one. The scope hears of it where there is none in time: that the few are all in
   * use is no fault of the app's.
   */
  connect(scope: Scope | undefined): Promise<BareConnection> {
    const connecting = new Promise<BareConnection>((resolve, reject) => {
      const tooLate = `No connection to the primary in ${this.#connectMs} ms`
      let isLate = false
      const giveUp = (): void => {
        isLate = true
        reject(Object.assign(new Error(tooLate), { code: 'ETIMEDOUT' }))
      }
      const timer = this.#connectMs > 0 ? setTimeout(giveUp, this.#connectMs) : undefined
      // Connections belong to no request's scope.
      runInScope(undefined, () => {
        this.#pool.getConnection((error, connection) => {
          clearTimeout(timer)
          if (connection === undefined) reject(error)
          else if (isLate) connection.release?.()
          else resolve(connection)
        })
      })
    })
    return connecting.catch((error: unknown) => {
      noteUnreachable(this.#database, scope, error)
      throw error
    })
  }

  end(): Promise<void> {
    this.#watchdog.end()
    for (const connection of this.#lives.resting) this.#wake(connection)
    return new Promise((resolve) => this.#pool.end(() => resolve()))
  }

  /** What is not used keeps no process alive, and is closed after a while: the driver's own clean-up would not end. */
  #rest(connection: BareConnection): void {
    this.#lives.rests(connection)
    connection.stream.unref?.()
  }

  #wake(connection: BareConnection): void {
    this.#lives.wakes(connection)
    connection.stream.ref?.()
  }
}
