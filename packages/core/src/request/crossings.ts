/** A part of a round trip (ms of ms) within which no answer can have come back: what is sent in it was not waited for. */
const withoutAnswer = 0.8

/**
 * How often a request had to wait for a server across an ocean, and how often it is going to, as far as is known. Statements that
 * are sent together (pipelined, with `Promise.all`) are one crossing: none of them can have waited for another one's answer.
 */
export class Crossings {
  readonly #begunAt: number = performance.now()
  /** What its route has needed so far; 0 where nothing is known. */
  readonly #expected: number
  #count = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #atLeast = 0
  #askedAt: number | undefined = undefined
  #ownMs = 0
  /** What making a connection would have cost it (ms): it was replayed instead. */
  openingMs = 0

  constructor(expected: number) {
    this.#expected = expected
  }

  /** How many it has begun, or is known to need. */
  get needed(): number {
    return Math.max(this.#count, this.#atLeast)
  }

  /** What its handler has done so far beside waiting for them (ms): a replay does that once more. */
  get ownMs(): number {
    return this.#ownMs
  }

  /** It asks for a connection: that one may have to be made, or to say what it leads to, is no work of its handler's. */
  asks(): void {
    this.#askedAt ??= performance.now()
  }

  /**
   * What it has asked for is a connection that would have to be made: what its handler has done so far (ms), and how many crossings are
   * left, one at least.
   */
  beforeOpening(now: number, roundTripMs: number): readonly [ownMs: number, remaining: number] {
    return [this.#ownMs + this.#idleMs(now, roundTripMs), Math.max(1, this.#expected - this.#count)]
  }

  /** It is replayed, as that is cheaper than to make a connection. */
  opensNone(openingMs: number): void {
    this.openingMs = openingMs
    this.#atLeast = Math.max(this.#atLeast, this.#count + 1)
  }

  /** How long it has waited for no answer, since the last one can have come. */
  #idleMs(now: number, roundTripMs: number): number {
    const free = this.#count === 0 ? this.#begunAt : this.#lastAt + roundTripMs
    return Math.max(0, (this.#askedAt ?? now) - free)
  }

  /**
   * A statement is about to be sent.
   *
   * @param roundTripMs 0 where it has to wait for another one's answer in any case
   * @returns whether that is a crossing of its own
   */
  begins(now: number, roundTripMs: number): boolean {
    const since = now - this.#lastAt
    if (since < roundTripMs * withoutAnswer) return false
    this.#ownMs += this.#idleMs(now, roundTripMs)
    this.#askedAt = undefined
    this.#count++
    this.#lastAt = now
    return true
  }

  /** How many are left, with the one that has just begun: a transaction has one more statement and its end. */
  remaining(beginsTransaction: boolean): number {
    if (beginsTransaction) this.#atLeast = this.#count + 2
    // What has needed a second one needs as many again as a rule.
    const least = beginsTransaction ? 3 : this.#count > 1 ? 2 : 1
    return Math.max(least, this.#expected - this.#count + 1)
  }
}
