/** So many ids of requests that were answered with a replay are remembered; a replay that fails comes back within seconds. */
const mostReplays = 4_096
/** So many requests that only say so themselves may run on the primary from here at once: less than half of its pool. */
const mostUnproven = 2
/** After so long (ms) a place is free again, whatever became of its request. */
const placeMs = 30_000

/**
 * Which requests are believed to come back from a replay that failed. The header `fly-replay-failed` can be forged, and what
 * carries it is work for the primary from here: the machine that asked for the replay knows better, by the id that the proxy
 * gives to each request.
 */
export class Fallbacks {
  /** Why each of them was replayed. */
  readonly #replayed: Map<string, string> = new Map()
  /** When each place that is taken becomes free by itself. */
  readonly #taken: Set<{ readonly until: number }> = new Set()

  /** The request with this id was answered with a replay, for this reason. */
  remember(id: string | undefined, reason: string): void {
    if (id === undefined || id.length > 128) return
    this.#replayed.set(id, reason)
    const [oldest] = this.#replayed.keys()
    if (this.#replayed.size > mostReplays && oldest !== undefined) this.#replayed.delete(oldest)
  }

  /** Why this process has answered the request with a replay; undefined where it has not. Told once a replay. */
  recognizes(id: string | undefined): string | undefined {
    if (id === undefined) return undefined
    const reason = this.#replayed.get(id)
    this.#replayed.delete(id)
    return reason
  }

  /**
   * A place on the primary for a request that cannot prove where it comes from, so that all of them together leave room for
   * others.
   *
   * @returns what gives the place back; undefined where there is none
   */
  takePlace(): (() => void) | undefined {
    const now = performance.now()
    for (const place of this.#taken) if (place.until <= now) this.#taken.delete(place)
    if (this.#taken.size >= mostUnproven) return undefined
    const place = { until: now + placeMs }
    this.#taken.add(place)
    return () => void this.#taken.delete(place)
  }
}
