import { ConfigurationError } from '@flyroute/core'
import { gtids, type Observation, type ReplicationSource } from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import type { BareConnection } from './driver-types.ts'
import type { Greeting, Observer } from './observer.ts'
import { connectionOptions } from './options.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000
/** How long (ms) its orderly end may take. */
const goodbyeMs = 1_000

/**
 * The connection that asks the member next door where it stands: one of its own, so that waits occupy none of the pool's;
 * opened when it is needed, and never what keeps a process alive. It asks and does not wait on the server, whose functions
 * for that would keep one connection for each.
 */
export class MysqlReplicationSource implements ReplicationSource {
  readonly algebra: typeof gtids = gtids
  readonly #config: PoolOptions
  readonly #observer: Observer
  readonly #lost: () => void
  #connection: BareConnection | undefined
  #greeting: Greeting | undefined
  #idle: NodeJS.Timeout | undefined
  #isWithoutGtids = false
  #ended = false

  /** @param lost told when the connection has died: its server may have been started anew, further back in the log */
  constructor(config: PoolOptions, observer: Observer, lost: () => void) {
    this.#config = { ...connectionOptions(config), connectTimeout: answerMs }
    this.#observer = observer
    this.#lost = lost
  }

  async observe(): Promise<Observation> {
    if (this.#ended) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    const connection = (this.#connection ??= this.#open())
    connection.stream.ref?.()
    try {
      const ask = (sql: string): Promise<readonly (readonly unknown[])[]> => askOn(connection, sql)
      const hint = connection._handshakePacket?.serverVersion
      this.#greeting =
        this.#greeting === undefined
          ? await this.#observer.greet(ask, hint)
          : await this.#observer.look(ask, this.#greeting)
    } catch (error) {
      this.#close(connection)
      throw error
    }
    const { observation, flavour } = this.#greeting
    this.#isWithoutGtids = observation.at === undefined && flavour.kind !== 'modest'
    connection.stream.unref?.()
    this.#idle = setTimeout(() => this.#close(connection), idleMs)
    this.#idle.unref()
    return observation
  }

  whyNoPosition(): ConfigurationError | undefined {
    if (!this.#isWithoutGtids) return undefined
    const remedy = 'set gtid_mode = ON and enforce_gtid_consistency = ON, or log_bin on MariaDB'
    return new ConfigurationError([{ setting: 'gtid_mode', message: 'is off on the database server', remedy }])
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#idle)
    const connection = this.#connection
    if (connection === undefined) return
    connection.stream.ref?.()
    await new Promise<void>((resolve) => {
      connection.once('end', resolve)
      connection.once('error', resolve)
      connection.end()
      // A server that hangs does not say goodbye.
      const timer = setTimeout(() => {
        connection.stream.destroy()
        resolve()
      }, goodbyeMs)
      connection.once('end', () => clearTimeout(timer))
    })
    this.#forget(connection)
  }

  #open(): BareConnection {
    const connection = mysql.createConnection({ ...this.#config }) as unknown as BareConnection
    const lost = (): void => {
      if (connection === this.#connection && !this.#ended) this.#lost()
      this.#forget(connection)
    }
    connection.on('error', lost)
    connection.once('end', lost)
    return connection
  }

  #close(connection: BareConnection): void {
    this.#forget(connection)
    connection.destroy()
  }

  #forget(connection: BareConnection): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#greeting = undefined
  }
}

function askOn(connection: BareConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  const options = { sql, rowsAsArray: true, typeCast: true, nestTables: false, timeout: answerMs }
  return new Promise((resolve, reject) => {
    connection.query(options, (error, rows) => (error ? reject(error) : resolve(rows as unknown[][])))
  })
}
