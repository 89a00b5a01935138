/**
 * Learns how far one replica is behind, from nothing but tokens: each carries the primary's clock at its write, and at
 * some moment this process sees that the replica has reached it. The difference of those two is the lag *plus* the
 * difference of the two clocks; so is the age of a token that has just arrived. Their difference is the wait that is
 * still ahead of it, free of any clock.
 */
export class LagModel {
  #reachedTime = Number.NEGATIVE_INFINITY
  #reachedAge: number | undefined
  /** Tokens that the replica had not reached when last asked, oldest first. */
  #pending: number[] = []

  /** The replica has (now, or some time before) reached what was written at `time` of the primary's clock. */
  reached(time: number, now: number): void {
    this.#pending = this.#pending.filter((pending) => pending > time)
    if (time < this.#reachedTime) return
    this.#reachedTime = time
    this.#reachedAge = now - time
  }

  /** The replica has not reached it yet. */
  missed(time: number): void {
    if (this.#pending.includes(time)) return
    this.#pending.push(time)
    if (this.#pending.length > 64) this.#pending.splice(1, 1)
  }

  /** Nothing is known any more: another server, or the same one started anew. */
  forget(): void {
    this.#reachedTime = Number.NEGATIVE_INFINITY
    this.#reachedAge = undefined
    this.#pending = []
  }

  /**
   * How long (ms) a wait for what was written at `time` will probably take from `now` on; undefined where nothing
   * was learned yet.
   */
  predict(time: number, now: number): number | undefined {
    // Whatever is pending at an age shows that the lag is at least that.
    const oldest = this.#pending[0]
    const least = oldest === undefined || oldest >= time ? undefined : now - oldest
    const age = Math.max(this.#reachedAge ?? Number.NEGATIVE_INFINITY, least ?? Number.NEGATIVE_INFINITY)
    return age === Number.NEGATIVE_INFINITY ? undefined : Math.max(0, age - (now - time))
  }
}
