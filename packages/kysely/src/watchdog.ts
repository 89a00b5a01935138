import type { DatabaseReplication } from '@flyroute/core/adapter'
import { isWithoutConnection } from './replication.ts'

/** How often (ms) waits are looked at, and for how many looks one may last before the replica is asked. */
const lookMs = 500
const patience = 2

/** For how many looks the statement of a request may last where the pool gives no other connection to ask on. */
const lastPatience = 20

/** Something that is waited for, and can be given up. */
interface Abandonable {
  abandon(error: Error): void
}

/** What one connection waits for; reused for all of its statements. */
export class Work {
  readonly #watchdog: Watchdog
  /** What is waited for now. */
  current: Abandonable | undefined
  /** Whether a client waits for it. */
  isRequest = false
  looks = 0
  #serial = 0
  #seen = 0

  constructor(watchdog: Watchdog) {
    this.#watchdog = watchdog
  }

  /** Something was sent. */
  begins(current: Abandonable, isRequest: boolean): void {
    this.current = current
    this.isRequest = isRequest
    this.#serial++
    this.#watchdog.wakes()
  }

  /** It was answered, or given up. */
  ends(): void {
    this.current = undefined
    this.#watchdog.answers++
  }

  /** @returns whether it still waits for the same answer as at the look before */
  look(): boolean {
    const isSame = this.current !== undefined && this.#serial === this.#seen
    this.#seen = this.#serial
    this.looks = isSame ? this.looks + 1 : 0
    return isSame
  }
}

/** Somebody who waits for a connection. In a list by itself, since one is made for each statement. */
export abstract class Wait implements Abandonable {
  looks = 0
  before: Wait | undefined
  behind: Wait | undefined

  abstract abandon(error: Error): void
}

/**
 * Notices a replica that hangs instead of failing: where a statement, or somebody who wants a connection, has waited for a
 * second, the server is asked on another connection of the same pool. A long query on a server that answers is left alone; of one
 * that does not, all who wait are told, so that they are served elsewhere. Where the pool gives no connection to ask on, nobody
 * can tell a server that hangs from a pool whose connections are all at long queries: then those who wait for a connection are
 * served elsewhere at once, and requests whose statement has had no answer for ten seconds.
 *
 * It looks now and then, so that a statement costs next to nothing, and only while there are statements.
 */
export class Watchdog {
  /** How many answers have come. */
  answers = 0
  readonly #replication: DatabaseReplication
  readonly #works: Set<WeakRef<Work>> = new Set()
  #newest: Wait | undefined
  #timer: NodeJS.Timeout | undefined
  #answersSeen = 0
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  /** Looks at a connection from now on. */
  watch(): Work {
    const work = new Work(this)
    this.#works.add(new WeakRef(work))
    return work
  }

  /** Somebody wants a connection. */
  waits(wait: Wait): void {
    wait.before = this.#newest
    if (this.#newest !== undefined) this.#newest.behind = wait
    this.#newest = wait
    this.wakes()
  }

  /** A connection has come, or will not. */
  ends(wait: Wait): void {
    const { before, behind } = wait
    if (before !== undefined) before.behind = behind
    if (behind !== undefined) behind.before = before
    else this.#newest = before
    // Nobody is kept by who was beside him.
    wait.before = undefined
    wait.behind = undefined
    this.answers++
  }

  wakes(): void {
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    let isBusy = this.#newest !== undefined
    let longest = 0
    for (const reference of this.#works) {
      const work = reference.deref()
      if (work === undefined) this.#works.delete(reference)
      else {
        work.look()
        if (work.current !== undefined) isBusy = true
        longest = Math.max(longest, work.looks)
      }
    }
    for (let wait = this.#newest; wait !== undefined; wait = wait.before) longest = Math.max(longest, ++wait.looks)
    // With nothing to look at, the next statement wakes it.
    if (!isBusy && this.answers === this.#answersSeen) this.end()
    this.#answersSeen = this.answers
    if (longest >= patience && !this.#asking) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    const { answers } = this
    try {
      await this.#replication.observe()
      // It answers: whoever still waits is given as long again.
      for (const reference of this.#works) {
        const work = reference.deref()
        if (work !== undefined) work.looks = 0
      }
      for (let wait = this.#newest; wait !== undefined; wait = wait.before) wait.looks = 0
    } catch (error) {
      this.#replication.failed(error)
      const isSure = !isWithoutConnection(error)
      const isStill = answers === this.answers
      const lost = lostError()
      while (this.#newest !== undefined) this.#newest.abandon(lost)
      for (const reference of this.#works) {
        const work = reference.deref()
        if (work === undefined || work.looks === 0) continue
        if (isSure || (isStill && work.isRequest && work.looks >= lastPatience)) work.current?.abandon(lost)
      }
    } finally {
      this.#asking = false
    }
  }
}

/** What whoever waits for a server that hangs is told: in the words of a connection that was lost. */
export function lostError(): Error {
  return Object.assign(new Error('The replica does not answer'), { code: 'ETIMEDOUT' })
}
