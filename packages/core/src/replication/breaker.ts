/** How long to wait (ms) before the replica is asked again, the first and the longest time. */
const firstPauseMs = 100
const longestPauseMs = 1_000

/**
 * Stops hammering a replica that is down: after a failure nothing is sent to it until a probe, on a connection of its
 * own, has come back. Probes double their pauses up to a second, so the way back takes about a second at most.
 */
export class Breaker {
  readonly #probe: () => Promise<unknown>
  readonly #changed: (open: boolean, cause: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #open = false
  #closed = false

  constructor(probe: () => Promise<unknown>, changed: (open: boolean, cause: unknown) => void) {
    this.#probe = probe
    this.#changed = changed
  }

  /** True while the replica is skipped: it could not be reached, and has not answered a probe since. */
  get isOpen(): boolean {
    return this.#open
  }

  /** The replica could not be reached. */
  fail(cause: unknown): void {
    if (this.#open || this.#closed) return
    this.#open = true
    this.#changed(true, cause)
    this.#schedule(firstPauseMs)
  }

  /** No more probes: the pool ends. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(pauseMs: number): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#probe().then(
        () => {
          this.#open = false
          if (!this.#closed) this.#changed(false, undefined)
        },
        () => this.#schedule(Math.min(pauseMs * 2, longestPauseMs)),
      )
    }, pauseMs)
    // A process that has nothing else to do may end although its replica is down.
    this.#timer.unref?.()
  }
}
