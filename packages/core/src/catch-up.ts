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
  readonly done: (reached: boolean) => void
}

export interface WaitOptions {
  readonly timeoutMs: number
  /**
   * Give up once the replica has stood still for so long (ms) although it has received what is wanted: it is paused, or
   * held back on purpose, and the rest of the time-out would be waited in vain. Default: never.
   */
  readonly stallMs?: number | undefined
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
    return this.#lag.predict(wanted.time, now)
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
    const { timeoutMs, stallMs = Number.POSITIVE_INFINITY, signal } = options
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
      const waiter: Waiter = { wanted, begun: Date.now(), stallMs, done: settle }
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
      if (reached(wanted)) this.#lag.reached(wanted.time, now)
      else return now - wanted.time < longestLearningMs
      return false
    })
  }

  /** The replica was started anew or is another one: what was learned of it does not hold. */
  forget(): void {
    this.#lag.forget()
    this.#outstanding = []
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
        this.#giveUpStalled(observation, Date.now())
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

  /** Ends the waits for what the replica has received, and does not replay. */
  #giveUpStalled({ at, received }: Observation, now: number): void {
    if (at !== this.#lastAt) {
      this.#lastAt = at
      this.#movedAt = now
    }
    if (received === undefined) return
    for (const { wanted, begun, stallMs, done } of this.#waiters) {
      if (now - Math.max(begun, this.#movedAt) >= stallMs && this.#algebra.covers(received, wanted.at)) done(false)
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
