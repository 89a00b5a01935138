import type { BareClient, Submittable } from './driver-types.ts'

// Questions of ours on a connection of the app's. They go below `query`, so that no subclass, instrumentation, time-out or
// counter of the app's sees them, beside the driver's queue, and without an event.

type Rows = (string | null)[][]

/** A limit of a millisecond is over before a busy server has lifted it. */
const mostTries = 5

/** Called once, with the rows as the server wrote them, or with why there are none. */
export type Answered = (error: unknown, rows?: Rows) => void

/** What the driver keeps of its queue: with an underscore since 8.17. */
interface Queue {
  readonly connection: { query(text: string): void }
  readonly pipeline?: boolean
  readyForQuery?: boolean
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
  _pulseQueryQueue(): void
}

/** What the driver hands the server's messages to, one after the other. */
class OwnQuestion {
  readonly #text: string
  readonly #isSent: boolean
  readonly #answered: Answered
  readonly #silently: () => void
  readonly #rows: Rows = []
  #error: unknown

  constructor(text: string, isSent: boolean, answered: Answered, silently: () => void) {
    this.#text = text
    this.#isSent = isSent
    this.#answered = answered
    this.#silently = silently
  }

  submit(connection: Queue['connection']): void {
    if (!this.#isSent) connection.query(this.#text)
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
    this.#silently()
    this.#answered(error)
  }

  handleReadyForQuery(): void {
    this.#silently()
    if (this.#error === undefined) this.#answered(undefined, this.#rows)
    else this.#answered(this.#error)
  }
}

interface Placing {
  readonly isSent: boolean
  /** Nothing of the app's is under way: its `drain` was told already. */
  readonly isIdle: boolean
  /** How often it is asked once more where a limit has cut it. */
  readonly tries: number
}

/** The questions of ours on one connection. A client calls its methods where the driver would look into its own queue. */
export class OwnQuestions {
  readonly #client: Queue
  /** They go ahead of the driver's queue, and not through it: there the app would be warned of its length. */
  readonly #waiting: OwnQuestion[] = []

  readonly #isInTransaction: () => boolean

  /** @param client one with messages of its own (not the native one) */
  constructor(client: BareClient, isInTransaction: () => boolean) {
    this.#client = client as unknown as Queue
    this.#isInTransaction = isInTransaction
  }

  /**
   * Asks the server something on this connection, ahead of what waits there. The app hears nothing of it: no `drain`, no
   * notice, no time-out of its own, no call of its `query`.
   *
   * @param text statements without parameters; every value comes as text
   * @param answerMs how long (ms) the answer may take; 0: as long as it does
   */
  ask(text: string, answerMs: number): Promise<Rows> {
    // While the connection is being established, the driver's own limit holds.
    const limitMs = this.#client._connecting ? 0 : answerMs
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error('Query read timeout'))
      const timer = limitMs === 0 ? undefined : setTimeout(late, limitMs)
      const isIdle = !activeOf(this.#client) && queueOf(this.#client).length === 0
      this.#put(text, { isSent: false, isIdle, tries: mostTries }, (error, rows) => {
        clearTimeout(timer)
        if (rows === undefined) reject(error)
        else resolve(rows)
      })
    })
  }

  /**
   * Asks something behind the statement that was sent last, or, when that has just been answered, ahead of what waits.
   *
   * @param isSent it is on the wire already, right behind that statement
   */
  askBehind(text: string, isSent: boolean, answered: Answered): void {
    this.#put(text, { isSent, isIdle: false, tries: mostTries }, answered)
  }

  /** Asks something that a statement is written to the wire behind at once: it cannot be asked a second time. */
  askAhead(text: string, answered: Answered): void {
    this.#put(text, { isSent: false, isIdle: false, tries: 0 }, answered)
  }

  /** Takes the turn of the driver's next query, if something of ours waits for it. */
  takesTurn(): boolean {
    if (this.#waiting.length === 0 || this.#client.readyForQuery !== true) return false
    const question = this.#waiting.shift() as OwnQuestion
    setActive(this.#client, question)
    this.#client.readyForQuery = false
    question.submit(this.#client.connection)
    return true
  }

  /** The connection has gone. */
  failAll(error: unknown): void {
    for (const question of this.#waiting.splice(0)) process.nextTick(() => question.handleError(error))
  }

  /** Whether the server is at a question of ours. */
  get isAsking(): boolean {
    return activeOf(this.#client) instanceof OwnQuestion
  }

  /** The server is ready again, while the driver believes that the connection is not established yet. */
  finish(): void {
    const active = activeOf(this.#client)
    if (!(active instanceof OwnQuestion)) return
    setActive(this.#client, null)
    active.handleReadyForQuery()
  }

  /** It has answered with an error; it says that it is ready as well. */
  fails(error: unknown): void {
    const active = activeOf(this.#client)
    if (active instanceof OwnQuestion) active.fails(error)
  }

  /** Does something while the driver believes that the server is at nothing, if it is at a question of ours. */
  unseen<T>(act: () => T): T {
    const active = activeOf(this.#client)
    if (!(active instanceof OwnQuestion)) return act()
    setActive(this.#client, null)
    try {
      return act()
    } finally {
      setActive(this.#client, active)
    }
  }

  #put(text: string, how: Placing, answered: Answered): void {
    const client = this.#client
    const isFirst = client._connecting === true
    if (client._ended || client._queryable === false || (client._ending && !isFirst)) {
      process.nextTick(answered, new Error('Connection terminated'))
      return
    }
    const { isSent, isIdle, tries } = how
    const retrying: Answered = (error, rows) => {
      // A limit of the app's, of its role's or of its database's: none is meant for us. In a transaction, our setting would outlive us.
      const isLimit = rows === undefined && (error as { code?: unknown } | undefined)?.code === '57014'
      if (!isLimit || tries === 0 || this.#isInTransaction()) return answered(error, rows)
      const again = { isSent: false, isIdle, tries: tries - 1 }
      this.#put(`set local statement_timeout = 0; ${text}`, again, answered)
    }
    const question = new OwnQuestion(text, isSent, retrying, () => {
      if (isIdle && !client._ending && queueOf(client).length === 0) client.hasExecuted = false
    })
    if (isFirst) {
      setActive(client, question)
      question.submit(client.connection)
      return
    }
    if (client.pipeline) queueOf(client).push(question)
    else this.#waiting.push(question)
    client._pulseQueryQueue()
  }
}

/** Lets questions go ahead of the queue of a client of the driver's own class. */
export function asksOnly(client: BareClient): OwnQuestions {
  const questions = new OwnQuestions(client, () => false)
  const { _pulseQueryQueue: pulse, _errorAllQueries: failAll } = client
  client._pulseQueryQueue = () => {
    if (!questions.takesTurn()) pulse?.call(client)
  }
  client._errorAllQueries = (error) => {
    failAll?.call(client, error)
    questions.failAll(error)
  }
  return questions
}

/** Whether the driver knows that the connection cannot be had, and has said so. */
export function hasFailed(client: object): boolean {
  const { _ended, _connectionError } = client as Queue
  return _ended === true || _connectionError === true
}

/**
 * The driver is about to tell all queries on a connection of its loss: the app's hear nothing, and wait for ever.
 *
 * @param instead what they are told nevertheless
 */
export function dropQueries(client: BareClient, instead?: unknown): void {
  for (const query of [client._activeQuery, ...(client._sentQueryQueue ?? []), ...(client._queryQueue ?? [])]) {
    if (!query || isOwnQuestion(query)) continue
    const { handleError } = query as Submittable
    ;(query as Submittable).handleError = (_, wire) => {
      if (instead !== undefined) handleError?.call(query, instead, wire)
    }
  }
}

/** Whether something in the driver's queue is a question of ours. */
export function isOwnQuestion(query: object): boolean {
  return query instanceof OwnQuestion
}

function queueOf(queue: Queue): unknown[] {
  return (queue._queryQueue ?? queue.queryQueue) as unknown[]
}

/** The query of a client whose answer is being read, or a question of ours. */
export function activeOf(client: object): unknown {
  const queue = client as Queue
  return '_activeQuery' in queue ? queue._activeQuery : queue.activeQuery
}

function setActive(queue: Queue, question: OwnQuestion | null): void {
  if ('_activeQuery' in queue) queue._activeQuery = question
  else queue.activeQuery = question
}
