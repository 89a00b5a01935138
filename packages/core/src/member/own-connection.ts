import type { Ask, AskRows } from '../dialect/ask.ts'
import type { DialectFacts } from '../dialect/facts.ts'
import type { Observation, PositionAlgebra, Role } from '../position.ts'
import type { ReplicationSource } from '../replication/source.ts'

/** How long (ms) the connection is kept after its last question. */
const idleMs = 10_000
/** How long (ms) it lasts at most, as a proxy on the way may want it, and its name may lead to another server by then. */
const lifetimeMs = 600_000
/** How long (ms) it may take to connect, and to answer. */
export const answerMs = 2_000
/** For how long (ms) what a replica has told in full holds, but for its place. */
const briefMs = 500
/** How long (ms) the orderly end of the connection may take: a server that hangs does not say goodbye. */
const goodbyeMs = 1_000

type Rows = Awaited<ReturnType<Ask>>

/** A connection of an adapter's driver that is used for our own questions, and for nothing else. */
export interface AskedConnection {
  readonly ask: Ask
  readonly askRows?: AskRows
  /** Asks two things in one round trip. Only where the server is one that can wait for replay by itself. */
  readonly askBoth?: ((first: string, second: string) => Promise<readonly [Rows, Rows]>) | undefined
  /** `host:port`: tells servers apart that do not say which they are. */
  readonly address?: string
  /** Whether the process is kept alive for it. */
  keepAlive(isNeeded: boolean): void
  /** Ends it in the way that the server expects. */
  end(): Promise<unknown>
  /** Ends it at once. */
  cut(): void
}

export interface OwnConnectionOptions {
  readonly facts: DialectFacts
  /** What the settings say that the server is. */
  readonly expected: Role
  /**
   * Connects.
   *
   * @param lost to be called when the connection has ended without being asked to
   */
  open(lost: () => void): Promise<AskedConnection>
  /** Told when the connection has died: its server may have been started anew, further back in the log. */
  readonly lost?: (() => void) | undefined
  /** Asks the primary, where that is another server. */
  readonly primary?: OwnConnection | undefined
}

/** The connection that is open at the moment, and what was said on it. */
interface Opened {
  readonly connection: AskedConnection
  readonly openedAt: number
  questions: number
  /** Where the primary should be there is none: the name may lead to another server next time. */
  isMisplaced: boolean
  /** It has a successor, and ends with its last answer. */
  isLeft: boolean
  /** Its server waits for replay by itself, as far as is known. */
  canWait: boolean
  /** What was last told in full, and when. */
  told: { readonly at: number; readonly observation: Observation } | undefined
}

/**
 * The connection that asks a server where it stands: one of its own, so that a pool whose connections all hang does not
 * silence it; opened when it is needed, and never what keeps a process alive.
 */
