import { tokenSecrets } from '../env.ts'
import { ReplayUnavailableError } from '../errors.ts'
import { errorCode, publish } from '../events.ts'
import { beginLog } from '../log/log.ts'
import { mergePositions, type Position, type PositionAlgebra } from '../position.ts'
import { watchHttpRequests } from '../request/http-request.ts'
import { currentScope } from '../request/scope.ts'
import { decodeToken, encodeToken, type Freshness, withoutPositionMs } from '../token.ts'
import type { Topology } from '../topology/topology.ts'
import { CatchUp } from './catch-up.ts'
import { PrimaryCluster } from './cluster.ts'
import { ReadFreshness } from './freshness.ts'
import { Servers } from './observed.ts'
import { Prices } from './price.ts'
import { foreignError, Prober } from './probe.ts'
import { Router } from './route.ts'
import type { ReplicationSource } from './source.ts'
import type { Replication, ReplicationStatus } from './types.ts'
import { Written } from './written.ts'

export interface DatabaseReplicationOptions {
  /** Tells the databases of one app apart, the same in every region. Default: the database's name. */
  readonly name?: string | undefined
  readonly topology: Topology
  readonly source: ReplicationSource
  /** A write outside of any request: an error, or the primary connection. Default: `error`. */
  readonly outsideRequest?: 'error' | 'primary' | undefined
  /**
   * Whether the primary can be talked to from here when a request cannot be replayed. Without such a connection (LiteFS
   * has none) that request, or job, is refused. Default: true.
   */
  readonly reachesPrimary?: boolean | undefined
  /** What a replay costs from here (ms). Default: estimated from the distance of the regions. */
  readonly replayCostMs?: number | undefined
  /** What was written to the same database by other logins of this process as well. Default: nothing is shared. */
  readonly written?: Written | undefined
}

/** How often (ms) the local server is looked at where what is wrong with it is said. */
const lookMs = 30_000

const foreignNotice =
  'the local server belongs to another cluster than the primary, so it is neither read nor written: check that the replica settings of this region name a replica of that primary'

/**
 * One database as this process sees it. Adapters feed its parts and ask them; the policy reads them:
 * - `servers`: who is who, by what the servers have said;
 * - `prober`: asks them, and knows whether the local one is out of reach;
 * - `router`: where a statement goes;
 * - `freshness`: what a reader must see, and whether a server has it;
 * - `written`: what was written, for the tokens.
 */
export class DatabaseReplication implements Replication {
  readonly name: string
  readonly prices: Prices
  readonly algebra: PositionAlgebra
  readonly servers: Servers
  readonly prober: Prober
  readonly router: Router
  readonly freshness: ReadFreshness
  readonly written: Written
  #secrets: readonly string[] | undefined
  readonly #source: ReplicationSource
  readonly #catchUp: CatchUp
  readonly #noticed: Set<string> = new Set()
  #looking: NodeJS.Timeout | undefined

