/** So many a second are all timed. */
const allASecond = 1_000
/** And one of so many of the rest. */
const share = 16

/**
 * Which statements are timed: all of them, up to a thousand a second, and of the rest one in sixteen. An SDK takes a microsecond for a
 * value of a histogram, which would be felt where a process does nothing but short statements; their distribution is the same.
 */
export class Sample {
  #count = 0
  #begun = 0

  /** @param now by `performance.now()` */
  takes(now: number = performance.now()): boolean {
    if (now - this.#begun >= 1_000) {
      this.#begun = now
      this.#count = 0
    }
    this.#count++
    return this.#count <= allASecond || this.#count % share === 0
  }
}
