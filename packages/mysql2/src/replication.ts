import { ConfigurationError } from '@flyroute/core'
import {
  type Ask,
  type DialectFacts,
  gtids,
  type Observation,
  type ReplicationSource,
  type Role,
} from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import { type BareConnection, familyOf } from './driver-types.ts'
import { asText } from './intercepted-entry.ts'
import { type AskRows, askLag } from './lag.ts'
import { connectionOptions } from './options.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000
/** How long (ms) its orderly end may take. */
const goodbyeMs = 1_000

export interface MysqlSourceOptions {
  /** The driver's options for the member that is asked. */
  readonly config: PoolOptions
  readonly facts: DialectFacts
  /** Whether its servers keep no GTIDs, and could. */
  readonly lacksGtids: () => boolean
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
  #last: Observation | undefined
  #idle: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: MysqlSourceOptions) {
    this.#options = options
    this.#config = { ...connectionOptions(options.config), connectTimeout: answerMs }
  }

  async probe(): Promise<Observation> {
    return this.#use(async (connection) => this.#identify(connection))
  }

  /** Asks as well how far a replica is behind: what waiting does not need, and what not every user may know. */
  async probeLag(): Promise<Observation> {
    return this.#use(async (connection) => {
      const observation = await this.#identify(connection)
      if (observation.role === 'primary') return { ...observation, lagSeconds: 0 }
      const ask: AskRows = (sql) => askRowsOn(connection, sql)
      return { ...observation, ...(await askLag(ask, familyOf(connection), observation.at)) }
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

  async #identify(connection: BareConnection): Promise<Observation> {
    const { facts, expected } = this.#options
    this.#last = await facts.observe((sql) => askOn(connection, sql), expected)
    return this.#last
  }

  /** Asks something else on the same connection. */
  ask(sql: string): ReturnType<Ask> {
    return this.#use((connection) => askOn(connection, sql))
  }

  probePrimary(): Promise<Observation> {
    return (this.#options.primary ?? this).probe()
  }

  whyNoPosition(): ConfigurationError | undefined {
    if (this.#last?.at !== undefined || !this.#options.lacksGtids()) return undefined
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
  }
}

async function askOn(connection: BareConnection, sql: string): ReturnType<Ask> {
  return asText(await query(connection, { sql, rowsAsArray: true, typeCast: false }))
}

function askRowsOn(connection: BareConnection, sql: string): ReturnType<AskRows> {
  return query(connection, { sql, rowsAsArray: false, typeCast: true }) as ReturnType<AskRows>
}

function query(connection: BareConnection, options: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const config = { ...options, nestTables: false, timeout: answerMs }
    connection.query(config, (error, rows) => (error ? reject(error) : resolve(rows)))
  })
}
