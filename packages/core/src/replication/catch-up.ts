import { hasReached, type Observation, type Position, type PositionAlgebra } from '../position.ts'
import { LagModel } from './lag.ts'

/**
 * Pauses (ms) between two looks at the replica: each is half as long again as the one before, so that what is learned of a
 * lag is right to a third of it; up to the one length while a request waits, up to the other while the lag is only followed.
 */
const firstPauseMs = 1
const growth = 1.5
const longestPauseMs = 20
const longestIdlePauseMs = 1_000
/**
 * For how long (ms) a question is left to wait on the server. It cannot be cut short, so no longer than the longest pause;
 * ever longer, by the same growth, only while no new waiter comes and all that wait may wait long.
 */
const shortestArrivalMs = longestPauseMs
const longestArrivalMs = 100
/** For how long (ms), and for how many positions, a lag is followed that no request waits for. */
const longestFollowedMs = 600_000
const mostFollowed = 16

/** A position that was not there when it was wanted. */
interface Wanted {
  readonly position: Position
  readonly since: number
  /** A look since then has not found it. */
  missed: boolean
}

interface Waiter extends Wanted {
  readonly stallMs: number
  /** The number of the look that is the last one for it. */
  readonly lastLook: number
  readonly done: (reached: boolean) => void
}

/** A question that the server answers when it has what is wanted, or after a time (ms). */
interface Arrival {
  readonly wanted: Waiter
  readonly withinMs: number
  readonly answer: Promise<Observation>
}

export interface WaitOptions {
  readonly timeoutMs: number
  /**
   * Give up once the replica has stood still for so long (ms) although it has received what is wanted: it is paused, or
   * held back on purpose, and the rest of the time-out would be waited in vain. Default: never.
   */
  readonly stallMs?: number | undefined
  /** One look, and no wait: what is not there at the next answer is given up. Default: false. */
  readonly looksOnce?: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * Waits for positions on a replica: one poller, with one question under way at most, however many requests wait. Where the
 * server can wait by itself, the question is left to it until it has the first of the positions, in place of a pause.
 *
 * It goes on looking, ever more seldom, while a position is outstanding that no request waits for any more: so the lag is known
 * when the next request asks whether waiting is worth while. With nothing outstanding nothing runs, and looks that nothing
 * waits for keep no process alive.
 */
export class CatchUp {
  readonly #probe: () => Promise<Observation>
  readonly #algebra: PositionAlgebra
  readonly #probeArrival: (at: string, withinMs: number) => Promise<Observation> | undefined
  readonly #lag: LagModel = new LagModel()
  readonly #waiters: Set<Waiter> = new Set()
  #followed: Wanted[] = []
  #running = false
  #ended = false
  /** How many looks were begun. */
  #looks = 0
  #pauseMs = firstPauseMs
  #arrivalMs = shortestArrivalMs
  /** Cuts the pause short that the poller is in. */
  #wake: (() => void) | undefined
  #lastAt: string | undefined
  #movedAt = 0
  /** Nothing that was missed has arrived since a wait was given up: until then no other one is begun. */
  #stalled = false

  /**
   * @param probeArrival as `probe`, answered when the position is reached, or after a time (ms); undefined where the server cannot
   *   be asked so
   */
  constructor(
    probe: () => Promise<Observation>,
    algebra: PositionAlgebra,
    probeArrival: (at: string, withinMs: number) => Promise<Observation> | undefined = () => undefined,
  ) {
    this.#probe = probe
    this.#algebra = algebra
    this.#probeArrival = probeArrival
  }

  /** How many requests wait at this moment. */
  get waiting(): number {
    return this.#waiters.size
  }

  /** How long (ms) a wait would probably take; undefined where nothing is known. */
  predict(wanted: Position, now: number = Date.now()): number | undefined {
    return this.#stalled ? Number.POSITIVE_INFINITY : this.#lag.predict(wanted.time, now)
  }

