import type { DatabaseReplication } from '@flyroute/core/adapter'
import { isWithoutConnection } from './replication.ts'

/** How often (ms) waits are looked at, and for how many looks one may last before the replica is asked. */
const lookMs = 500
const patience = 2

/** For how many looks the statement of a request may last where the pool gives no other connection to ask on. */
const lastPatience = 10

/** Something that is waited for, as the watchdog sees it. In a list by itself, since there is one for each statement. */
abstract class Waiting {
  looks = 0
  before: Waiting | undefined
  behind: Waiting | undefined

  /** The server hangs. */
  abstract abandon(error: Error): void
  /** Whether it has lasted too long for a server that nobody can ask. */
  abstract get isTooLong(): boolean
}

/**
 * The same as whoever waits sees it: for an answer, or a connection.
 *
 * @typeParam T what it comes to
 */
export abstract class Wait<T> extends Waiting {
  readonly promise: Promise<T>
  /** For how many looks it may last where nobody can tell whether the server hangs. */
  protected abstract readonly patience: number
  readonly #watchdog: Watchdog | undefined
  #resolve: ((result: T | Promise<T>) => void) | undefined

  constructor(watchdog: Watchdog | undefined) {
    super()
    this.#watchdog = watchdog
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve
    })
    watchdog?.begins(this)
  }

  get isTooLong(): boolean {
    return this.looks >= this.patience
  }

  /** Ends it, once. @returns what its promise is resolved with; undefined where it was over */
  protected over(): ((result: T | Promise<T>) => void) | undefined {
    const resolve = this.#resolve
    if (resolve === undefined) return undefined
    this.#resolve = undefined
    this.#watchdog?.ends(this)
    return resolve
  }
}

/** How long an answer is waited for: a client is served elsewhere, a job has time. */
export function patienceFor(isRequest: boolean): number {
  return isRequest ? lastPatience : Number.POSITIVE_INFINITY
}

/**
 * Notices a replica that hangs instead of failing: where a statement, or somebody who wants a connection, has waited for a
 * second, the server is asked on another connection of the same pool. A long query on a server that answers is left alone; of one
 * that does not, all who wait are told, so that they are served elsewhere. Where the pool gives no connection to ask on, nobody
 * can tell a server that hangs from a pool whose connections are all at long queries: then those who wait for a connection are
 * served elsewhere at once, and requests whose statement has had no answer for five seconds.
 *
 * It looks now and then, so that a statement costs next to nothing, and only while there are statements.
 */
export class Watchdog {
  readonly #replication: DatabaseReplication
  #newest: Waiting | undefined
  /** How many waits have ended. */
  #ended = 0
  #endedBefore = 0
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  begins(wait: Waiting): void {
    wait.before = this.#newest
    if (this.#newest !== undefined) this.#newest.behind = wait
    this.#newest = wait
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  ends(wait: Waiting): void {
    const { before, behind } = wait
    if (before !== undefined) before.behind = behind
    if (behind !== undefined) behind.before = before
    else this.#newest = before
    // Nobody is kept by who was beside him.
    wait.before = undefined
    wait.behind = undefined
    this.#ended++
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  *#waits(): Iterable<Waiting> {
    for (let wait = this.#newest; wait !== undefined; ) {
      const next: Waiting | undefined = wait.before
      yield wait
      wait = next
    }
  }

  #look(): void {
    let longest = 0
    for (const wait of this.#waits()) longest = Math.max(longest, ++wait.looks)
    // With nothing to look at, the next statement wakes it.
    if (this.#newest === undefined && this.#ended === this.#endedBefore) this.end()
    this.#endedBefore = this.#ended
    if (longest > patience && !this.#asking) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    const ended = this.#ended
    try {
      await this.#replication.prober.probe()
      // It answers: whoever still waits is given as long again.
      for (const wait of this.#waits()) wait.looks = 0
    } catch (error) {
      this.#replication.prober.reportUnreachable(error)
      const isSure = !isWithoutConnection(error)
      const isStill = ended === this.#ended
      for (const wait of this.#waits()) {
        if (isSure || (isStill && wait.isTooLong)) wait.abandon(lostError())
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
