import { LagModel } from './lag.ts'
import { hasReached, type Observation, type Position, type PositionAlgebra, type ServerInstance } from './position.ts'

/** Pauses (ms) between two looks at the replica's position: short while somebody waits, long while only the lag is learned. */
const firstPauseMs = 1
const longestPauseMs = 20
const learningPauseMs = 100
/** After this long (ms) without reaching a position nobody waits for, its lag is no longer followed. */
const longestLearningMs = 600_000

interface Waiter {
  readonly wanted: Position
  readonly begun: number
  readonly stallMs: number
  readonly looksOnce: boolean
  readonly done: (reached: boolean) => void
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
 * Waits for positions on a replica: one poller, with one question under way at most, however many requests wait.
 *
 * It also goes on looking, seldom, while a position is outstanding that nobody waited for: so the lag is known when the
 * next request asks whether waiting is worth while, and a replica that has recovered is noticed.
 */
export class CatchUp {
  readonly #observe: () => Promise<Observation>
  readonly #instances: () => Iterable<ServerInstance>
  readonly #algebra: PositionAlgebra
  readonly #lag: LagModel = new LagModel()
  readonly #waiters: Set<Waiter> = new Set()
  #outstanding: Position[] = []
  #running = false
  #ended = false
  #wake: (() => void) | undefined
  #lastAt: string | undefined
  #movedAt = 0
  /** Nothing that was missed has arrived since a wait was given up: until then no other one is begun. */
  #stalled = false

  constructor(
    observe: () => Promise<Observation>,
    instances: () => Iterable<ServerInstance>,
    algebra: PositionAlgebra,
  ) {
    this.#observe = observe
    this.#instances = instances
    this.#algebra = algebra
  }

  /** How many requests wait at this moment. */
  get waiting(): number {
    return this.#waiters.size
  }

  /** How long (ms) a wait would probably take; undefined where nothing is known. */
  predict(wanted: Position, now: number = Date.now()): number | undefined {
    return this.#stalled ? Number.POSITIVE_INFINITY : this.#lag.predict(wanted.time, now)
  }

  /** Remembers that a position was wanted and not there, without waiting for it. */
  note(wanted: Position): void {
    this.#lag.missed(wanted.time)
    if (this.#outstanding.some((other) => other.at === wanted.at)) return
    // The newest ones tell the lag of now; a few old ones tell that nothing moves.
    this.#outstanding.push(wanted)
    if (this.#outstanding.length > 16) this.#outstanding.splice(1, 1)
    this.#run()
  }

  /**
   * Resolves with true as soon as every known server behind the name has reached the position, with false at the
   * time-out, at a stall, on abort, or when the replica cannot be asked.
   */
  wait(wanted: Position, options: WaitOptions): Promise<boolean> {
    const { timeoutMs, stallMs = Number.POSITIVE_INFINITY, looksOnce = false, signal } = options
    if (this.#ended || signal?.aborted || timeoutMs <= 0) return Promise.resolve(false)
    return new Promise((resolve) => {
      const settle = (reached: boolean): void => {
        if (!this.#waiters.delete(waiter)) return
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        if (!reached) this.note(wanted)
        resolve(reached)
      }
      const abort = (): void => settle(false)
      const waiter: Waiter = { wanted, begun: Date.now(), stallMs, looksOnce, done: settle }
      const timer = setTimeout(abort, timeoutMs)
      signal?.addEventListener('abort', abort)
      this.#waiters.add(waiter)
      this.#wake?.()
      this.#run()
    })
  }

  /** A server was seen at a position, by whatever way: settles who waited for it. */
  seen(now: number = Date.now()): void {
    const instances = [...this.#instances()]
    if (instances.length === 0) return
    const reached = (wanted: Position): boolean =>
      instances.every((instance) => hasReached(instance, wanted, this.#algebra))
    for (const waiter of this.#waiters) {
      if (!reached(waiter.wanted)) continue
      this.#lag.reached(waiter.wanted.time, now)
      waiter.done(true)
    }
    this.#outstanding = this.#outstanding.filter((wanted) => {
      if (!reached(wanted)) return now - wanted.time < longestLearningMs
      this.#lag.reached(wanted.time, now)
      this.#stalled = false
      return false
    })
    if (this.#outstanding.length === 0) this.#stalled = false
  }

  /** The replica was started anew or is another one: what was learned of it does not hold. */
  forget(): void {
    this.#lag.forget()
    this.#outstanding = []
    this.#stalled = false
  }

  /** Nobody will be waited for any more. */
  end(): void {
    this.#ended = true
    this.#outstanding = []
    for (const waiter of this.#waiters) waiter.done(false)
    this.#wake?.()
  }

  #run(): void {
    if (this.#running || this.#ended) return
    this.#running = true
    void this.#poll().finally(() => {
      this.#running = false
    })
  }

  async #poll(): Promise<void> {
    let pause = firstPauseMs
    while (!this.#ended && (this.#waiters.size > 0 || this.#outstanding.length > 0)) {
      try {
        const observation = await this.#observe()
        this.seen()
        this.#giveUp(observation, Date.now())
      } catch {
        // Not an answer: who waits is not kept waiting for a dead replica. The breaker reports and probes it.
        for (const waiter of this.#waiters) waiter.done(false)
        this.#outstanding = []
        return
      }
      const idle = this.#waiters.size === 0
      if (idle && this.#outstanding.length === 0) return
      await this.#sleep(idle ? learningPauseMs : pause, idle)
      pause = idle ? firstPauseMs : Math.min(pause * 1.5, longestPauseMs)
    }
  }

  /** Ends the waits that were for one look only, and those for what the replica has received and does not replay. */
  #giveUp({ at, received }: Observation, now: number): void {
    if (at !== this.#lastAt) {
      this.#lastAt = at
      this.#movedAt = now
    }
    for (const { wanted, begun, stallMs, looksOnce, done } of this.#waiters) {
      const stalls = now - Math.max(begun, this.#movedAt) >= stallMs
      if (stalls && received !== undefined && this.#algebra.covers(received, wanted.at)) this.#stalled = true
      else if (!looksOnce) continue
      done(false)
    }
  }

  #sleep(ms: number, idle: boolean): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      if (!idle) return
      timer.unref?.()
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}
