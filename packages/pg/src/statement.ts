import { type Analysis, failBack, noteUnavailable, runInScope, type Scope } from '@flyroute/core/adapter'
import {
  type BareClient,
  type Callback,
  callbackOf,
  type Driver,
  isSubmittable,
  type QueryArgument,
  type QueryClass,
  type QueryConfig,
  type Submittable,
} from './driver-types.ts'
import { fix, valuesOf } from './fixed.ts'
import { Dropped } from './signals.ts'

/**
 * A statement on its way: what was handed to `query`, and what is known of it. (A class, and no literal, for the reason
 * that core's scope has: it lives as long as the server takes, and all that it leads to would get old with it.)
 */
export class Statement {
  readonly config: QueryArgument
  readonly values: unknown
  readonly callback: unknown
  readonly analysis: Analysis
  /** The request that it belongs to: the one that called `query`, in whichever request's context it is sent or answered. */
  readonly scope: Scope | undefined
  /** It is one of `pool.query`, which sees to its scope and its second attempt by itself. */
  readonly isPoolQuery: boolean

  constructor(
    config: QueryArgument,
    values: unknown,
    callback: unknown,
    analysis: Analysis,
    scope: Scope | undefined,
    isPoolQuery: boolean,
  ) {
    this.config = config
    this.values = values
    this.callback = callback
    this.analysis = analysis
    this.scope = scope
    this.isPoolQuery = isPoolQuery
  }

  /** The values that are bound to its text. */
  get bound(): unknown {
    return valuesOf(this.config, this.values)
  }

  /** The same, but as it is now: what is sent later, or again, is not to change with the app's objects. */
  fixed(driver: Driver): Statement {
    const { analysis, scope, isPoolQuery } = this
    const { config, values, callback } = fix(this, driver)
    return new Statement(config, values, callback, analysis, scope, isPoolQuery)
  }

  /** The same once more, with another callback. */
  again(callback: Callback): Statement {
    const { config, values, analysis, scope, isPoolQuery } = this
    const plain = typeof values === 'function' ? undefined : values
    return new Statement(config, plain, callback, analysis, scope, isPoolQuery)
  }
}

/** A connection, as far as a statement is sent on it. */
interface Sender {
  readonly client: BareClient
  readonly Query: QueryClass
  readonly answerMs: number | undefined
  readonly send: (config: unknown, values?: unknown, callback?: unknown) => unknown
}

/** A connection on which a statement may have to wait for its turn. */
interface TurnTaker extends Sender {
  watchRelease(): void
  dropped(scope: Scope | undefined): unknown
  settingIsOver(): void
}

/** How the answer to a statement gets back to who asked. */
export interface Reply {
  readonly deliver: Callback
  /** What `query` returns. */
  readonly result: unknown
}

/**
 * A reply by callback, which runs in the scope of the question; without one, by promise.
 *
 * @param OwnPromise the class of it: of a pool or a client that was given its own
 */
export function replyTo(
  callback: Callback | undefined,
  scope: Scope | undefined,
  OwnPromise: PromiseConstructor = Promise,
): Reply {
  if (callback !== undefined) {
    if (typeof callback !== 'function') throw new TypeError('callback is not a function')
    const deliver: Callback = (error, value, release) => {
      if (error instanceof Dropped) return
      runInScope(scope, () =>
        error ? failBack(() => callback(error, value, release)) : callback(error, value, release),
      )
    }
    return { deliver, result: undefined }
  }
  let deliver: Callback | undefined
  const result = new OwnPromise((resolve, reject) => {
    deliver = (error, value) => {
      if (error instanceof Dropped) return
      if (error) reject(error)
      else resolve(value)
    }
  }).catch(retrace)
  return { deliver: deliver as unknown as Callback, result }
}

/** The reply to a statement on its connection; the pool has seen to its own already. */
export function answerTo({ scope, isPoolQuery }: Statement, callback: Callback | undefined, client: BareClient): Reply {
  return isPoolQuery && callback !== undefined
    ? { deliver: callback, result: undefined }
    : replyTo(callback, scope, client._Promise)
}

