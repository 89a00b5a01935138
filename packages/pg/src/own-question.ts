import type { BareClient } from './driver-types.ts'

// Questions of ours on a connection of the app's. They go below `query`, so that no subclass, instrumentation, time-out or
// counter of the app's sees them, ahead of what the app has queued, and without an event.

/** Rows as the server wrote them. */
export interface Answer {
  readonly rows: (string | null)[][]
}

/** What the driver keeps of its queue: with an underscore since 8.17. */
interface Queue {
  _activeQuery?: unknown
  activeQuery?: unknown
  _queryQueue?: unknown[]
  queryQueue?: unknown[]
  hasExecuted?: boolean
  readonly _connecting?: boolean
  readonly _ended?: boolean
  readonly _ending?: boolean
  readonly _queryable?: boolean
  readonly _connectionError?: boolean
  _pulseQueryQueue?(): void
}

/** An entry of the driver's queue: what it hands the server's messages to, one after the other. */
class OwnQuestion {
  readonly #text: string
  readonly #answered: (error: unknown, answer?: Answer) => void
  readonly #silently: (() => void) | undefined
  readonly #rows: (string | null)[][] = []
  #error: unknown

  constructor(text: string, answered: (error: unknown, answer?: Answer) => void, silently?: () => void) {
    this.#text = text
    this.#answered = answered
    this.#silently = silently
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.#text)
  }

  handleRowDescription(): void {}

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#rows.push([...fields])
  }

  handlePortalSuspended(): void {}

  handleCommandComplete(): void {}

  handleEmptyQuery(): void {}

  /** The server has refused it, and is going to say that it is ready. */
  fails(error: unknown): void {
    this.#error = error
  }

  /** The connection ends, or the driver has passed on the server's refusal. */
  handleError(error: unknown): void {
    this.#error = error
    this.#silently?.()
    this.#answered(error)
  }

  handleReadyForQuery(): void {
    this.#silently?.()
    if (this.#error === undefined) this.#answered(undefined, { rows: this.#rows })
    else this.#answered(this.#error)
  }
}

/**
 * Asks the server something on this connection, ahead of what waits there. The app hears nothing of it: no `drain`, no
 * notice, no time-out of its own, no call of its `query`.
 *
 * @param client one with messages of its own (not the native one)
 * @param text statements without parameters; every value comes as text
 * @param answerMs how long (ms) the answer may take; 0: as long as it does
 */
export async function ask(client: BareClient, text: string, answerMs: number): Promise<Answer> {
  const isFirst = (client as unknown as Queue)._connecting
  try {
    // While the connection is being established, the driver's own limit holds.
    return await (isFirst || answerMs === 0 ? askOnce(client, text) : within(answerMs, askOnce(client, text)))
  } catch (error) {
    // A limit of the app's, of its role's or of its database's: nothing is open yet that the setting could outlive.
    if (!isFirst || (error as { code?: unknown }).code !== '57014') throw error
    return askOnce(client, `set local statement_timeout = 0; ${text}`)
  }
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Query read timeout')), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

function askOnce(client: BareClient, text: string): Promise<Answer> {
  const queue = client as unknown as Queue
  return new Promise((resolve, reject) => {
    const answered = (error: unknown, answer?: Answer): void => (answer === undefined ? reject(error) : resolve(answer))
    if (queue._ended || queue._queryable === false || queue._ending) {
      return reject(new Error('Connection terminated'))
    }
    if (queue._connecting) {
      const question = new OwnQuestion(text, answered)
      setActive(queue, question)
      return question.submit(client.connection as { query(text: string): void })
    }
    const waiting = (queue._queryQueue ?? queue.queryQueue) as unknown[]
    const isIdle = !activeOf(queue) && waiting.length === 0
    // What was idle before has said so already.
    const silently = (): void => {
      if (isIdle && waiting.length === 0) queue.hasExecuted = false
    }
    waiting.unshift(new OwnQuestion(text, answered, silently))
    queue._pulseQueryQueue?.()
  })
}

/** Whether the server is at a question of ours. */
export function isAsking(client: object): boolean {
  return activeOf(client) instanceof OwnQuestion
}

/** The server is ready again, while the driver believes that the connection is not established yet. */
export function finishAsking(client: object): void {
  const question = takeActive(client)
  question?.handleReadyForQuery()
}

/** It has answered with an error; it says that it is ready as well. */
export function failAsking(client: object, error: unknown): void {
  const active = activeOf(client)
  if (active instanceof OwnQuestion) active.fails(error)
}

/** Whether the driver knows that the connection cannot be had, and has said so. */
export function hasFailed(client: object): boolean {
  const { _ended, _connectionError } = client as Queue
  return _ended === true || _connectionError === true
}

function activeOf(queue: Queue): unknown {
  return '_activeQuery' in queue ? queue._activeQuery : queue.activeQuery
}

function setActive(queue: Queue, question: OwnQuestion | null): void {
  if ('_activeQuery' in queue) queue._activeQuery = question
  else queue.activeQuery = question
}

function takeActive(queue: Queue): OwnQuestion | undefined {
  const active = activeOf(queue)
  if (!(active instanceof OwnQuestion)) return undefined
  setActive(queue, null)
  return active
}
