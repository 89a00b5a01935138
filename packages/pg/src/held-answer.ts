import type { DialectFacts, Position } from '@flyroute/core/adapter'
import type { Callback, Submittable } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { askPosition } from './position-query.ts'
import { type Statement, sendStatement } from './statement.ts'

/** How a statement ended: `unknown` where no answer came, so that it may have happened. */
export type Outcome = 'done' | 'failed' | 'unknown'

/** What becomes of a statement whose answer is held. */
export interface Hold {
  /** Whether the position is asked for at all; if not, the answer is delivered as it comes. */
  readonly wantsPosition: boolean
  /** The setting that can be seen after it may not be the one that held at its commit. */
  readonly asynchronous: boolean
  /** The statement itself is over. */
  over(outcome: Outcome, error?: unknown): void
  /** The position after it, or why there is none. Called at most once, and only after a statement that was done. */
  taken(position: Position | Error): void
  /** Delivers an error. Default: as it is. */
  readonly failed?: (error: unknown, deliver: Callback) => void
}

/** How long (ms) the answer to a statement is held for its position at most. */
const patienceMs = 2_000

/** Sends a statement, and holds its answer until the position after it is known: code that has the answer has the token. */
export function holdForPosition(guard: Guarded, statement: Statement, hold: Hold): unknown {
  const { analysis } = statement
  const { client } = guard
  const held = new HeldAnswer(hold, guard.database.facts, (taken) => askPosition(guard, hold.asynchronous, taken))
  let query: Submittable | undefined
  const result = sendStatement(guard, statement, {
    sends(sent, isOwn) {
      if (isOwn) held.follow(sent)
      else query = sent
    },
    answered(error, value, deliver) {
      if (!error) return held.answer(() => deliver(null, value))
      held.fail(error)
      if (hold.failed === undefined) deliver(error)
      else hold.failed(error, deliver)
    },
  })
  if (!hold.wantsPosition || query === undefined) return result
  // Only the statement that was sent last, and whole, can be followed on the wire: then it costs no round trip.
  const isLast = client._activeQuery === query && client.connection !== undefined
  const isWhole = !query.rows && !analysis.reason.startsWith('copy') && !(analysis.several && mayCopy(query))
  if (client.pipeline) held.askAhead()
  else if (isLast && isWhole) held.askAhead((taken) => askPosition(guard, hold.asynchronous, taken, true))
  return result
}

/** In the middle of a COPY the server would take a question for data. */
function mayCopy({ text = '' }: Submittable): boolean {
  return /\bcopy\b/i.test(text)
}

type Taken = (position: Position | Error) => void

class HeldAnswer {
  readonly #hold: Hold
  readonly #facts: DialectFacts
  readonly #ask: (taken: Taken) => void
  #isAsked = false
  #isOver = false
  /** What is to be delivered, while it is held. */
  #proceed: (() => void)[] | undefined
  #taken: Position | Error | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param ask asks for the position */
  constructor(hold: Hold, facts: DialectFacts, ask: (taken: Taken) => void) {
    this.#hold = hold
    this.#facts = facts
    this.#ask = ask
  }

  /** Asks ahead of the answer; without that, the position is asked for when the answer is there. */
  askAhead(ask: (taken: Taken) => void = this.#ask): void {
    this.#isAsked = true
    ask((position) => this.#take(position))
  }

  /** The statement has failed. */
  fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#hold.over(this.#facts.isAnswer(error) ? 'failed' : 'unknown', error)
  }

  /** The statement is done: its answer is delivered with the position. */
  answer(deliver: () => void): void {
    if (this.#isOver) return deliver()
    this.#isOver = true
    this.#hold.over('done')
    if (!this.#hold.wantsPosition) return deliver()
    this.#proceed = [deliver]
    this.#timer = setTimeout(() => this.#take(new Error('No position in time')), patienceMs)
    this.#timer.unref?.()
    if (!this.#isAsked) this.askAhead()
    else if (this.#taken !== undefined) this.#take(this.#taken)
  }

  #take(position: Position | Error): void {
    this.#taken = position
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
