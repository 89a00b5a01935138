import type { Analysis } from '../classify/types.ts'
import { causeOf } from './cause.ts'
import type { RouteTraffic, Traffic } from './traffic.ts'

const noCauses: readonly string[] = []

/** What one request does, until its answer; then its route has it. */
export class Tally {
  readonly #traffic: Traffic
  readonly #method: string
  readonly #path: string
  /** The middleware's rules would replay it ahead of its handler. */
  readonly #isAhead: boolean
  readonly #begunAt: number = performance.now()
  #statements = 0
  #reads = 0
  #writes = 0
  #crossings = 0
  #primaryCrossings = 0
  #databaseMs = 0
  /** Connections with a statement of it under way, and since when there is one. */
  #busy = 0
  #busySince = 0
  /** When its first write came that would have it replayed. */
  #wroteAt: number | undefined = undefined
  /** It has written by way of `runOnPrimary`: from then on all of it goes there. */
  #isOnPrimary = false
  /** Distinct, and few. */
  #causes: readonly string[] = noCauses
  #route: RouteTraffic | undefined = undefined

  constructor(traffic: Traffic, method: string, path: string, isAhead: boolean) {
    this.#traffic = traffic
    this.#method = method
    this.#path = path
    this.#isAhead = isAhead
  }

  /**
   * A statement of it is about to be sent.
   *
   * @param writes a replica would refuse it
   * @param onPrimary it would go to the primary from any region, without a replay
   * @param isQueued it waits for the answer to another one of it
   */
  asks(analysis: Analysis, text: string, writes: boolean, onPrimary: boolean, isQueued: boolean): void {
    this.#statements++
    if (writes) {
      this.#writes++
      this.needs(causeOf(analysis, text), onPrimary)
    } else if (analysis.transaction === undefined) this.#reads++
    if (this.#busy > 0 && !isQueued) return
    this.#crossings++
    if (this.#isOnPrimary || onPrimary) this.#primaryCrossings++
  }

  /** It needs the primary, for this. */
  needs(cause: string, onPrimary: boolean): void {
    const isNew = !this.#causes.includes(cause)
    if (isNew) this.#causes = [...this.#causes, cause]
    if (this.#route !== undefined) {
      if (isNew) this.#route.needs(cause)
    } else if (onPrimary) this.#isOnPrimary = true
    else this.#wroteAt ??= performance.now()
  }

  /** A statement of it was done by an engine in this very process, and has taken so long (ms). */
  did(analysis: Analysis, text: string, ms: number): void {
    this.asks(analysis, text, analysis.access === 'write', false, false)
    this.#databaseMs += ms
  }

  /** A connection has something under way for it. */
  begins(): void {
    if (this.#busy++ === 0) this.#busySince = performance.now()
  }

  /** It has not any more. */
  ends(): void {
    if (--this.#busy === 0) this.#databaseMs += performance.now() - this.#busySince
  }

  /** Its answer is about to leave, and is no replay. */
  answers(): void {
    if (this.#route !== undefined) return
    const route = this.#traffic.of(this.#method, this.#path)
    this.#route = route
    const wroteAt = this.#wroteAt
    const isPrimary = this.#isAhead || wroteAt !== undefined
    const durations = isPrimary ? route.primaryMs : route.localMs
    durations.add(performance.now() - this.#begunAt)
    for (const sum of [route, this.#traffic]) {
      sum.requests++
      if (isPrimary) sum.primary++
    }
    if (this.#isAhead) {
      route.ahead++
      if (this.#causes.length === 0) route.needless++
    } else if (wroteAt !== undefined) route.untilWriteMs += wroteAt - this.#begunAt
    route.statements += this.#statements
    route.reads += this.#reads
    route.writes += this.#writes
    route.crossings += this.#crossings
    route.primaryCrossings += this.#primaryCrossings
    route.databaseMs += this.#databaseMs
    for (const cause of this.#causes) route.needs(cause)
  }
}
