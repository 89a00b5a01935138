import type { EventEmitter } from 'node:events'

// What we use of node-postgres, by structure. Its own types describe the public overloads; we sit below those, where
// every overload has the same three arguments.

/** Node-style, as the driver calls it. */
export type Callback = (error: unknown, result?: unknown, release?: (error?: unknown) => void) => void

/** Anything that `client.query` takes as it is: `pg.Query`, pg-cursor, pg-query-stream, pg-copy-streams. */
export interface Submittable {
  submit(connection: unknown): unknown
  text?: string
  name?: string
  rows?: unknown
  values?: unknown
  callback?: Callback | undefined
  query_timeout?: number
  handleError?: (error: unknown, connection?: unknown) => void
  handleReadyForQuery?: (connection?: unknown) => void
  /** pg-query-stream keeps its cursor here. */
  cursor?: { text?: string }
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
  query(text: string): void
}

/** A client of the driver, or a class of ours around it. */
export interface BareClient extends EventEmitter {
  connection?: Wire
  pipeline?: boolean
  _activeQuery?: unknown
  _ending?: boolean
  connect(callback?: Callback): Promise<unknown> | undefined
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  end(callback?: () => void): Promise<void> | undefined
  get release(): ((error?: unknown) => void) | undefined
  set release(release: (error?: unknown) => void)
  unref?(): void
  ref?(): void
}

export interface ClientClass {
  new (config?: unknown): BareClient
  readonly Query: QueryClass
}

/** Whether the driver takes it as it is, instead of making a query of it. */
export function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as Submittable | null)?.submit === 'function'
}

/** The SQL of whatever was handed to `query`; undefined for a named statement that was sent before. */
export function textOf(config: QueryArgument): string | undefined {
  if (typeof config === 'string') return config
  return config.text ?? (config as Submittable).cursor?.text
}

/** The callback among the arguments of `query`, in whichever of its places. */
export function callbackOf(config: QueryArgument, values: unknown, callback: unknown): Callback | undefined {
  const found = callback ?? (typeof values === 'function' ? values : (config as QueryConfig).callback)
  return typeof found === 'function' ? (found as Callback) : undefined
}