export class OwnConnection implements ReplicationSource {
  readonly algebra: PositionAlgebra
  readonly #options: OwnConnectionOptions
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #last: Observation | undefined
  #idle: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(options: OwnConnectionOptions) {
    this.algebra = options.facts.algebra
    this.#options = options
  }

  probe(): Promise<Observation> {
    return this.#use((opened) => this.#observe(opened, opened.connection.ask))
  }

  probeLag(): Promise<Observation> {
    return this.#use(async (opened) => {
      const observation = await this.#observe(opened, opened.connection.ask)
      return { ...observation, ...(await this.#options.facts.lag?.(opened.connection, observation)) }
    })
  }

  probeArrival(at: string, withinMs: number): Promise<Observation> | undefined {
    const waiting = this.#opened
    // One that has not told anything yet is asked plainly: what it refuses then is the question.
    if (waiting?.canWait !== true || waiting.told === undefined) return undefined
    const wait = this.#options.facts.replayWait?.statement(at, withinMs)
    if (wait === undefined) return undefined
    return this.#use((opened) =>
      this.#observe(opened, opened === waiting ? this.#asksBehind(opened, wait) : opened.connection.ask),
    )
  }

  probePrimary(): Promise<Observation> {
    return (this.#options.primary ?? this).probe()
  }

  /** Asks something else on the same connection. */
  ask(sql: string): ReturnType<Ask> {
    return this.#use(({ connection }) => connection.ask(sql))
  }

  leave(): void {
    const [opening, opened] = [this.#opening, this.#opened]
    // What is not open yet leads to where the name leads now.
    if (opening === undefined || opened === undefined) return
    this.#forget(opening)
    opened.isLeft = true
    if (opened.questions === 0) void this.#end(opening)
  }

  whyNoPosition(): Error | undefined {
    return this.#last?.at === undefined ? this.#options.facts.whyNoPosition?.() : undefined
  }

  async end(): Promise<void> {
    this.#hasEnded = true
    clearTimeout(this.#idle)
    await Promise.all([this.#opening && this.#end(this.#opening), this.#options.primary?.end()])
  }

  // --- questions ----------------------------------------------------------------------------------------------------

  async #use<T>(question: (opened: Opened) => Promise<T>): Promise<T> {
    if (this.#opened !== undefined && performance.now() - this.#opened.openedAt > lifetimeMs) this.leave()
    if (this.#opening === undefined) return this.#ask(question)
    try {
      return await this.#ask(question)
    } catch (error) {
      // It has stood idle, and may have been cut since: that says nothing of the server.
      const isLost = !(error instanceof LateError) && this.#options.facts.readError(error) === 'unavailable'
      if (!isLost || this.#hasEnded) throw error
      return this.#ask(question)
    }
  }

  async #ask<T>(question: (opened: Opened) => Promise<T>): Promise<T> {
    if (this.#hasEnded) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    const opening = (this.#opening ??= this.#open())
    let opened: Opened | undefined
    try {
      opened = await opening
      opened.questions++
      opened.connection.keepAlive(true)
      const answer = await inTime(answerMs, question(opened))
      if (--opened.questions === 0) this.#rests(opening, opened)
      return answer
    } catch (error) {
      this.#forget(opening)
      opened?.connection.cut()
      throw error
    }
  }

  async #observe(opened: Opened, ask: Ask): Promise<Observation> {
    const { facts, expected } = this.#options
    const { told } = opened
    if (told !== undefined && performance.now() - told.at < briefMs) {
      const again = await facts.observeAgain?.(ask, told.observation)
      if (again !== undefined) return again
    }
    const observation = await facts.observe(ask, expected, opened.connection.address)
    opened.told = { at: performance.now(), observation }
    opened.isMisplaced = expected === 'primary' && observation.role === 'replica'
    this.#last = observation
    return observation
  }

  /** Asks what is answered when a wait is over: the first question in one round trip with it, as one transaction. */
  #asksBehind(opened: Opened, wait: string): Ask {
    const { facts } = this.#options
    const { ask, askBoth } = opened.connection
    let isFirst = true
    return async (sql) => {
      if (!isFirst || askBoth === undefined) return ask(sql)
      isFirst = false
      try {
        const [waited, answer] = await askBoth(wait, sql)
        if (facts.replayWait?.hasWaited(waited) !== true) opened.canWait = false
        return answer
      } catch (error) {
        if (!facts.isAnswer(error) || facts.readError(error) === 'recovery-conflict') throw error
        // The version has it, and a pooler on the way, or a time-out of the app's, does not.
        opened.canWait = false
        return ask(sql)
      }
    }
  }

  // --- the connection -----------------------------------------------------------------------------------------------

  #open(): Promise<Opened> {
    const lost = (): void => {
      if (!this.#forget(opening)) return
      // Of one that was never there nothing is lost.
      if (hasOpened && !this.#hasEnded) this.#options.lost?.()
    }
    let hasOpened = false
    const opening = this.#options.open(lost).then((connection) => {
      hasOpened = true
      const canWait = connection.askBoth !== undefined
      const opened: Opened = {
        connection,
        openedAt: performance.now(),
        questions: 0,
        isMisplaced: false,
        isLeft: false,
        canWait,
        told: undefined,
      }
      if (this.#opening === opening) this.#opened = opened
      return opened
    })
    return opening
  }

  #rests(opening: Promise<Opened>, { connection, isMisplaced, isLeft }: Opened): void {
    if (isLeft) return void this.#end(opening)
    // The pool has ended meanwhile, or the connection was lost.
    if (this.#opening !== opening) return
    connection.keepAlive(false)
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.#end(opening), isMisplaced ? 0 : idleMs)
    this.#idle.unref()
  }

  async #end(opening: Promise<Opened>): Promise<void> {
    this.#forget(opening)
    const opened = await opening.catch(() => undefined)
    if (opened === undefined) return
    const { connection } = opened
    connection.keepAlive(true)
    await inTime(goodbyeMs, connection.end()).catch(() => connection.cut())
  }

  /** The next question opens a connection anew; false where it would do so in any case. */
  #forget(opening: Promise<Opened>): boolean {
    if (this.#opening !== opening) return false
    this.#opening = undefined
    this.#opened = undefined
    return true
  }
}

/** In the words of a connection that was lost. */
class LateError extends Error {
  readonly code = 'ETIMEDOUT'
}

async function inTime<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateError(`The server has not answered for ${ms} ms`)), ms)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