/** The query object that the driver would make of the arguments. */
export function makeQuery(
  { Query, answerMs }: Pick<Sender, 'Query' | 'answerMs'>,
  config: QueryArgument,
  values: unknown,
  callback: unknown,
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

/**
 * Lets the events of a query that was handed in (rows, end, error) run in the scope of who handed it in, and has a cursor read no
 * further where its request has been answered with a replay.
 */
function keepInScope(query: Submittable, scope: Scope | undefined, connection?: TurnTaker): void {
  // Connections are made outside of any scope, and so are their events.
  if (scope === undefined) return
  if (connection !== undefined) readUntilReplayed(query.cursor ?? query, scope, connection)
  const methods = query as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>
  for (const name of handlers) {
    const handle = methods[name]
    if (typeof handle === 'function') {
      methods[name] = (...args) => runInScope(scope, () => handle.apply(query, args))
    }
  }
}

/** Each portion that a cursor reads is asked for by itself. */
function readUntilReplayed(cursor: Submittable, scope: Scope, connection: TurnTaker): void {
  const { _getRows: getRows } = cursor
  if (getRows === undefined) return
  cursor._getRows = (count, callback) => {
    if (!scope.request.isReplayed) return getRows.call(cursor, count, callback)
    const told = connection.dropped(scope)
    if (!(told instanceof Dropped)) process.nextTick(callback, told)
  }
}

/**
 * Sends a query. One that has to wait for its turn on the connection is not sent any more where its request has been answered
 * with a replay by then.
 *
 * @param values with an object of the app's own, as they were handed in
 */
function sendInTurn(
  connection: TurnTaker,
  query: Submittable,
  { analysis, scope, isPoolQuery }: Statement,
  values?: unknown,
  callback?: unknown,
): unknown {
  const { client, send } = connection
  if (client.readyForQuery === false && scope !== undefined && analysis.transaction !== 'rollback') {
    const { submit, handleError } = query
    query.submit = (wire) => {
      if (!scope.request.isReplayed) return submit.call(query, wire)
      if (isPoolQuery) connection.watchRelease()
      if (analysis.leaves === 'setting') connection.settingIsOver()
      return connection.dropped(scope)
    }
    query.handleError = (error, wire) => {
      // Only the pool is told, which gets its connection back.
      if (!(error instanceof Dropped) || isPoolQuery) handleError?.call(query, error, wire)
    }
  }
  return send(query, values, callback)
}

/** What is done with a statement on its way, beside sending it and delivering its answer. */
interface Interception {
  /** It is about to be sent. @param isOwn as an object of the app's own, whose answer is seen only as it comes in */
  sends?(query: Submittable, isOwn: boolean): void
  /** Its answer, or an error, has come; not of an object of the app's own. Default: it is delivered. */
  answered?(error: unknown, value: unknown, deliver: Callback): void
}

/**
 * Sends a statement in its turn; what is called back runs in the scope of the question.
 *
 * @returns what `query` returns
 */
export function sendStatement(
  connection: TurnTaker,
  statement: Statement,
  { sends, answered }: Interception = {},
): unknown {
  const { config, values, callback, scope } = statement
  if (isSubmittable(config)) {
    keepInScope(config, scope, connection)
    sends?.(config, true)
    return sendInTurn(connection, config, statement, values, callback)
  }
  const query = makeQuery(connection, config, values, callback)
  const { deliver, result } = answerTo(statement, query.callback, connection.client)
  query.callback = answered === undefined ? deliver : (error, value) => answered(error, value, deliver)
  sends?.(query, false)
  sendInTurn(connection, query, statement)
  return result
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
  const { deliver, result } = replyTo(callbackOf(config, values, callback), scope, client._Promise)
  process.nextTick(deliver, error)
  return result
}

/**
 * What everything between a refused write and the end of its transaction is answered with: SQLSTATE 25P02, the words
 * of the server itself, and the refusal as `cause`, so that `isPrimaryRequired` still knows what it came from.
 */
export function abortedError(driver: Driver, cause: Error): Error {
  const DatabaseError = driver.DatabaseError as unknown as new (message: string, length: number, name: 'error') => Error
  const message = 'current transaction is aborted, commands ignored until end of transaction block'
  const error = new DatabaseError(message, message.length, 'error')
  return Object.assign(error, { severity: 'ERROR', code: '25P02', cause })
}

/** Sends a statement as it is; what is called back runs in the scope of the question. */
export function pass(
  connection: TurnTaker,
  config: QueryArgument,
  values: unknown,
  callback: unknown,
  scope: Scope | undefined,
  isPoolQuery: boolean,
): unknown {
  const { send, client, answerMs } = connection
  if (isSubmittable(config)) {
    keepInScope(config, scope, connection)
    return send(config, values, callback)
  }
  // Promises keep their scope by themselves, connections have none, and the pool sees to its own callbacks.
  const isCalledBack = scope !== undefined && callbackOf(config, values, callback) !== undefined
  if (answerMs === undefined && (isPoolQuery || !isCalledBack)) return send(config, values, callback)
  const query = makeQuery(connection, config, values, callback)
  const { deliver, result } = replyTo(query.callback, scope, client._Promise)
  query.callback = deliver
  send(query)
  return result
}

/** What a statement gets whose request was answered with a replay: nothing, ever, or what has the app give its connection back. */
export function drop(connection: TurnTaker, statement: Statement): unknown {
  const { config, values, callback, isPoolQuery, scope } = statement
  const told = connection.dropped(scope)
  if (!(told instanceof Dropped)) return reject(statement, told, connection.client)
  if (isSubmittable(config)) return config
  const asked = callbackOf(config, values, callback)
  if (asked === undefined) return never()
  // The pool gets its connection back.
  if (isPoolQuery) process.nextTick(asked, told)
  return undefined
}

/** Apart, so that nothing of a statement is held by who waits for it. */
function never(): Promise<never> {
  return new Promise(() => undefined)
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