  constructor(options: DatabaseReplicationOptions) {
    const { topology, source, outsideRequest = 'error', reachesPrimary = true } = options
    const { algebra } = source
    beginLog()
    const database = options.name ?? topology.primary.database ?? 'default'
    this.name = database
    this.#source = source
    this.algebra = algebra
    this.prices = new Prices(topology, options.replayCostMs)
    const { prices } = this
    const cluster = new PrimaryCluster(algebra, source.probePrimary?.bind(source))
    const servers = new Servers({
      database,
      topology,
      algebra,
      cluster,
      moves: source.target !== undefined,
      onForeign: () => {
        this.noticeOnce(foreignNotice)
        prober.reportUnreachable(foreignError())
      },
      onLost: () => this.#catchUp.forget(),
    })
    const prober = new Prober(database, source, servers, cluster)
    this.#catchUp = new CatchUp(
      () => prober.probe(),
      algebra,
      (at, withinMs) => prober.probeArrival(at, withinMs),
    )
    this.servers = servers
    this.prober = prober
    this.router = new Router({ database, servers, prober, source, prices, outsideRequest, reachesPrimary })
    this.written = options.written ?? new Written(database, algebra)
    this.freshness = new ReadFreshness({
      database,
      algebra,
      servers,
      prober,
      catchUp: this.#catchUp,
      written: this.written,
      prices,
      checksReads: source.checksReads ?? false,
    })
    for (const note of topology.notes) this.noticeOnce(note.message)
    if (this.isAway) watchHttpRequests()
  }

  get topology(): Topology {
    return this.servers.topology
  }

  /** Whether what needs the primary is not done from here, as long as its request can be replayed where it is near. */
  get isAway(): boolean {
    return this.topology.role === 'replica' || this.reachesFar
  }

  /** Whether there is no replica for this region, and reads use the primary in another one. */
  get reachesFar(): boolean {
    return this.prices.isFar && this.servers.expects === 'primary'
  }

  /** Whether the local server is bounded: a replica, which something else can stand for, or one in another region. */
  get isBounded(): boolean {
    return this.servers.expects === 'replica' || this.prices.isFar
  }

  /** Publishes something about the configuration, once. */
  noticeOnce(message: string): void {
    if (this.#noticed.has(message)) return
    this.#noticed.add(message)
    publish('notice', { database: this.name, message })
  }

  /**
   * Looks at the local server now, and at a replica every half minute from now on: a server that is gone, or behind, is told of
   * although no request comes. Never what keeps a process alive.
   */
  watch(): void {
    if (this.#looking !== undefined) return
    const look = (): void => {
      this.prober.probeLag().catch((cause: unknown) => {
        if (this.servers.expects === 'replica' || !this.prober.isOutage(cause)) return
        const { setting } = this.servers
        publish('primary-unavailable', { database: this.name, setting, code: errorCode(cause) })
      })
    }
    this.#looking = setInterval(() => {
      if (this.servers.expects === 'replica') look()
    }, lookMs)
    this.#looking.unref()
    look()
  }

  /** The keys of the middleware that serves this database, in place of `FLYROUTE_SECRET`: the first one signs. */
  signsWith(secrets: readonly string[]): void {
    this.#secrets = secrets
  }

  async currentToken(): Promise<string> {
    const { cluster, epoch, at } = await this.prober.probe()
    const written = currentScope()?.request.positions.get(this.name)
    const content = new Map<string, Freshness>()
    if (written !== undefined && 'until' in written) content.set(this.name, written)
    else if (at === undefined) {
      const why = this.#source.whyNoPosition?.()
      if (why !== undefined) throw why
      content.set(this.name, { until: Date.now() + withoutPositionMs })
    } else {
      const seen: Position = { cluster, epoch, at, time: Date.now() }
      const { furthest } = this.written
      content.set(this.name, furthest === undefined ? seen : mergePositions(seen, furthest, this.algebra))
    }
    return encodeToken(content, this.#secrets ?? tokenSecrets())
  }

  async waitFor(token: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 5_000, signal } = options
    signal?.throwIfAborted()
    const need = decodeToken(token, { secrets: this.#secrets ?? tokenSecrets() }).get(this.name)
    if (need === undefined) return
    if (this.topology.role === 'primary') {
      await this.prober.probe()
      const { local } = this.servers
      if (local?.role === 'primary') {
        if (this.freshness.assess(need, local) === 'stale-primary') throw new ReplayUnavailableError('stale-primary')
        return
      }
    }
    if (await this.freshness.catchUp(need, { timeoutMs, signal, patient: true })) return
    signal?.throwIfAborted()
    throw this.#source.whyNoPosition?.() ?? this.router.required('stale', undefined, currentScope())
  }

  async status(): Promise<ReplicationStatus> {
    const { role, at, lagBytes, lagSeconds, lastContactSeconds, acceptsWrites } = await this.prober.probeLag()
    const { region, primary, local } = this.topology
    return {
      role,
      region: (role === 'primary' ? primary.region : local.region) ?? region,
      position: at,
      lagBytes,
      lagSeconds,
      ...(lastContactSeconds === undefined ? {} : { lastContactSeconds }),
      replicaUnavailable: this.prober.isUnavailable,
      ...(acceptsWrites ? { acceptsWrites } : {}),
    }
  }

  /** Ends the poller and the probes; the adapter calls it when its pool ends. */
  async end(): Promise<void> {
    clearInterval(this.#looking)
    this.#catchUp.end()
    await this.prober.end()
  }
}
