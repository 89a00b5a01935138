import type { Observation, PositionAlgebra } from '../position.ts'

/** How long (ms) after one question the primary is asked another. */
const retryMs = 5_000

/** What of an observation tells its server's cluster. */
type Identity = Pick<Observation, 'cluster' | 'at'>

/**
 * Which cluster the primary belongs to, so that a local server of another one (yesterday's copy, staging) is known for what it
 * is: its positions mean nothing here, and what is written to it is lost.
 */
export class PrimaryCluster {
  readonly #algebra: PositionAlgebra
  readonly #ask: (() => Promise<Observation>) | undefined
  #primary: Identity | undefined
  /** The server's position that was compared last with the primary's, and what came of it. */
  #compared: string | undefined
  #isForeign = false
  #askedAt = Number.NEGATIVE_INFINITY
  #pending: Promise<void> | undefined

  /** @param ask asks the primary; undefined where that cannot be done from here */
  constructor(algebra: PositionAlgebra, ask: (() => Promise<Observation>) | undefined) {
    this.#algebra = algebra
    this.#ask = ask
  }

  /** Whether the server is certainly not one of the primary's cluster. */
  isForeign({ cluster, at }: Identity): boolean {
    const primary = this.#primary
    if (primary === undefined) return false
    if (cluster !== '' && primary.cluster !== '') return cluster !== primary.cluster
    if (at === undefined || primary.at === undefined) return false
    // Each statement asks this, and a text of positions is long: it is read once.
    if (at !== this.#compared) {
      this.#isForeign = this.#algebra.areForeign?.(at, primary.at) === true
      this.#compared = at
    }
    return this.#isForeign
  }

  /** The primary has said what it is. */
  heard({ cluster, at }: Identity): void {
    this.#primary = { cluster, at }
    this.#compared = undefined
  }

  /**
   * Asks the primary, at most every few seconds.
   *
   * @returns resolved as soon as it has answered, or could not be reached: the first time there is nothing else to go by.
   *   Undefined where nothing has to be waited for.
   */
  ask(): Promise<void> | undefined {
    const now = performance.now()
    if (this.#ask === undefined || now - this.#askedAt < retryMs) return this.#pending
    const isFirst = this.#askedAt === Number.NEGATIVE_INFINITY
    this.#askedAt = now
    const asked = this.#ask().then(
      (observation) => {
        if (observation.role === 'primary') this.heard(observation)
      },
      // It may be down, or about to be replaced by the local server: that one is believed then.
      () => undefined,
    )
    if (isFirst) {
      this.#pending = asked.finally(() => {
        this.#pending = undefined
      })
    }
    return this.#pending
  }

  /** `ask`, unless it is known. */
  askOnce(): Promise<void> | undefined {
    return this.#primary === undefined ? this.ask() : undefined
  }
}
