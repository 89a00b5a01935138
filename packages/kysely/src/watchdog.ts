import { unaskedLooks, type Watchdog, Watched } from '@flyroute/core/adapter'

/**
 * What waits for a server, for an answer or a connection, as a promise that the watchdog can end: below Kysely there is no
 * connection to cut.
 *
 * @typeParam T what it comes to
 */
export abstract class Wait<T> extends Watched {
  readonly promise: Promise<T>
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

  get work(): unknown {
    return this
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

/** How long an answer is waited for whose server cannot be asked: a client is served elsewhere, a job has time. */
export function patienceFor(isRequest: boolean): number {
  return isRequest ? unaskedLooks : Number.POSITIVE_INFINITY
}
