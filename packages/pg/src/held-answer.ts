import type { Position } from '@flyroute/core/adapter'
import { type Callback, isSubmittable, type Submittable } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { askPosition } from './position-query.ts'
import { isAnswer } from './refusal.ts'
import { keepInScope, makeQuery, replyTo, type Statement } from './statement.ts'

/** How a statement ended: `unknown` where no answer came, so that it may have happened. */
export type Outcome = 'done' | 'failed' | 'unknown'

/** What becomes of a statement whose answer is held. */
export interface Hold {
  /** The setting that can be seen behind it may not be the one that held at its commit. */
  readonly asynchronous: boolean
  /** The statement itself is over. */
  over(outcome: Outcome, error?: unknown): void
  /** The position behind it, or why there is none. Called at most once, and only behind a statement that was done. */
  taken(position: Position | Error): void
  /** Delivers an error. Default: as it is. */
  failed?(error: unknown, deliver: Callback): void
}

/** How long (ms) the answer to a statement is held for its position at most. */
const patienceMs = 2_000

/** Sends a statement, and holds its answer until the position behind it is known: whoever has the answer has the token. */
export function holdForPosition(guard: Guarded, statement: Statement, hold: Hold): unknown {
  const held = new HeldAnswer(hold)
  const { config, values, callback, analysis, scope } = statement
  const { Query, client, purpose, send } = guard
  const ask = (query: Submittable): void => {
    // A cursor, or a COPY, is not over when its first bytes are sent.
    const whole = query instanceof Query && !query.rows && !(analysis.several && /\bcopy\b/i.test(query.text ?? ''))
    askPosition(guard, query, whole && !analysis.reason.startsWith('copy'), hold.asynchronous, (taken) =>
      held.take(taken),
    )
  }
  if (isSubmittable(config)) {
    keepInScope(config, scope)
    held.follow(config)
    const result = send(config, values, callback)
    ask(config)
    return result
  }
  const query = makeQuery(Query, statement)
  const { deliver, result } =
    purpose === 'statement' && query.callback
      ? { deliver: query.callback, result: undefined }
      : replyTo(query.callback, scope, client)
  query.callback = (error, value) => {
    if (!error) return held.answer(() => deliver(null, value))
    held.fail(error)
    if (hold.failed === undefined) deliver(error)
    else hold.failed(error, deliver)
  }
  send(query)
  ask(query)
  return result
}

class HeldAnswer {
  readonly #hold: Hold
  #isOver = false
  /** Deliver the answer: there while it is held. */
  #proceed: (() => void)[] | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(hold: Hold) {
    this.#hold = hold
  }

  /** The statement has failed. */
  fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#hold.over(isAnswer(error) ? 'failed' : 'unknown', error)
  }

  /** The statement is done: its answer is delivered with the position. */
  answer(deliver: () => void): void {
    if (this.#isOver) return deliver()
    this.#isOver = true
    this.#proceed = [deliver]
    this.#hold.over('done')
    this.#timer = setTimeout(() => this.take(new Error('No position in time')), patienceMs)
    this.#timer.unref?.()
  }

  /** The position, or why there is none. */
  take(position: Position | Error): void {
    const proceed = this.#proceed
    if (proceed === undefined) return
    this.#proceed = undefined
    clearTimeout(this.#timer)
    this.#hold.taken(position)
    for (const deliver of proceed) deliver()
  }

  /** Holds what a query object says at its end: the last rows of a cursor, the end of a COPY. */
  follow(query: Submittable): void {
    const { handleError, handleReadyForQuery } = query
    query.handleError = (error, connection) => {
      this.fail(error)
      handleError?.call(query, error, connection)
    }
    query.handleReadyForQuery = (connection) => {
      this.answer(() => handleReadyForQuery?.call(query, connection))
    }
    // Closing a cursor before its end commits as well, and the cursor hears of that by itself.
    const cursor = query.cursor ?? query
    const { close } = cursor
    if (typeof close !== 'function') return
    cursor.close = (callback) => {
      if (callback !== undefined) {
        return close.call(cursor, (error, value) => this.#whenTaken(() => callback(error, value)))
      }
      return new Promise((resolve, reject) => {
        void close.call(cursor, (error, value) => this.#whenTaken(() => (error ? reject(error) : resolve(value))))
      })
    }
  }

  #whenTaken(go: () => void): void {
    if (this.#proceed === undefined) go()
    else this.#proceed.push(go)
  }
}
