import { ConfigurationError } from '@flyroute/core'
import { gtids, type Observation, type ReplicationSource, type Role, type Ask as TextAsk } from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import type { BareConnection } from './driver-types.ts'
import { type AskRows, askLag } from './lag.ts'
import type { Ask, Greeting, Observer, Side } from './observer.ts'
import { connectionOptions } from './options.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000
/** How long (ms) its orderly end may take. */
const goodbyeMs = 1_000

export interface MysqlSourceOptions {
  /** The driver's options for the member that is asked. */
  readonly config: PoolOptions
  readonly observer: Observer
  /** Which member that is. */
  readonly side: Side
  /** What the settings say that it is. */
  readonly expected: Role
  /** Told when the connection has died: its server may have been started anew, further back in the log. */
  readonly lost?: () => void
  /** Asks the primary, where that is another server. */
  readonly primary?: MysqlReplicationSource | undefined
}

/**
 * The connection that asks a member where it stands: one of its own, so that waits occupy none of the pool's;
 * opened when it is needed, and never what keeps a process alive. It asks and does not wait on the server, whose functions
 * for that would keep one connection for each.
 */
export class MysqlReplicationSource implements ReplicationSource {
  readonly algebra: typeof gtids = gtids
  readonly #options: MysqlSourceOptions
  readonly #config: PoolOptions
  #connection: BareConnection | undefined
  #greeting: Greeting | undefined
  #idle: NodeJS.Timeout | undefined
  #isWithoutGtids = false
  #ended = false

  constructor(options: MysqlSourceOptions) {
    this.#options = options
    this.#config = { ...connectionOptions(options.config), connectTimeout: answerMs }
  }

  async probe(): Promise<Observation> {
    return this.#use(async (connection) => (await this.#identify(connection)).observation)
  }

  /** Asks as well how far a replica is behind: what waiting does not need, and what not every user may know. */
  async probeLag(): Promise<Observation> {
    return this.#use(async (connection) => {
      const { observation, flavour } = await this.#identify(connection)
      if (observation.role === 'primary') return { ...observation, lagSeconds: 0 }
      const ask: AskRows = (sql) => askOn(connection, sql, false)
      return { ...observation, ...(await askLag(ask, flavour, observation.at)) }
    })
  }

  async #use<T extends object>(ask: (connection: BareConnection) => Promise<T>): Promise<T> {
    if (this.#ended) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    const connection = (this.#connection ??= this.#open())
    connection.stream.ref?.()
    try {
      const answer = await ask(connection)
      connection.stream.unref?.()
      clearTimeout(this.#idle)
      // Where the primary should be and is none, the name may lead to another server next time.
      const isMisplaced = this.#options.expected === 'primary' && 'role' in answer && answer.role === 'replica'
      this.#idle = setTimeout(() => this.#close(connection), isMisplaced ? 0 : idleMs).unref()
      return answer
    } catch (error) {
      this.#close(connection)
      throw error
    }
  }

  async #identify(connection: BareConnection): Promise<Greeting> {
    const { observer, side } = this.#options
    const ask: Ask = (sql) => askOn(connection, sql, true)
    const known = this.#greeting
    const greeting =
      known === undefined
        ? await observer.greet(ask, connection._handshakePacket?.serverVersion, side)
        : await observer.look(ask, known, side)
    if (connection === this.#connection) this.#greeting = greeting
    this.#isWithoutGtids = greeting.observation.at === undefined && greeting.flavour.kind !== 'modest'
    return greeting
  }

  /** Asks something else on the same connection, with rows as arrays of text. */
  ask(sql: string): ReturnType<TextAsk> {
    return this.#use(async (connection) => {
      const rows = await askOn<readonly (string | number | null)[]>(connection, sql, true)
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))))
    })
  }

  probePrimary(): Promise<Observation> {
    return (this.#options.primary ?? this).probe()
  }

  whyNoPosition(): ConfigurationError | undefined {
    if (!this.#isWithoutGtids) return undefined
    const remedy = 'set gtid_mode = ON and enforce_gtid_consistency = ON, or log_bin on MariaDB'
    return new ConfigurationError([{ setting: 'gtid_mode', message: 'is off on the database server', remedy }])
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#idle)
    await Promise.all([this.#end(), this.#options.primary?.end()])
  }

  async #end(): Promise<void> {
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
      if (connection === this.#connection && !this.#ended) this.#options.lost?.()
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

function askOn<Row>(connection: BareConnection, sql: string, rowsAsArray: boolean): Promise<readonly Row[]> {
  const options = { sql, rowsAsArray, typeCast: true, nestTables: false, timeout: answerMs }
  return new Promise((resolve, reject) => {
    connection.query(options, (error, rows) => (error ? reject(error) : resolve(rows as Row[])))
  })
}
