import { Breaker } from './breaker.ts'
import { CatchUp } from './catch-up.ts'
import type { Access } from './classify/index.ts'
import { tokenSecrets } from './env.ts'
import {
  PrimaryRequiredError,
  type PrimaryRequiredReason,
  ReplayUnavailableError,
  type ReplayUnavailableReason,
} from './errors.ts'
import { errorCode, publish } from './events.ts'
import {
  hasReached,
  mergePositions,
  type Observation,
  type Position,
  type PositionAlgebra,
  type Role,
  type ServerInstance,
} from './position.ts'
import { estimateReplayMs } from './price.ts'
import type { ReplayTarget } from './replay.ts'
import { currentScope, type Scope } from './request/scope.ts'
import type { RequestState, WriteOutcome } from './request/state.ts'
import { decodeToken, encodeToken, type Freshness, stricter, withoutPositionMs } from './token.ts'
import { type Topology, withRole } from './topology.ts'

/** What a database says of itself, on `status()`. */
export interface ReplicationStatus {
  /** Role of the member this process reads from. */
  readonly role: Role
  readonly region: string | undefined
  /** Its place in the replication log; undefined where it cannot tell. */
  readonly position: string | undefined
  /** Bytes received but not yet replayed; undefined where the server cannot tell. */
  readonly lagBytes?: number | undefined
  /** Age of the newest replayed transaction while others wait to be replayed, in seconds; 0 when none waits. */
  readonly lagSeconds?: number | undefined
  /** Whether the replica is being left alone because it could not be reached. */
  readonly replicaUnavailable: boolean
  /** The replica would run this user's writes, and keep them to itself: nothing but flyroute keeps them away. Only where it is so. */
  readonly acceptsWrites?: boolean | undefined
}

