import type { Observation, PositionAlgebra } from '../position.ts'

/** What the primary said of its position, and when (by `performance.now()`) it was asked. */
interface Word {
  readonly at: string
  readonly time: number
}

/**
 * How long ago a replica has certainly heard from its primary, which is how old it is what the replica says of its lag. A server
 * tells that to those who may know; else it is learned: what the primary had at a time, and the replica has received, was sent after
 * that time.
 */
export class Contact {
  readonly #algebra: PositionAlgebra
  readonly #askPrimary: (() => Promise<Observation>) | undefined
  #heardAt = Number.NEGATIVE_INFINITY
  #isAsking = false
  #word: Word | undefined

  /** @param askPrimary undefined where it cannot be asked from here */
  constructor(algebra: PositionAlgebra, askPrimary: (() => Promise<Observation>) | undefined) {
    this.#algebra = algebra
    this.#askPrimary = askPrimary
  }

  /** The age (seconds), after what the replica has said now; undefined where nothing is known. */
  age({ lastContactSeconds, received, at }: Observation): number | undefined {
    const now = performance.now()
    const has = received ?? at
    if (lastContactSeconds !== undefined) this.#hears(now - lastContactSeconds * 1_000)
    else {
      const word = this.#word
      if (word !== undefined && has !== undefined && this.#algebra.covers(has, word.at)) {
        this.#hears(word.time)
        this.#word = undefined
      }
      // For the next time: who asks now does not wait for an ocean.
      if (this.#word === undefined) void this.#ask(now)
    }
    return this.#heardAt === Number.NEGATIVE_INFINITY ? undefined : (now - this.#heardAt) / 1_000
  }

  /** Another server, or the same one started anew. */
  forget(): void {
    this.#heardAt = Number.NEGATIVE_INFINITY
    this.#word = undefined
  }

  #hears(time: number): void {
    this.#heardAt = Math.max(this.#heardAt, time)
  }

  async #ask(time: number): Promise<void> {
    if (this.#isAsking || this.#askPrimary === undefined) return
    this.#isAsking = true
    try {
      const { role, at } = await this.#askPrimary()
      if (role === 'primary' && at !== undefined) this.#word = { at, time }
    } catch {
      // It is out of reach from here; the replica may hear from it all the same.
    } finally {
      this.#isAsking = false
    }
  }
}
