import type { PositionAlgebra } from '../position.ts'

/** What one look at a replica shows. Times are in seconds since 1970. */
export interface Look {
  /** What can be seen on it. */
  readonly at: string
  /** What was received; undefined where that does not tell what the primary has, as without a connection to it. */
  readonly received: string | undefined
  /** The replica's clock. */
  readonly now: number
  /** When the newest transaction that can be seen was committed; undefined where the replica does not know. */
  readonly newest: number | undefined
  /** When the transaction was committed that is being applied, where the server tells. */
  readonly applying?: number | undefined
}

/** How long (ms) is waited from one look to the next, while something is to be replayed: mostly it is there at the next one. */
const pausesMs = [0, 5, 25, 70, 150]

/** Since when something waits to be replayed, as far as was seen. */
interface Seen {
  /** The run of the server. */
  readonly instance: string
  /** By `performance.now()`; undefined while nothing waits. */
  since: number | undefined
}

/**
 * How many seconds a replica is behind. No server says that in one answer: how old its newest transaction is says it only while
 * others wait to be replayed, and what waits at one moment may have come in that moment, behind an hour without a write. So it is
 * looked again, until something shows: a transaction that was committed before the first look and could be seen only later, or
 * that nothing moves.
 */
export class LagWatch {
  readonly #algebra: PositionAlgebra
  /** Undefined for a server that was never seen without anything that waits. */
  #seen: Seen | undefined

  constructor(algebra: PositionAlgebra) {
    this.#algebra = algebra
  }

  /** One look has shown that nothing waits. */
  isUpToDate(instance: string): 0 {
    this.#seen = { instance, since: undefined }
    return 0
  }

  /** @returns undefined where nothing shows how long what is there has waited */
  async seconds(instance: string, look: () => Promise<Look | undefined>): Promise<number | undefined> {
    if (this.#seen?.instance !== instance) this.#seen = undefined
    const begun = performance.now()
    const first = await look()
    let looks = 0
    for (let last = first; first !== undefined && last !== undefined; last = await look()) {
      if (this.#has(last.at, first.received)) return this.isUpToDate(instance)
      const seconds = shownBy(first, last)
      if (seconds !== undefined) {
        if (this.#seen !== undefined) this.#seen.since = begun - seconds * 1_000
        return seconds
      }
      const pause = pausesMs[looks++]
      if (pause === undefined) return this.#standsStill(begun, last)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    return undefined
  }

  /** The age of the newest transaction; but no longer than something has waited. */
  #standsStill(begun: number, { now, newest }: Look): number | undefined {
    const age = newest === undefined ? undefined : Math.max(0, now - newest)
    if (this.#seen === undefined) return age
    this.#seen.since ??= begun
    const waited = (performance.now() - this.#seen.since) / 1_000
    return age === undefined ? waited : Math.min(age, waited)
  }

  #has(at: string, received: string | undefined): boolean {
    return received !== undefined && this.#algebra.covers(at, received)
  }
}

/** By a transaction that was committed, and could not be seen yet; undefined where there was none. */
function shownBy(first: Look, last: Look): number | undefined {
  if (last.applying !== undefined) return Math.max(0, last.now - last.applying)
  if (last.newest === undefined || last.newest <= (first.newest ?? Number.NEGATIVE_INFINITY)) return undefined
  return Math.max(0, first.now - last.newest)
}
