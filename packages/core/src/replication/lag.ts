/**
 * Learns how far one replica is behind, from nothing but tokens: each carries the primary's clock at its write, and this
 * process sees whether the replica has it. What is missing shows how far behind the replica is at least, what is there how
 * far at most; the last thing that was seen counts. The difference of the two machines' clocks is in the lag as well as in
 * the age of a token, and cancels out of the wait that is predicted from both.
 */
export class LagModel {
  #lagMs: number | undefined
  #reachedTime = Number.NEGATIVE_INFINITY

  /**
   * At `now` the replica had what was written at `time` of the primary's clock.
   *
   * @param arrived it was missing at an earlier look: the lag is known from both sides. Otherwise it may have been
   *   there for long, and the lag is at most its age.
   */
  reached(time: number, now: number, arrived: boolean): void {
    // No token is newer than now: one that says so, with a forged or a wrong clock, must not outshine all others.
    this.#reachedTime = Math.max(this.#reachedTime, Math.min(time, now))
    const age = now - time
    if (arrived || (this.#lagMs !== undefined && age < this.#lagMs)) this.#lagMs = age
  }

  /** At `now` the replica did not have it yet. */
  missed(time: number, now: number): void {
    // It has what was written later: what is older and missing was never written, and says nothing of the lag.
    if (time <= this.#reachedTime) return
    const age = now - time
    if (this.#lagMs === undefined || age > this.#lagMs) this.#lagMs = age
  }

  /** How long (ms) a wait for what was written at `time` will probably take from `now` on; undefined where nothing is known. */
  predict(time: number, now: number): number | undefined {
    return this.#lagMs === undefined ? undefined : Math.max(0, this.#lagMs - (now - time))
  }

  /** Nothing is known any more: another server, or the same one started anew. */
  forget(): void {
    this.#lagMs = undefined
    this.#reachedTime = Number.NEGATIVE_INFINITY
  }
}