/** The one property that an adapter adds to the driver's own object. */
export interface Replication {
  /** Where the database is, from here; `role` is that of the member that is connected. */
  readonly topology: Topology
  /**
   * A token for what has been written so far by this process: whoever reads with it (a job, another service) sees that.
   *
   * @throws the driver's error when the database cannot be asked.
   * @throws ConfigurationError where its settings keep it from telling a position (MySQL without GTIDs)
   */
  currentToken(): Promise<string>
  /**
   * Resolves as soon as the member that is read from has everything up to the token.
   *
   * @param options.timeoutMs default 5,000
   * @throws PrimaryRequiredError with reason `stale` at the time-out
   */
  waitFor(token: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void>
  status(): Promise<ReplicationStatus>
}

/** What an adapter can ask of its database, on connections of its own, beside the ones that the app uses. */
export interface ReplicationSource {
  readonly algebra: PositionAlgebra
  /** Asks the member that is read from; rejects when it does not answer in time. */
  probe(): Promise<Observation>
  /**
   * The same as `probe`, answered as soon as the member has come as far as `at`, or after `withinMs` where it has not by then.
   * Undefined where its server cannot wait by itself: it is asked again and again instead. Default: none can.
   */
  probeArrival?(at: string, withinMs: number): Promise<Observation> | undefined
  /** Ends what `probe` holds open. */
  end(): Promise<void>
  /** The same as `probe`, with the lag: where that is a question of its own. Default: `probe` tells it. */
  probeLag?(): Promise<Observation>
  /** Asks the primary, from wherever this is; rejects when it does not answer in time. Default: nobody can ask it. */
  probePrimary?(): Promise<Observation>
  /** The same as `probe`, at once, where that costs next to nothing: what is known then is never older than its use. */
  probeSync?(): Observation
  /**
   * Reads that must be fresh are sent together with the question how far their server has come, in one round trip. Then
   * nobody has to ask before, where the replica is not known to be behind. Default: false.
   */
  readonly checksReads?: boolean
  /** Where the primary is at the moment, if the database itself says so. Default: in the topology's primary region. */
  target?(): ReplayTarget | undefined
  /** What keeps the database from telling its position, where that can be put right. Asked behind `probe`. */
  whyNoPosition?(): Error | undefined
}

export interface DatabaseReplicationOptions {
  /** Tells the databases of one app apart, the same in every region. Default: the database's name. */
  readonly name?: string | undefined
  readonly topology: Topology
  readonly source: ReplicationSource
  /** A write outside of any request: refuse it with an error, or run it on the primary. Default: refuse. */
  readonly outsideRequest?: 'refuse' | 'primary' | undefined
  /**
   * Whether the primary can be talked to from here when a request cannot be replayed. Without such a connection (LiteFS
   * has none) that request, or job, is refused. Default: true.
   */
  readonly reachesPrimary?: boolean | undefined
  /** What a replay costs from here (ms). Default: estimated from the distance of the regions. */
  readonly replayCostMs?: number | undefined
  /** Keys that `currentToken()` signs with. Default: `FLYROUTE_SECRET`. */
  readonly secrets?: readonly string[] | undefined
}

/** Where a statement goes. */
export type Route = 'local' | 'primary'

/** For how long (ms) a replica may stand still before a wait for it is given up, at least. */
const shortestStallMs = 25

/** A wait (ms) that is not worth a question of its own. */
const negligibleMs = 2

/** How often (ms) the primary is asked at most whether a token can be its own. */
const judgingPauseMs = 1_000

/** How often (ms), at most, a replica that refuses writes is asked whether it still is one. */
const lookAgainMs = 1_000

/**
 * One database as this process sees it: what the servers behind it are and where they stand, whether a statement may
 * run next door, and what was written. Adapters feed it and ask it; the doors read it.
 */
export class DatabaseReplication implements Replication {
  readonly name: string
  readonly replayCostMs: number
  readonly algebra: PositionAlgebra
  readonly #outsideRequest: 'refuse' | 'primary'
  readonly #reachesPrimary: boolean
  readonly #secrets: readonly string[] | undefined
  readonly #source: ReplicationSource
  readonly #instances: Map<string, ServerInstance> = new Map()
  /** By cluster the newest epoch that a primary was seen in. */
  readonly #newestEpochs: Map<string, number> = new Map()
  readonly #catchUp: CatchUp
  readonly #breaker: Breaker
  readonly #configured: Topology
  #topology: Topology
  #asking: Promise<Observation> | undefined
  #asksNext: Promise<Observation> | undefined
  #observed: ServerInstance | undefined
  #highest: Position | undefined
  #furthestRead: Position | undefined
  #noticed: Set<string> = new Set()
  readonly #stallMs: number
  #judgedAt = Number.NEGATIVE_INFINITY
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(options: DatabaseReplicationOptions) {
    const { topology, source } = options
    this.name = options.name ?? topology.primary.database ?? 'default'
    this.#configured = topology
    this.#topology = topology
    this.#outsideRequest = options.outsideRequest ?? 'refuse'
    this.#reachesPrimary = options.reachesPrimary ?? true
    this.#secrets = options.secrets
    this.#source = source
    this.algebra = source.algebra
    this.replayCostMs = options.replayCostMs ?? estimateReplayMs(topology.region, topology.primaryRegion)
    this.#stallMs = Math.max(shortestStallMs, this.replayCostMs / 4)
    this.#catchUp = new CatchUp(
      () => this.probe(),
      source.algebra,
      (at, withinMs) => this.#probeArrival(at, withinMs),
    )
    this.#breaker = new Breaker(
      () => this.probe(),
      (open, cause) => {
        if (open) publish('replica-unavailable', { database: this.name, code: errorCode(cause) })
        else publish('replica-available', { database: this.name })
      },
    )
    for (const note of topology.notes) this.noticeOnce(note.message)
  }

  get topology(): Topology {
    return this.#topology
  }

  /** Where a request is replayed that needs the primary. Without a field where nobody knows. */
  get target(): ReplayTarget {
    const { primaryRegion } = this.#topology
    return this.#source.target?.() ?? (primaryRegion === undefined ? {} : { region: primaryRegion })
  }

  /** The role that the settings say; `topology.role` is the one that the server says. */
  get expects(): Role {
    return this.#configured.role
  }

  /** Whether this is the server that `probe` asks, so that waiting for it can be shared. */
  isProbed(server: ServerInstance | undefined): boolean {
    return server !== undefined && (this.#observed === undefined || this.#observed === server)
  }

  /** Whether reads are to leave the replica alone for now. */
  get isUnavailable(): boolean {
    return this.#breaker.isOpen
  }

  /** How many requests wait for the replica to catch up. */
  get waiting(): number {
    return this.#catchUp.waiting
  }

  /** Says something about the configuration, once. */
  noticeOnce(message: string): void {
    if (this.#noticed.has(message)) return
    this.#noticed.add(message)
    publish('notice', { database: this.name, message })
  }

  // --- what servers say of themselves -------------------------------------------------------------------------------

  /**
   * Asks the member that is read from, on the adapter's own connection. One question is under way at most; whoever asks
   * meanwhile shares the next one, so that no answer is older than its question.
   */
  probe(): Promise<Observation> {
    if (this.#asking === undefined) return this.#share(() => this.#source.probe())
    this.#asksNext ??= this.#asking
      .catch(() => undefined)
      .then(() => {
        this.#asksNext = undefined
        return this.probe()
      })
    return this.#asksNext
  }

  /** `probe` that waits on the server for a position; undefined where that cannot be asked, or not now. */
  #probeArrival(at: string, withinMs: number): Promise<Observation> | undefined {
    const question = this.#asking === undefined ? this.#source.probeArrival?.(at, withinMs) : undefined
    return question && this.#share(() => question)
  }

  #share(ask: () => Promise<Observation>): Promise<Observation> {
    this.#asking = this.#hear(ask).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #hear(ask: () => Promise<Observation>): Promise<Observation> {
    try {
      const observation = await ask()
      this.#observed = this.connected(observation)
      return observation
    } catch (error) {
      if (this.expects === 'replica') this.#breaker.fail(error)
      throw error
    }
  }

  /** Looks at once, where the database can; undefined where it has to be asked. */
  probeSync(): ServerInstance | undefined {
    return this.#source.probeSync === undefined ? undefined : this.connected(this.#source.probeSync())
  }

  /** A connection was made (or asked again), and this is what its server said. */
  connected(observation: Observation, side: 'local' | 'primary' = 'local'): ServerInstance {
    const { instance: id, role, cluster, epoch, at, source } = observation
    let instance = this.#instances.get(id)
    if (instance === undefined) {
      instance = { id, role, cluster, epoch, at, source }
      this.#instances.set(id, instance)
      // Old runs of servers are never asked for again: keep the few that may still have connections.
      if (this.#instances.size > 32) this.#instances.delete(this.#instances.keys().next().value as string)
    }
    instance.role = role
    instance.acceptsWrites = observation.acceptsWrites
    instance.epoch = Math.max(instance.epoch, epoch)
    if (at !== undefined && (instance.at === undefined || this.algebra.covers(at, instance.at))) instance.at = at
    if (role === 'primary') this.#newestEpochs.set(cluster, Math.max(epoch, this.#newestEpochs.get(cluster) ?? 0))
    if (side === 'local') this.#setRole(role)
    return instance
  }

  /** Whether what is known of this run of a server still holds: no connection to it has been lost. */
  isCurrent(server: ServerInstance): boolean {
    return this.#instances.get(server.id) === server
  }

  /** A connection ended without being asked to: its server may have been started anew, further back in the log. */
  disconnected(instance: ServerInstance | undefined): void {
    if (instance === undefined || this.#instances.get(instance.id) !== instance) return
    this.#instances.delete(instance.id)
    if (this.#observed === instance) this.#observed = undefined
    this.#catchUp.forget()
  }

  /** The connection that `probe` asks on ended without being asked to. */
  probeConnectionLost(): void {
    this.disconnected(this.#observed)
  }

  #setRole(role: Role): void {
    if (role === this.#topology.role) return
    publish('role-mismatch', { database: this.name, expected: this.#topology.role, found: role })
    this.#topology = withRole(this.#configured, role)
  }

  /** The replica could not be reached. Opens the breaker, and tells the caller what to throw or do. */
  reportUnreachable(cause: unknown): void {
    this.#breaker.fail(cause)
  }

  // --- where a statement goes ---------------------------------------------------------------------------------------

  /**
   * Decides where a statement goes that meets a replica: on to it, to the primary connection, or nowhere.
   *
   * @throws PrimaryRequiredError for a write that can still be replayed; the scope remembers it, so that the door
   *   replays even when the app swallows it.
   * @throws ReplayUnavailableError where it cannot be replayed and the app asked for an error.
   */
  route(access: Access, detail: string, scope: Scope | undefined = currentScope()): Route {
    if (scope?.onPrimary || scope?.request.hasWritten(this.name)) {
      return this.#reachesPrimary
        ? 'primary'
        : this.toPrimary('write', scope.onPrimary ? 'run-on-primary' : detail, scope)
    }
    if (access === 'write') return this.toPrimary('write', detail, scope)
    if (this.#breaker.isOpen) return this.toPrimary('unavailable', undefined, scope)
    return 'local'
  }

  /** The replica will not do, for this reason: replay, or go on with the primary connection. See `route`. */
  toPrimary(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Scope | undefined,
    cause?: unknown,
  ): 'primary' {
    if (!this.#reachesPrimary) return this.#toReplayOnly(reason, detail, scope, cause)
    const request = scope?.request
    const obstacle = request === undefined ? undefined : request.whyNotReplayable()
    const outside = request === undefined || request.kind === 'job'
    if (outside && !scope?.onPrimary) {
      // A read that the replica cannot answer is no misplaced write: nobody has to allow that.
      if (this.#outsideRequest === 'primary' || reason === 'unavailable') {
        return this.#fallBack('outside-request', reason, detail)
      }
      this.#tellWrite(reason, detail, 'nowhere')
      throw this.required(reason, detail, scope, cause)
    }
    if (scope?.onPrimary) return 'primary'
    if (obstacle === undefined) {
      this.#tellWrite(reason, detail, 'nowhere')
      throw this.required(reason, detail, scope, cause)
    }
    if (request?.whenReplayUnavailable === 'error' && obstacle !== 'already-written') {
      const error = new ReplayUnavailableError(obstacle, { cause })
      request.unavailable ??= error
      throw error
    }
    return this.#fallBack(obstacle, reason, detail)
  }

  /** The wait for the replica was in vain: it is behind, or could not be reached any more. See `toPrimary`. */
  routeStaleRead(scope: Scope | undefined): 'primary' {
    return this.toPrimary(this.#breaker.isOpen ? 'unavailable' : 'stale', undefined, scope)
  }

  /** Where a replay is the only way there: a request that can be replayed is, and everything else is refused. */
  #toReplayOnly(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Scope | undefined,
    cause?: unknown,
  ): never {
    this.#tellWrite(reason, detail, 'nowhere')
    const request = scope?.request
    const obstacle = request === undefined ? undefined : request.whyNotReplayable()
    if (obstacle === undefined || (obstacle === 'outside-request' && !scope?.onPrimary)) {
      throw this.required(reason, detail, scope, cause)
    }
    const why = obstacle === 'outside-request' ? 'no-connection' : obstacle
    const error = new ReplayUnavailableError(why, { cause })
    if (request !== undefined) request.unavailable ??= error
    throw error
  }

  /** The error that asks for the primary, remembered by the scope. */
  required(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Scope | undefined,
    cause?: unknown,
  ): PrimaryRequiredError {
    const error = new PrimaryRequiredError({
      reason,
      detail,
      topology: this.#topology,
      target: this.target,
      reachesPrimary: this.#reachesPrimary,
      outsideRequest: scope === undefined || scope.request.kind === 'job',
      ...(cause === undefined ? {} : { cause }),
    })
    scope?.request.refuse(error)
    if (reason === 'write') this.#lookAgain()
    return error
  }

  /** Asks who is who, now and then: where all that is sent is refused, nobody would ever hear of a promotion. */
  #lookAgain(): void {
    if (performance.now() - this.#lookedAt < lookAgainMs) return
    this.#lookedAt = performance.now()
    this.probe().catch(() => undefined)
  }

  #fallBack(obstacle: ReplayUnavailableReason, reason: PrimaryRequiredReason, detail: string | undefined): 'primary' {
    this.#tellWrite(reason, detail, 'primary')
    publish('fallback', { database: this.name, reason: obstacle })
    return 'primary'
  }

  #tellWrite(reason: PrimaryRequiredReason, detail: string | undefined, sentTo: 'primary' | 'nowhere'): void {
    if (reason !== 'write' && reason !== 'refused') return
    publish('write', {
      database: this.name,
      access: reason === 'write' ? 'write' : 'unknown',
      detail: detail ?? reason,
      sentTo,
    })
  }

  // --- how fresh it is ----------------------------------------------------------------------------------------------

  /** What the scope's reads of this database must see; undefined when anything will do. */
  need(scope: Scope | undefined = currentScope()): Freshness | undefined {
    let need: Freshness | undefined
    for (const content of scope?.needs ?? []) {
      const more = content.get(this.name)
      if (more !== undefined) need = need === undefined ? more : stricter(need, more, this.algebra)
    }
    return need
  }

  /** Whether the server is known, without asking, to be fresh enough. */
  isFresh(server: ServerInstance | undefined, need: Freshness): boolean {
    if ('until' in need) return server?.role === 'primary' || Date.now() >= need.until
    return server !== undefined && hasReached(server, need, this.algebra)
  }

  /**
   * Waits until the member that is read from is fresh enough. Begins no wait that is known to be in vain, asks nothing
   * where what is known suffices, and shares one poller.
   */
  async catchUp(
    need: Freshness,
    options: { timeoutMs: number; signal?: AbortSignal | undefined; patient?: boolean },
  ): Promise<boolean> {
    if (this.isFresh(this.#observed, need)) return true
    if ('until' in need || !this.algebra.isValid(need.at) || this.#breaker.isOpen) return false
    const { timeoutMs, signal, patient = false } = options
    const predictedMs = this.#catchUp.predict(need)
    // What is known may be a moment old: one look is taken even where no wait would be worth while.
    const looksOnce = !patient && predictedMs !== undefined && predictedMs > Math.min(timeoutMs, this.replayCostMs)
    // Waiting longer than a replay takes never pays: what is not there by then is fetched where it is.
    const limit = patient ? timeoutMs : Math.min(timeoutMs, looksOnce ? this.#stallMs : Math.max(this.replayCostMs, 5))
    const begun = performance.now()
    const reached = await this.#catchUp.wait(need, {
      timeoutMs: limit,
      stallMs: patient ? undefined : this.#stallMs,
      looksOnce,
      signal,
    })
    publish('wait', { database: this.name, waitedMs: performance.now() - begun, reached, predictedMs })
    return reached
  }

  /** Whether a request may go on without asking anybody: for the door, which knows no connection yet. */
  isKnownFresh(need: Freshness): boolean {
    const server = this.#observed
    if (this.#topology.role === 'replica') return this.isFresh(server, need)
    // The primary is the judge of what it has written itself; a newer epoch than its own makes it a stale one.
    if (server === undefined || 'until' in need) return server !== undefined
    if (server.cluster !== need.cluster) return true
    if (this.algebra.isOvertaken === undefined) return server.epoch >= need.epoch
    // Without epochs, whatever is not known to be here may have been written by another primary.
    const own = this.#highest
    return hasReached(server, need, this.algebra) || (own !== undefined && this.algebra.covers(own.at, need.at))
  }

  /** Whether the first read may find out by itself whether the replica is fresh enough: nothing says that it is not. */
  isProbablyFresh(need: Freshness): boolean {
    const server = this.#observed
    if (!this.#source.checksReads || 'until' in need || this.#topology.role !== 'replica' || this.#breaker.isOpen)
      return false
    if (server === undefined || server.cluster !== need.cluster || server.epoch < need.epoch) return false
    return (this.#catchUp.predict(need) ?? 0) <= negligibleMs
  }

  /** Sees to it that the member that is read from meets the need, or tells why it does not. */
  async meet(
    need: Freshness,
    options: { timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<'met' | 'behind' | 'stale-primary'> {
    if (this.#topology.role === 'primary') {
      // Asked anew: a name may lead to another server by now, and a stale primary may have been one for a while.
      const server = await this.probe().then(
        () => this.#observed,
        () => undefined,
      )
      if (server?.role !== 'replica') {
        return server !== undefined && this.isStalePrimary(need, server) ? 'stale-primary' : 'met'
      }
    }
    return (await this.catchUp(need, options)) ? 'met' : 'behind'
  }

  /**
   * On the primary's side: whether no primary can ever have given this position (forged, or of another cluster), so
   * that the client should forget it instead of being sent here for every read.
   */
  async isImpossible(need: Freshness): Promise<boolean> {
    if ('until' in need) return false
    const known = this.#observed
    if (known?.role === 'primary' && hasReached(known, need, this.algebra)) return false
    // Whoever forges tokens must not have the primary work for it; an honest one may well keep its token.
    if (performance.now() - this.#judgedAt < judgingPauseMs) return false
    this.#judgedAt = performance.now()
    const { role, cluster, epoch, at, source } = await this.probe()
    if (role === 'replica' || at === undefined) return false
    if (cluster !== need.cluster) return true
    return (
      epoch === need.epoch && !this.algebra.covers(at, need.at) && !this.algebra.isOvertaken?.({ at, source }, need.at)
    )
  }

  /**
   * A position, raised to the furthest one that this process has written or (monotonic) read: answers overtake each other,
   * and the last one to arrive must not take a client back.
   */
  latest(position: Position): Position {
    let latest = position
    for (const other of [this.#highest, this.#furthestRead]) {
      if (other !== undefined) latest = mergePositions(latest, other, this.algebra)
    }
    return latest
  }

  /**
   * On the primary's side: whether a token was made by a primary that took over from this one, so that this one must
   * not answer. What this primary has not reached otherwise (forged, another cluster) is nothing to wait for.
   */
  isStalePrimary(need: Freshness | undefined, server: ServerInstance): boolean {
    if (this.isDeposed(server)) return true
    if (need === undefined || 'until' in need || server.cluster !== need.cluster) return false
    const { at, source } = server
    if (at !== undefined && this.algebra.isOvertaken?.({ at, source }, need.at)) return true
    return server.epoch < need.epoch
  }

  /** Whether this process has seen a primary that took over from this one: what is written to it will be lost. */
  isDeposed(server: ServerInstance): boolean {
    return server.role === 'primary' && server.epoch < (this.#newestEpochs.get(server.cluster) ?? 0)
  }

  // --- what was written ---------------------------------------------------------------------------------------------

  /** A write is about to be sent to the primary: from now on the request must not run a second time. */
  writeBegins(request: RequestState): void {
    if (!request.beginWrite(this.name)) request.written.add(this.name)
  }

  /** @param outcome `failed`: the server answered that it did not happen; `unknown`: no answer came. */
  writeEnds(request: RequestState, outcome: WriteOutcome): void {
    request.endWrite(this.name, outcome)
    if (outcome === 'unknown') this.wrote(request, undefined)
  }

  /** The position behind a write; undefined where none could be had: then the client reads from the primary for a while. */
  wrote(request: RequestState, position: Position | undefined): void {
    const before = request.positions.get(this.name)
    if (position === undefined) {
      request.positions.set(this.name, { until: Date.now() + withoutPositionMs })
    } else {
      this.#highest = this.#highest === undefined ? position : mergePositions(this.#highest, position, this.algebra)
      if (before === undefined || !('until' in before)) request.positions.set(this.name, this.#highest)
    }
    if (request.isAnswering) publish('token-missed', { database: this.name })
  }

  /** The position that a monotonic read has seen. */
  read(request: RequestState, position: Position): void {
    const { algebra } = this
    this.#furthestRead =
      this.#furthestRead === undefined ? position : mergePositions(this.#furthestRead, position, algebra)
    const before = request.positions.get(this.name)
    if (before !== undefined && 'until' in before) return
    request.positions.set(this.name, before === undefined ? position : mergePositions(before, position, this.algebra))
  }

  /** Why no position could be had, told once a reason. */
  withoutPosition(cause: unknown): void {
    publish('position-unavailable', { database: this.name, code: errorCode(cause) })
  }

  // --- the public face ----------------------------------------------------------------------------------------------

  async currentToken(): Promise<string> {
    const { cluster, epoch, at } = await this.probe()
    const written = currentScope()?.request.positions.get(this.name)
    const content = new Map<string, Freshness>()
    if (written !== undefined && 'until' in written) content.set(this.name, written)
    else if (at === undefined) {
      const why = this.#source.whyNoPosition?.()
      if (why !== undefined) throw why
      content.set(this.name, { until: Date.now() + withoutPositionMs })
    } else {
      const seen: Position = { cluster, epoch, at, time: Date.now() }
      content.set(this.name, this.#highest === undefined ? seen : mergePositions(seen, this.#highest, this.algebra))
    }
    return encodeToken(content, this.#secrets ?? tokenSecrets())
  }

  async waitFor(token: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 5_000, signal } = options
    signal?.throwIfAborted()
    const need = decodeToken(token, { secrets: this.#secrets ?? tokenSecrets() }).get(this.name)
    if (need === undefined) return
    if (this.#topology.role === 'primary') {
      const server = this.connected(await this.probe())
      if (server.role === 'primary') {
        if (this.isStalePrimary(need, server)) throw new ReplayUnavailableError('stale-primary')
        return
      }
    }
    if (await this.catchUp(need, { timeoutMs, signal, patient: true })) return
    signal?.throwIfAborted()
    throw this.#source.whyNoPosition?.() ?? this.required('stale', undefined, currentScope())
  }

  async status(): Promise<ReplicationStatus> {
    const probeLag = this.#source.probeLag?.bind(this.#source)
    const observation = await (probeLag === undefined ? this.probe() : this.#hear(probeLag))
    const { role, at, lagBytes, lagSeconds, acceptsWrites } = observation
    return {
      role,
      region:
        role === 'primary'
          ? (this.#topology.primary.region ?? this.#topology.region)
          : (this.#topology.local.region ?? this.#topology.region),
      position: at,
      lagBytes,
      lagSeconds,
      replicaUnavailable: this.#breaker.isOpen,
      ...(acceptsWrites ? { acceptsWrites } : {}),
    }
  }

  /** Whether the primary answers from here: what a replica that is down is replayed to. */
  async primaryAnswers(): Promise<boolean> {
    const observation = await this.#source.probePrimary?.()
    return observation?.role === 'primary'
  }

  /** Ends the poller and the probes; the adapter calls it when its pool ends. */
  async end(): Promise<void> {
    this.#breaker.close()
    this.#catchUp.end()
    await this.#source.end()
  }
}
