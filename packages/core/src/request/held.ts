/** A connection that a request has checked out; reclaimed when the request was answered with a replay. */
export interface HeldConnection {
  /** Others use it at the same time, and are not to meet what is open on it: it is reclaimed at once. Default: false. */
  readonly isShared?: boolean
  /** A statement is under way on it: `reclaim` waits for its answer, since an error in its place would have nothing to handle it. */
  readonly isBusy?: boolean
  /** Rolls back what is open on it and gives it back to its pool. Must not throw. */
  reclaim(): void
}

/** A request, as far as it holds connections. */
interface Holder {
  readonly isReplayed: boolean
  readonly refusal: unknown
  hold(connection: HeldConnection): void
  release(connection: HeldConnection): void
}

/** How long (ms) the app has to roll back and give back what it holds of a request that was answered with a replay. */
const reclaimMs = 250
/** So many times it is waited as long once more for an answer that is on its way: a stream may stand still for ever. */
const reclaimLooks = 40

/** How often (ms) it is looked for such an answer while an end waits for it. */
const endingMs = 20

/** What one request has checked out, and not given back. */
export class Holdings {
  readonly #connections: Set<HeldConnection> = new Set()
  #isLooking = false

  add(connection: HeldConnection): void {
    this.#connections.add(connection)
  }

  delete(connection: HeldConnection): void {
    this.#connections.delete(connection)
  }

  /** The request is answered with a replay: the app's own `finally` gives back what it can, and what is left then is reclaimed. */
  reclaimSoon(): void {
    setImmediate(() => {
      for (const connection of this.#connections) if (connection.isShared) connection.reclaim()
    })
    this.reclaimLater()
  }

  reclaimLater(): void {
    if (!this.#isLooking) this.#lookLater(reclaimLooks)
  }

  #lookLater(looks: number): void {
    this.#isLooking = true
    setTimeout(() => this.#look(looks), reclaimMs).unref?.()
  }

  #look(looks: number): void {
    for (const connection of this.#connections) {
      if (looks > 0 && connection.isBusy) continue
      this.delete(connection)
      connection.reclaim()
    }
    this.#isLooking = false
    if (this.#connections.size > 0) this.#lookLater(looks - 1)
  }
}

/** The connections of one database that requests have checked out. */
export class HeldConnections {
  readonly #requests: Map<HeldConnection, Holder> = new Map()

  /** A pool hands it over, for a request to use. */
  hold(connection: HeldConnection, request: Holder): void {
    this.#requests.set(connection, request)
    request.hold(connection)
  }

  /** It was given back, or is reclaimed. */
  release(connection: HeldConnection): void {
    const request = this.#requests.get(connection)
    if (request === undefined) return
    this.#requests.delete(connection)
    request.release(connection)
  }

  /**
   * A pool of the database ends: what replayed requests hold is reclaimed now, since nothing else gives it back, and drivers wait for
   * what they have lent, or never end where it comes back later. An answer that is on its way is waited for as long as it would be
   * without an end. What other requests hold is theirs to give back.
   *
   * @returns when none is left; what is idle has been reclaimed in the same step
   */
  async reclaim(): Promise<void> {
    const until = performance.now() + reclaimMs * reclaimLooks
    while (this.#reclaims(performance.now() >= until)) await new Promise((resolve) => setTimeout(resolve, endingMs))
  }

  /** @returns whether it is to be looked again */
  #reclaims(isLast: boolean): boolean {
    let isWaiting = false
    for (const [connection, request] of this.#requests) {
      // One that was refused something is about to be replayed.
      if (!request.isReplayed) isWaiting ||= request.refusal !== undefined
      else if (connection.isBusy && !isLast) isWaiting = true
      else {
        this.release(connection)
        connection.reclaim()
      }
    }
    return isWaiting && !isLast
  }
}