  /**
   * Resolves with true as soon as the replica has reached the position; with false at the time-out, at a stall, on abort,
   * when the replica cannot be asked, or when it belongs to another cluster.
   */
  wait(position: Position, options: WaitOptions): Promise<boolean> {
    const { timeoutMs, stallMs = Number.POSITIVE_INFINITY, looksOnce = false, signal } = options
    if (this.#ended || signal?.aborted || timeoutMs <= 0) return Promise.resolve(false)
    return new Promise((resolve) => {
      const done = (reached: boolean): void => {
        if (!this.#waiters.delete(waiter)) return
        clearTimeout(timer)
        signal?.removeEventListener('abort', giveUp)
        resolve(reached)
      }
      const giveUp = (): void => this.#giveUp(waiter)
      const timer = setTimeout(giveUp, timeoutMs)
      signal?.addEventListener('abort', giveUp)
      // A look that is under way was begun before the position was wanted: the next one counts.
      const lastLook = looksOnce ? this.#looks + 1 : Number.POSITIVE_INFINITY
      const waiter: Waiter = { position, since: Date.now(), missed: false, stallMs, lastLook, done }
      this.#waiters.add(waiter)
      this.#lookSoon()
    })
  }

  /** The replica was started anew or is another one: what was learned of it does not hold. */
  forget(): void {
    this.#lag.forget()
    this.#followed = []
    this.#stalled = false
  }

  /** No wait begins any more. */
  end(): void {
    this.#ended = true
    this.#followed = []
    for (const waiter of this.#waiters) waiter.done(false)
    this.#wake?.()
  }

  // --- the poller ---------------------------------------------------------------------------------------------------

  get #isNeeded(): boolean {
    return !this.#ended && (this.#waiters.size > 0 || this.#followed.length > 0)
  }

  #lookSoon(): void {
    this.#pauseMs = firstPauseMs
    this.#arrivalMs = shortestArrivalMs
    this.#wake?.()
    if (this.#running) return
    this.#running = true
    void this.#poll()
  }

  async #poll(): Promise<void> {
    try {
      let arrival: Arrival | undefined
      while (this.#isNeeded) {
        this.#looks++
        const asked = Date.now()
        const seen = await (arrival?.answer ?? this.#probe())
        // The server has waited that long before it said how far it has come.
        const waitedMs = arrival !== undefined && Date.now() - asked >= arrival.withinMs ? arrival.withinMs : 0
        this.#interpret(seen, asked + waitedMs)
        // It does not wait, after all, or not for what is meant: then there are pauses.
        const isPremature = arrival !== undefined && waitedMs === 0 && this.#waiters.has(arrival.wanted)
        arrival = isPremature ? undefined : this.#askForArrival(seen)
        if (arrival === undefined && this.#isNeeded) await this.#pause()
      }
    } catch {
      // No request is kept waiting for a dead replica. The breaker reports and probes it.
      for (const waiter of this.#waiters) waiter.done(false)
      this.#followed = []
    } finally {
      // In the same turn as the last look at `isNeeded`, or who comes in between would wait for a poller that is gone.
      this.#running = false
    }
  }

  /** Leaves the next question to the server until it has the first of what is waited for; undefined where a pause is better. */
  #askForArrival({ role, at }: Observation): Arrival | undefined {
    if (this.#ended || role !== 'replica' || at === undefined) return undefined
    let wanted: Waiter | undefined
    let longestMs = longestArrivalMs
    for (const waiter of this.#waiters) {
      if (waiter.lastLook < Number.POSITIVE_INFINITY) return undefined
      if (waiter.stallMs < Number.POSITIVE_INFINITY) longestMs = shortestArrivalMs
      if (wanted === undefined || this.#algebra.covers(wanted.position.at, waiter.position.at)) wanted = waiter
    }
    // Who has the place and still waits, waits for the epoch.
    if (wanted === undefined || this.#algebra.covers(at, wanted.position.at)) return undefined
    const withinMs = Math.round(Math.min(this.#arrivalMs, longestMs))
    const answer = this.#probeArrival(wanted.position.at, withinMs)
    if (answer === undefined) return undefined
    this.#arrivalMs = withinMs * growth
    return { wanted, withinMs, answer }
  }

  #pause(): Promise<void> {
    const idle = this.#waiters.size === 0
    const pauseMs = Math.min(this.#pauseMs, idle ? longestIdlePauseMs : longestPauseMs)
    this.#pauseMs = pauseMs * growth
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs)
      if (idle) timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  // --- what a look tells --------------------------------------------------------------------------------------------

  #interpret(seen: Observation, asked: number): void {
    const now = Date.now()
    if (seen.at !== this.#lastAt) {
      this.#lastAt = seen.at
      this.#movedAt = now
    }
    let newest: Wanted | undefined
    let oldestMissed: number | undefined
    const isThere = (wanted: Wanted): boolean => {
      const { time } = wanted.position
      const reached = hasReached(seen, wanted.position, this.#algebra)
      if (reached) {
        if (newest === undefined || time > newest.position.time) newest = wanted
      } else if (wanted.since <= asked && wanted.position.cluster === seen.cluster) {
        wanted.missed = true
        oldestMissed = Math.min(time, oldestMissed ?? time)
      }
      return reached
    }
    this.#followed = this.#followed.filter((wanted) => !isThere(wanted) && now - wanted.since < longestFollowedMs)
    for (const waiter of this.#waiters) {
      if (isThere(waiter)) waiter.done(true)
      else if (waiter.position.cluster !== seen.cluster) waiter.done(false)
      else if (this.#isInVain(waiter, seen, now)) this.#giveUp(waiter)
    }
    if (newest !== undefined) this.#lag.reached(newest.position.time, now, newest.missed)
    if (oldestMissed !== undefined) this.#lag.missed(oldestMissed, asked)
    if (newest?.missed || this.#followed.length === 0) this.#stalled = false
  }

  /** Whether it waits for what the replica has received and does not replay, or was worth one look only. */
  #isInVain({ position, since, stallMs, lastLook }: Waiter, { received }: Observation, now: number): boolean {
    const isHeldBack =
      now - Math.max(since, this.#movedAt) >= stallMs &&
      received !== undefined &&
      this.#algebra.covers(received, position.at)
    if (isHeldBack) this.#stalled = true
    return isHeldBack || this.#looks >= lastLook
  }

  #giveUp(waiter: Waiter): void {
    this.#follow(waiter)
    waiter.done(false)
  }

  /** Goes on looking for a position that no request waits for any more. */
  #follow({ position, since, missed }: Wanted): void {
    const { cluster, at } = position
    if (this.#followed.some((other) => other.position.at === at && other.position.cluster === cluster)) return
    this.#followed.push({ position, since, missed })
    // The newest ones tell the lag of now, the oldest that nothing moves.
    if (this.#followed.length > mostFollowed) this.#followed.splice(1, 1)
  }
}
