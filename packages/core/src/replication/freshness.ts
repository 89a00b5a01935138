import { isHeard, publish, tellSubscribers } from '../events.ts'
import { hasReached, type Position, type PositionAlgebra, type ServerInstance } from '../position.ts'
import { currentScope, type Scope } from '../request/scope.ts'
import { type Freshness, stricter } from '../token.ts'
import { type Assessment, assess, type Knowledge } from './assess.ts'
import type { CatchUp } from './catch-up.ts'
import type { Servers } from './observed.ts'
import type { Prices } from './price.ts'
import type { Prober } from './probe.ts'
import type { Written } from './written.ts'

/** For how long (ms) a replica may stand still before a wait for it is given up, at least. */
const shortestStallMs = 25

/** A wait (ms) that is not worth a question of its own. */
const negligibleMs = 2

/** How often (ms) the primary is asked at most whether a token can be its own. */
const validationPauseMs = 1_000

export interface WaitLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Waits as long as the time-out says, even where the primary would be quicker. Default: false. */
  readonly patient?: boolean
}

export interface FreshnessParts {
  readonly database: string
  readonly algebra: PositionAlgebra
  readonly servers: Servers
  readonly prober: Prober
  readonly catchUp: CatchUp
  readonly written: Written
  readonly prices: Prices
  /** Reads are sent together with the question how far their server has come. */
  readonly checksReads: boolean
}

/** What readers must see, whether a server has it, and waiting until it does. */
export class ReadFreshness implements Knowledge {
  readonly algebra: PositionAlgebra
  readonly #database: string
  readonly #servers: Servers
  readonly #prober: Prober
  readonly #catchUp: CatchUp
  readonly #written: Written
  readonly #prices: Prices
  readonly #checksReads: boolean
  #validatedAt = Number.NEGATIVE_INFINITY

  constructor(parts: FreshnessParts) {
    this.algebra = parts.algebra
    this.#database = parts.database
    this.#servers = parts.servers
    this.#prober = parts.prober
    this.#catchUp = parts.catchUp
    this.#written = parts.written
    this.#prices = parts.prices
    this.#checksReads = parts.checksReads
  }

  /** How many requests wait for the replica to catch up. */
  get waiting(): number {
    return this.#catchUp.waiting
  }

  /** What the scope's reads of this database must see; undefined when anything will do. */
  need(scope: Scope | undefined = currentScope()): Freshness | undefined {
    let need: Freshness | undefined
    for (const content of scope?.needs ?? []) {
      const more = content.get(this.#database)
      if (more !== undefined) need = need === undefined ? more : stricter(need, more, this.algebra)
    }
    return need
  }

  /** Whether the server may answer a reader with this need, as far as is known without asking. */
  assess(need: Freshness | undefined, server: ServerInstance | undefined): Assessment {
    return assess(need, server, this)
  }

  /**
   * Sees to it that the local server meets the need: asks a primary anew, and waits for a replica, within limits.
   *
   * @returns `fresh`, `behind` or `stale-primary`
   */
  async meet(need: Freshness, limits: WaitLimits): Promise<Assessment> {
    if (this.#servers.topology.role === 'primary') {
      // Asked anew: a name may lead to another server by now, and a stale primary may have been one for a while.
      const server = await this.#probe()
      if (server !== undefined && server.role !== 'replica') {
        if (assess(need, server, this, true) !== 'stale-primary') return 'fresh'
        this.#prober.leaves(server)
        return 'stale-primary'
      }
    }
    return (await this.catchUp(need, limits)) ? 'fresh' : 'behind'
  }

  /**
   * On the primary's side: asks it whether a position can be one of its own at all, so that a client which sends a forged one is
   * not sent here for every read. Asked at most once a second: in between it is `behind`, which says nothing.
   */
  async validate(need: Freshness): Promise<Assessment> {
    const { local } = this.#servers
    if ('until' in need) return 'fresh'
    if (local?.role === 'primary' && hasReached(local, need, this.algebra)) return 'fresh'
    const now = performance.now()
    if (now - this.#validatedAt < validationPauseMs) return 'behind'
    this.#validatedAt = now
    return assess(need, await this.#probe(), this, true)
  }

  /**
   * Waits until the local server is fresh enough. Begins no wait that is known to be in vain, asks nothing where what is known
   * suffices, and shares one poller.
   */
  async catchUp(need: Freshness, { timeoutMs, signal, patient = false }: WaitLimits): Promise<boolean> {
    if (this.assess(need, this.#servers.local) === 'fresh') return true
    if ('until' in need) {
      // Only the primary will do, and this server may have become it.
      this.#prober.recheckRole()
      return false
    }
    if (!this.algebra.isValid(need.at) || this.#prober.isUnavailable) return false
    const { replayMs } = this.#prices
    const stall = Math.max(shortestStallMs, replayMs / 4)
    const predictedMs = this.#catchUp.predict(need)
    // What is known may be a moment old: one probe is made even where no wait would be worth while.
    const looksOnce = !patient && predictedMs !== undefined && predictedMs > Math.min(timeoutMs, replayMs)
    // Waiting longer than a replay takes never pays: what is not there by then is fetched where it is.
    const limit = patient ? timeoutMs : Math.min(timeoutMs, looksOnce ? stall : Math.max(replayMs, 5))
    const begun = performance.now()
    const waiting = this.#catchUp.wait(need, {
      timeoutMs: limit,
      stallMs: patient ? undefined : stall,
      looksOnce,
      signal,
    })
    this.#tellWaiting()
    const reached = await waiting
    this.#tellWaiting()
    publish('wait', { database: this.#database, waitedMs: performance.now() - begun, reached, predictedMs })
    return reached
  }

  #tellWaiting(): void {
    if (isHeard('waiting')) tellSubscribers('waiting', { database: this.#database, requests: this.waiting })
  }

  // --- what an assessment rests on ----------------------------------------------------------------------------------

  get furthestWritten(): Position | undefined {
    return this.#written.furthest
  }

  isDeposed(server: ServerInstance): boolean {
    return this.#servers.isDeposed(server)
  }

  isLikely(need: Position): boolean {
    return this.#checksReads && !this.#prober.isUnavailable && (this.#catchUp.predict(need) ?? 0) <= negligibleMs
  }

  async #probe(): Promise<ServerInstance | undefined> {
    try {
      await this.#prober.probe()
      return this.#servers.local
    } catch {
      return undefined
    }
  }
}
