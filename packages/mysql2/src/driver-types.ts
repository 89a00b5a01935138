import type { EventEmitter } from 'node:events'

// What we use of mysql2, by structure: its connections and their queue of commands, below all of its public forms.

/** Node-style, as the driver calls it. */
export type Callback = (error: unknown, ...results: unknown[]) => void

/** One packet from the server. */
export interface Packet {
  isError(): boolean
  asError(encoding: string): Error
}

/** What a connection asks of the entries of its queue. */
export interface QueueEntry {
  readonly onResult?: Callback | undefined
  /**
   * Begins (without a packet) or goes on with one, until it returns true.
   */
  execute(packet: Packet | undefined, connection: BareConnection): boolean
}

/** A command of the driver: a query, the preparation or the execution of a statement, a reset … */
export interface Command extends EventEmitter, QueueEntry {
  onResult?: Callback | undefined
  /** Where it stands; null before it begins. */
  next: unknown
  /** A query's text with its values in place; an execution's text. */
  sql?: string
  /** What a query was made of. */
  readonly _queryOptions?: { readonly sql: string; readonly values?: unknown }
  readonly _executeOptions?: object
  /** The text that is prepared. */
  query?: string
  options?: object
  readonly parameterDefinitions?: unknown
  /** How long (ms) the app waits for each answer. */
  readonly timeout?: number
  queryTimeout?: NodeJS.Timeout | null
  /** Tells the caller that this time is over; the command goes on until its answer comes. */
  _handleTimeoutError?: () => void
  /** What is executed; undefined while its preparation is on its way. */
  statement?: PreparedStatement
  /** What has come: of each result its rows, or its header. */
  readonly _rows?: readonly unknown[]
}

/** What the preparation of a statement was asked for with. */
export interface PrepareOptions {
  readonly sql: string
  readonly nestTables?: unknown
  readonly rowsAsArray?: unknown
}

export interface PreparedStatement {
  readonly query: string
  readonly _connection: BareConnection
}

/** The server's answer to what has no rows. */
export interface ResultHeader {
  readonly serverStatus?: number
  readonly affectedRows?: number
  readonly changedRows?: number
  readonly info?: string
  readonly stateChanges?: {
    readonly gtids?: readonly string[]
    readonly systemVariables?: Readonly<Record<string, string>>
  }
}

/** What a connection was made with. */
export interface ConnectionConfig {
  readonly host?: string
  readonly port?: number
  readonly socketPath?: string
  readonly queryFormat?: unknown
  /** What the driver says of itself to the server. */
  readonly connectAttributes?: { readonly _client_version?: string }
}

/** A connection of the driver, of a pool or not. */
export interface BareConnection extends EventEmitter {
  readonly config: ConnectionConfig
  readonly stream: {
    destroy(error?: Error): void
    push(end: null): unknown
    once(event: 'close', listener: () => void): unknown
    ref?(): void
    unref?(): void
  }
  readonly clientEncoding: string
  readonly _handshakePacket?: { readonly serverVersion?: string } | null
  /** What it has prepared, by the driver's own key. */
  readonly _statements?: { has(key: string): boolean }
  _command: QueueEntry | null | undefined
  readonly _commands: { readonly length: number; shift(): QueueEntry | undefined }
  readonly _paused: boolean
  readonly _closing?: boolean
  readonly _pool?: BarePool | null
  addCommand: (command: QueueEntry) => unknown
  handlePacket(): void
  query(options: unknown, callback: Callback): Command
  execute(options: object, callback: Callback): unknown
  prepare(options: object, callback: (error: unknown, statement: PreparedStatement) => void): unknown
  promise(Implementation?: unknown): object
  changeUser(options: object, callback: Callback): unknown
  release?(): void
  destroy(): void
  end(callback?: () => void): unknown
}

/** A pool of the driver, below its overloads. */
export interface BarePool extends EventEmitter {
  readonly config: { readonly connectionConfig: ConnectionConfig; readonly connectionLimit?: number }
  /** It has ended. */
  readonly _closed: boolean
  /** Those that are not in use. */
  readonly _freeConnections: { readonly length: number }
  readonly _allConnections: { readonly length: number }
  /** Who waits for one. */
  readonly _connectionQueue: { shift(): ((error: unknown, connection?: BareConnection) => void) | undefined }
  query(sql: unknown, values?: unknown, callback?: unknown): unknown
  execute(sql: unknown, values?: unknown, callback?: unknown): unknown
  getConnection(callback: (error: unknown, connection?: BareConnection) => void): void
  releaseConnection(connection: BareConnection): void
  promise(Implementation?: unknown): object
  end(callback?: (error?: Error) => void): void
}

/** What a command is to us. */
export type Kind = 'query' | 'prepare' | 'execute' | 'session'

/** What a command is; undefined for those that say nothing to the database. */
export function kindOf(command: object): Kind | undefined {
  if ('_queryOptions' in command) return 'query'
  if ('_executeOptions' in command) return 'execute'
  if ('parameterDefinitions' in command) return 'prepare'
  // COM_CHANGE_USER and COM_RESET_CONNECTION
  if ('currentConfig' in command || 'resetConnectionResponse' in command) return 'session'
  return undefined
}

/** Whether a connection has prepared the statement of a `prepare` before. */
export function hasStatement({ constructor, _statements: known }: BareConnection, { options }: Command): boolean {
  const { statementKey } = constructor as { statementKey?: (options: object | undefined) => string }
  return statementKey !== undefined && known?.has(statementKey(options)) === true
}

/** The SQL of a command, with placeholders where values cannot change what it is: a text that is met again and again. */
export function textOf(command: Command, { config }: BareConnection): string {
  const { _queryOptions: options } = command
  if (options === undefined) return command.query ?? command.statement?.query ?? command.sql ?? ''
  const { sql, values } = options
  const isTemplate = typeof config.queryFormat !== 'function' && isPlain(values) && !sql.includes('??')
  return isTemplate ? sql : (command.sql ?? sql)
}

/** Whether it becomes nothing but a literal. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return typeof value !== 'function'
  if (Array.isArray(value)) return value.every(isPlain)
  return value instanceof Date || value instanceof Uint8Array
}

const noHeaders: ResultHeader[] = []

/** Of an answer the parts without rows: one for each statement in it that has none. */
export function headersOf({ _rows: rows }: Command): readonly ResultHeader[] {
  if (rows === undefined || (rows.length === 1 && Array.isArray(rows[0]))) return noHeaders
  return rows.filter((row) => !Array.isArray(row) && row !== null && row !== undefined) as ResultHeader[]
}

/** Tells servers apart that do not say which they are. */
export function addressOf({ config: { host, port, socketPath } }: BareConnection): string {
  return socketPath ?? `${host ?? ''}:${port ?? ''}`
}

/** The two kinds of servers, which tell their positions in different ways. */
export type Family = 'mysql' | 'mariadb'

/** The kind of a connection's server, by the word of its handshake. */
export function familyOf({ _handshakePacket: handshake }: BareConnection): Family {
  return /mariadb/i.test(handshake?.serverVersion ?? '') ? 'mariadb' : 'mysql'
}
