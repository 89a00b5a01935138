import type { EventEmitter } from 'node:events'
import type pg from 'pg'

// What we use of node-postgres, by structure. Its own types describe the public overloads; we sit below those, where
// every overload has the same three arguments.

/** The module of the driver, or its native part. */
export type Driver = typeof pg

/** Node-style, as the driver calls it: of `query` with a result, of `pool.connect` with a client and its release. */
export type Callback = (error: unknown, result?: unknown, release?: Release) => void

/** Gives a client back to its pool, which drops it when it is handed an error. */
export type Release = (error?: unknown) => void

/** Anything that `client.query` takes as it is: `pg.Query`, pg-cursor, pg-query-stream, pg-copy-streams. */
export interface Submittable {
  submit(connection: unknown): unknown
  text?: string
  name?: string
  rows?: unknown
  values?: unknown
  callback?: Callback | undefined
  query_timeout?: number
  /** Of ours: when it was sent, where that was ahead of its turn. */
  sentAt?: number
  handleError?: (error: unknown, connection?: unknown) => void
  handleCommandComplete?: (message: unknown, connection?: unknown) => void
  handleReadyForQuery?: (connection?: unknown) => void
  close?: (callback?: Callback) => Promise<unknown> | undefined
  /** Of pg-cursor: asks the server for the next rows. */
  _getRows?: (count: number, callback: Callback) => void
  /** pg-query-stream keeps its cursor here. */
  cursor?: Submittable
}

/** What `client.query` takes besides. */
export interface QueryConfig {
  text?: string
  name?: string
  values?: unknown
  callback?: Callback
  query_timeout?: number
}

export type QueryArgument = string | QueryConfig | Submittable

export interface QueryClass {
  new (config: unknown, values?: unknown, callback?: unknown): Submittable
}

/** The protocol's connection below a client. Absent in the native client. */
export interface Wire extends EventEmitter {
  readonly stream: { destroy(error?: Error): void }
  /** Named statements that this server has, by name. */
  readonly parsedStatements?: Record<string, string | undefined>
  query(text: string): void
}

/** A client of the driver. */
export interface BareClient extends EventEmitter {
  readonly host?: string
  readonly port?: number
  readonly connection?: Wire
  readonly pipeline?: boolean
  /** Whether the server has answered all that was submitted. */
  readonly readyForQuery?: boolean
  /** The query whose answer is being read; those that wait; those that were sent ahead of their turn (pipelining). */
  readonly _activeQuery?: unknown
  readonly _queryQueue?: readonly unknown[]
  readonly _sentQueryQueue?: readonly unknown[]
  readonly _Promise?: PromiseConstructor
  /** Its type parsers (`setTypeParser`). */
  _types?: unknown
  /** It was told to end. */
  readonly _ending?: boolean
  /** False once its connection has died. */
  readonly _queryable?: boolean
  readonly connectionParameters?: { readonly query_timeout?: number | false }
  connect(callback?: Callback): Promise<unknown> | undefined
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  end(callback?: () => void): Promise<void> | undefined
  /** What `connect` does. */
  _connect?(callback: Callback): void
  /** What the driver does with the server's word that it is ready; not of the native client. */
  _handleReadyForQuery?(message: { status: 'I' | 'T' | 'E' } | undefined): void
  /** What the driver does with an error that the server answers, and with its notices. */
  _handleErrorMessage?(message: Error): void
  _handleNotice?(message: unknown): void
  /** What the driver does with an error that is of no statement: it tells all of them, and the client's listeners. */
  _handleErrorEvent?(error: Error): void
  /** Submits the next query of the queue, if the server is ready for it. */
  _pulseQueryQueue?(): void
  /** Tells all queries that the connection is lost. */
  _errorAllQueries?(error: Error): void
  /** Set by the pool at each check-out. */
  release?: Release
  unref?(): void
  ref?(): void
}

export interface ClientClass {
  new (config?: unknown): BareClient
  readonly Query: QueryClass
}

/** A pool's methods as they are called, below their overloads. */
export interface BarePool extends EventEmitter {
  readonly options: { readonly log?: unknown; readonly max: number }
  readonly totalCount: number
  readonly idleCount: number
  /** The class of its promises. */
  readonly Promise: PromiseConstructor
  connect(callback?: Callback): Promise<unknown> | undefined
  /** It is ending, or has ended. */
  readonly ending: boolean
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  end(callback?: (...args: unknown[]) => void): Promise<void> | undefined
}

export interface PoolClass {
  new (config?: object | string): BarePool
  readonly prototype: BarePool
}

/** Whether the driver takes it as it is, instead of making a query of it. */
export function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as Submittable | null | undefined)?.submit === 'function'
}

/** Tells servers apart that do not say which they are. */
export function addressOf({ host, port }: BareClient): string {
  return `${host ?? ''}:${port ?? ''}`
}

/** The SQL of whatever was handed to `query`; undefined for a named statement that was sent before. */
export function textOf(config: QueryArgument): string | undefined {
  if (typeof config === 'string') return config
  return config.text ?? (config as Submittable).cursor?.text
}

/** The same where a connection has prepared it under its name: what its server has. */
export function textOn({ connection }: BareClient, config: QueryArgument): string | undefined {
  const text = textOf(config)
  if (text !== undefined || typeof config === 'string' || config.name === undefined) return text
  return connection?.parsedStatements?.[config.name]
}

/** The callback among the arguments of a client's `query`, in whichever of its places. */
export function callbackOf(config: QueryArgument, values: unknown, callback: unknown): Callback | undefined {
  const found = callback ?? (typeof values === 'function' ? values : (config as QueryConfig).callback)
  return typeof found === 'function' ? (found as Callback) : undefined
}
