/** The first bucket ends here (ms), each further one reaches by so much further, and the last one takes all that is longer: minutes. */
const [leastMs, growth, buckets] = [0.05, 1.08, 200] as const
const logOfGrowth = Math.log(growth)

/** How long requests have taken, to 4 % and in less than a kilobyte, however many there were. */
export class Durations {
  readonly #counts: Uint32Array = new Uint32Array(buckets)

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(leastMs, ms) / leastMs) / logOfGrowth)
    const at = Math.min(bucket, buckets - 1)
    this.#counts[at] = (this.#counts[at] as number) + 1
  }

  /** The middle of each bucket that has something in it (ms), and how much. */
  toJSON(): [ms: number, requests: number][] {
    const found: [number, number][] = []
    for (const [bucket, count] of this.#counts.entries()) {
      if (count > 0) found.push([Number((leastMs * growth ** (bucket - 0.5)).toPrecision(4)), count])
    }
    return found
  }
}
