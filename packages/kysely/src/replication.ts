import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask, DialectFacts, Observation, PositionAlgebra, ReplicationSource, Role } from '@flyroute/core/adapter'
import type { Driver } from 'kysely'
import { discard } from './discard.ts'
import { asksOn } from './statement.ts'

/** How long (ms) the local server may take to say what it is. */
const answerMs = 2_000

/** For how long (ms) a replica that was asked in full is asked in brief. */
const briefMs = 500

/** For how long (ms) connections are left on which the server to be left has answered. */
const leavingMs = 500

/** The driver of the local server, as far as it can be asked. */
interface Member {
  /** Ready to be used. */
  driver(): Promise<Driver>
  /** It has one connection only, and that is in use: what is asked on it would be part of the app's transaction. */
  isTaken(): boolean
}

/** How far a question has come. */
interface Asking {
  hasConnection: boolean
  /** Nothing waits for the answer any more. */
  isAbandoned: boolean
}

/** Asks the member that is read from, on a connection of the dialect itself: there is no other way to it. */
export class DialectSource implements ReplicationSource {
  readonly algebra: PositionAlgebra
  readonly #facts: DialectFacts
  readonly #expected: Role
  #member: Member | undefined
  /** A question that was not answered in time, and still occupies its connection. */
  #late: { readonly state: Asking; readonly isOver: Promise<unknown> } | undefined
  #last: Observation | undefined
  /** Questions that occupy a connection, or want one. */
  readonly #under: Set<Promise<unknown>> = new Set()
  /** Until when connections are left. */
  #leavesUntil = 0
  /** When it was last asked in full. */
  #toldAt = 0

  constructor(facts: DialectFacts, expected: Role) {
    this.algebra = facts.algebra
    this.#facts = facts
    this.#expected = expected
  }

  attach(member: Member): void {
    this.#member = member
  }

  probe(): Promise<Observation> {
    return this.#probe((ask) => this.#observe(ask))
  }

  probeLag(): Promise<Observation> {
    return this.#probe(async (ask) => {
      const observation = await this.#observe(ask)
      return { ...observation, ...(await this.#facts.lag?.({ ask }, observation)) }
    })
  }

  async #probe(question: (ask: Ask) => Promise<Observation>): Promise<Observation> {
    const { asksNothing } = this.#facts
    if (asksNothing !== undefined) return asksNothing(this.#expected)
    if (this.#member === undefined) {
      throw new Error('No Kysely uses this dialect yet; hand it to a Kysely first, and keep that until the end')
    }
    // Its role is what it was; where it stands is not its own to say.
    if (this.#last !== undefined && this.#member.isTaken()) return { ...this.#last, at: undefined }
    this.#last = await this.#inTime(this.#member, question)
    return this.#last
  }

  /** Asks something else, on a connection of the dialect. */
  async ask(sql: string): ReturnType<Ask> {
    const member = this.#member
    if (member === undefined || member.isTaken()) throw new Error('The database cannot be asked now')
    return this.#inTime(member, (ask) => ask(sql))
  }

  /** Whether a question occupies a connection, or wants one. */
  get isAsking(): boolean {
    return this.#under.size > 0
  }

  async #inTime<T>(member: Member, question: (ask: Ask) => Promise<T>): Promise<T> {
    const state: Asking = { hasConnection: false, isAbandoned: false }
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(lateError(state.hasConnection)), answerMs)
    })
    const asked = this.#ask(member, state, question)
    this.#under.add(asked)
    asked.catch(() => undefined).finally(() => this.#under.delete(asked))
    try {
      return await Promise.race([asked, late])
    } catch (error) {
      state.isAbandoned = true
      this.#late ??= { state, isOver: this.#isOver(asked) }
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #isOver(asked: Promise<unknown>): Promise<void> {
    await asked.catch(() => undefined)
    this.#late = undefined
  }

  async #ask<T>(member: Member, state: Asking, question: (ask: Ask) => Promise<T>): Promise<T> {
    // One question at a time: those that get no answer would take all of the pool's connections.
    while (this.#late !== undefined) {
      state.hasConnection = this.#late.state.hasConnection
      await this.#late.isOver
      if (state.isAbandoned) throw new Error('Nothing waits any more')
    }
    state.hasConnection = false
    const driver = await member.driver()
    const connection = await driver.acquireConnection()
    state.hasConnection = true
    try {
      return await question(asksOn(connection, this.#facts.language))
    } finally {
      if (performance.now() < this.#leavesUntil) await discard(driver, connection, this.#facts.language)
      await driver.releaseConnection(connection)
    }
  }

  async #observe(ask: Ask): Promise<Observation> {
    if (this.#last !== undefined && performance.now() - this.#toldAt < briefMs) {
      const again = await this.#facts.observeAgain?.(ask, this.#last)
      if (again !== undefined) return again
    }
    const toldAt = performance.now()
    const observation = await this.#facts.observe(ask, this.#expected)
    this.#toldAt = toldAt
    return observation
  }

  leave(): void {
    this.#last = undefined
    this.#leavesUntil = performance.now() + leavingMs
  }

  /** Waits for what is being asked: some drivers never end with a connection in use. */
  async end(): Promise<void> {
    this.#member = undefined
    await Promise.race([Promise.allSettled(this.#under), sleep(answerMs, undefined, { ref: false })])
  }
}

const withoutConnection = 'The database gives no connection'

function lateError(hasConnection: boolean): Error {
  const message = hasConnection ? 'The database does not answer' : withoutConnection
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
}

/** Whether a question was asked at all, and not without a connection from the pool. */
export function wasAsked(error: unknown): boolean {
  return !(error instanceof Error && error.message === withoutConnection)
}
