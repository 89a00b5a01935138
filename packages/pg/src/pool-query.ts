import {
  type Analysis,
  asksForNothing,
  currentScope,
  isPlainRead,
  mayWrite,
  registerIntent,
  type Scope,
} from '@flyroute/core/adapter'
import type { PgDatabase } from './database.ts'
import { type Callback, type QueryArgument, textOf } from './driver-types.ts'
import type { QueryArguments } from './fixed.ts'
import { replyTo } from './statement.ts'

/** What tells what an error that a statement has met on its connection is to the app and to the pool. */
interface ErrorInterpreter {
  interpretPlain(query: PlainPoolQuery, error: unknown): unknown
}

/** A statement of `pool.query`, from the call to its answer, whichever connections it meets. */
export class PoolQuery {
  readonly config: QueryArgument
  readonly values: unknown
  readonly scope: Scope | undefined
  /** What the pool knows of it already, so that no text is classified twice. */
  readonly analysis: Analysis | undefined
  readonly deliver: Callback
  /** The connection to a replica that it was sent on: interprets an error that the pool has heard of before its callback. */
  sentOn: ErrorInterpreter | undefined
  /** Withdraws the write that is registered while it waits for a connection. */
  #withdraw: (() => void) | undefined

  constructor(
    config: QueryArgument,
    values: unknown,
    scope: Scope | undefined,
    analysis: Analysis | undefined,
    deliver: Callback,
  ) {
    this.config = config
    this.values = values
    this.scope = scope
    this.analysis = analysis
    this.deliver = deliver
  }

  get text(): string {
    return textOf(this.config) ?? ''
  }

  /**
   * Registers a write that is on its way to a primary, before there is a connection: from now on its request is not replayed.
   *
   * @returns false where the request is going to be replayed: then it must not be sent
   */
  registersIntent(database: PgDatabase): boolean {
    const { scope, analysis, text } = this
    if (scope === undefined || analysis === undefined || !mayWrite(database, analysis, text, scope)) return true
    this.#withdraw = registerIntent(scope.request, database.replication.name)
    return this.#withdraw !== undefined
  }

  /** Its connection has registered what it does there, or it was not sent. */
  withdrawIntent(): void {
    this.#withdraw?.()
  }
}

/**
 * A statement that a pool's `query` was called with, and what that returns.
 *
 * @param text of it, where the pool decides by that
 */
export function asPoolQuery(
  { classifier }: PgDatabase,
  { config, values, callback }: QueryArguments,
  text: string | undefined,
  OwnPromise?: PromiseConstructor,
): { readonly query: PoolQuery; readonly result: unknown } {
  const scope = currentScope()
  const isCallback = typeof values === 'function'
  const { deliver, result } = replyTo((isCallback ? values : callback) as Callback | undefined, scope, OwnPromise)
  const analysis = typeof text === 'string' ? classifier.classify(text) : undefined
  return { query: new PoolQuery(config, isCallback ? undefined : values, scope, analysis, deliver), result }
}

/** A statement of `pool.query` that is a plain read, and goes the shortest way there is. */
export interface PlainPoolQuery extends PoolQuery {
  readonly analysis: Analysis
}

/** Whether a statement of `pool.query` is one, as far as it can be said before there is a connection. */
export function isPlain(query: PoolQuery): query is PlainPoolQuery {
  const { analysis, scope } = query
  return analysis !== undefined && isPlainRead(analysis) && asksForNothing(scope)
}

/** The pool's own words for having no connection to give in time. */
export function isExhausted(error: unknown): boolean {
  return (error as { message?: unknown }).message === 'timeout exceeded when trying to connect'
}
