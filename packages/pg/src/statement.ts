import { type Analysis, runInScope, type Scope } from '@flyroute/core/adapter'
import {
  type BareClient,
  type Callback,
  callbackOf,
  isSubmittable,
  type QueryArgument,
  type QueryClass,
  type QueryConfig,
  type Submittable,
} from './driver-types.ts'
import { noteUnavailable } from './outage.ts'

/** A statement on its way: what was handed to `query`, and what is known of it. */
export interface Statement {
  readonly config: QueryArgument
  readonly values: unknown
  readonly callback: unknown
  readonly analysis: Analysis
  /** The request that it belongs to: the one that called `query`, whoever's turn it is when it is sent or answered. */
  readonly scope: Scope | undefined
}

/** How the answer to a statement gets back to who asked. */
export interface Reply {
  readonly deliver: Callback
  /** What `query` returns. */
  readonly result: unknown
}

/** A reply by callback, which runs in the scope of the question; without one, by promise. */
export function replyTo(callback: Callback | undefined, scope: Scope | undefined, client?: BareClient): Reply {
  if (callback !== undefined) {
    if (typeof callback !== 'function') throw new TypeError('callback is not a function')
    const deliver: Callback = (error, value, release) => runInScope(scope, () => callback(error, value, release))
    return { deliver, result: undefined }
  }
  let deliver: Callback | undefined
  const result = new (client?._Promise ?? Promise)((resolve, reject) => {
    deliver = (error, value) => (error ? reject(error) : resolve(value))
  }).catch(retrace)
  return { deliver: deliver as unknown as Callback, result }
}

/** The query object that the driver would make of the arguments. */
export function makeQuery(
  { Query, answerMs }: { readonly Query: QueryClass; readonly answerMs: number | undefined },
  { config, values, callback }: Pick<Statement, 'config' | 'values' | 'callback'>,
): Submittable {
  const query = new Query(config, values, callback)
  const timeout = (config as QueryConfig).query_timeout || answerMs
  if (timeout) query.query_timeout = timeout
  return query
}

/** What the driver calls on a query as the server's messages come in. */
const handlers = [
  'handleRowDescription',
  'handleDataRow',
  'handlePortalSuspended',
  'handleCommandComplete',
  'handleEmptyQuery',
  'handleReadyForQuery',
  'handleError',
  'handleCopyInResponse',
  'handleCopyData',
] as const

/** Lets the events of a query that was handed in (rows, end, error) run in the scope of who handed it in. */
export function keepInScope(query: Submittable, scope: Scope | undefined): void {
  // Connections are made outside of any scope, and so are their events.
  if (scope === undefined) return
  const methods = query as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>
  for (const name of handlers) {
    const handle = methods[name]
    if (typeof handle === 'function') {
      methods[name] = (...args) => runInScope(scope, () => handle.apply(query, args))
    }
  }
}

/** Delivers an error as the driver does: later, and to the callback, the promise or the object that was handed in. */
export function reject({ config, values, callback, scope }: Statement, error: unknown, client: BareClient): unknown {
  noteUnavailable(scope, error)
  if (isSubmittable(config)) {
    config.callback ??= callbackOf(config, values, callback)
    keepInScope(config, scope)
    process.nextTick(() => config.handleError?.(error, client.connection))
    return config
  }
  const { deliver, result } = replyTo(callbackOf(config, values, callback), scope, client)
  process.nextTick(deliver, error)
  return result
}

/** Runs a statement as soon as its time has come, in whichever form its caller waits for the answer. */
export function later(
  { config, values, callback }: Pick<Statement, 'config' | 'values' | 'callback'>,
  time: Promise<unknown>,
  run: () => unknown,
  client: BareClient,
): unknown {
  if (isSubmittable(config)) {
    time.then(run, (error: unknown) => config.handleError?.(error, client.connection))
    return config
  }
  const deliver = callbackOf(config, values, callback)
  if (deliver === undefined) return time.then(run)
  time.then(run, deliver)
  return undefined
}

/** As the driver does: a stack that leads to the app, not to the socket. */
function retrace(error: unknown): never {
  if (typeof error === 'object' && error !== null) Error.captureStackTrace(error)
  throw error
}
