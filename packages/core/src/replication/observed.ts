import { publish } from '../events.ts'
import type { Observation, PositionAlgebra, Role, ServerInstance } from '../position.ts'
import { type Topology, withRole } from '../topology/topology.ts'
import type { PrimaryCluster } from './cluster.ts'

/** How many runs of servers are remembered: the few that may still have connections. */
const mostInstances = 32

export interface ServersOptions {
  readonly database: string
  readonly topology: Topology
  readonly algebra: PositionAlgebra
  readonly cluster: PrimaryCluster
  /** The database says itself where its primary is, which may be anywhere. Default: the settings say so. */
  readonly moves?: boolean | undefined
  /** The local server belongs to another cluster than the primary. */
  readonly onForeign: () => void
  /** A server was lost, and may have been started anew further back in the log: what was learned of its lag is void. */
  readonly onLost: () => void
}

/** The servers of one database, as they have described themselves: who is primary, how far each has come. */
export class Servers {
  readonly #database: string
  readonly #algebra: PositionAlgebra
  readonly #configured: Topology
  readonly #cluster: PrimaryCluster
  readonly #moves: boolean
  readonly #onForeign: () => void
  readonly #onLost: () => void
  readonly #instances: Map<string, ServerInstance> = new Map()
  /** By cluster the newest epoch that a primary was seen in. */
  readonly #newestEpochs: Map<string, number> = new Map()
  #topology: Topology
  #hasConnected = false
  #local: ServerInstance | undefined

  constructor(options: ServersOptions) {
    const { topology } = options
    this.#database = options.database
    this.#algebra = options.algebra
    this.#configured = topology
    this.#topology = topology
    this.#cluster = options.cluster
    this.#moves = options.moves ?? false
    this.#onForeign = options.onForeign
    this.#onLost = options.onLost
  }

  get topology(): Topology {
    return this.#topology
  }

  /** The role that the settings say; `topology.role` is the one that the server says. */
  get expects(): Role {
    return this.#configured.role
  }

  /** What says where the local server is. */
  get setting(): string {
    return this.#configured.local.source
  }

  /** The local server, as it last answered a probe; undefined until it has, and once its connection was lost. */
  get local(): ServerInstance | undefined {
    return this.#local
  }

  /** Whether this is the server that probes ask, so that waiting for it can be shared. */
  isProbed(server: ServerInstance | undefined): boolean {
    return server !== undefined && (this.#local === undefined || this.#local === server)
  }

  /**
   * To be awaited between a local server's observation and `connected`: until the primary has said which cluster is its own, or
   * could not be reached, nothing tells whether this server is one of it. Undefined where there is nothing to wait for.
   */
  comparable(): Promise<void> | undefined {
    return this.expects === 'replica' ? this.#cluster.askOnce() : undefined
  }

  /** The local server has answered a probe. */
  probed(observation: Observation): ServerInstance {
    this.#local = this.connected(observation)
    return this.#local
  }

  /** A connection was made (or asked again), and this is what its server said. */
  connected(observation: Observation, side: 'local' | 'primary' = 'local'): ServerInstance {
    const isForeign = side === 'local' && this.isForeign(observation)
    const { instance: id, cluster, epoch, at, source } = observation
    // What it says of itself is true of another database: here it is a server to which nothing must be written.
    const role = isForeign ? 'replica' : observation.role
    let instance = this.#instances.get(id)
    if (instance === undefined) {
      instance = { id, role, cluster, epoch, at, source }
      this.#instances.set(id, instance)
      if (this.#instances.size > mostInstances) this.#instances.delete(this.#instances.keys().next().value as string)
    }
    instance.role = role
    instance.acceptsWrites = isForeign || observation.acceptsWrites
    instance.logsTemporaryTables = observation.logsTemporaryTables
    instance.chainsTransactions = observation.chainsTransactions
    instance.clockOffsetMs = observation.clockOffsetMs
    instance.epoch = Math.max(instance.epoch, epoch)
    if (at !== undefined && (instance.at === undefined || this.#algebra.covers(at, instance.at))) instance.at = at
    if (role === 'primary') this.#newestEpochs.set(cluster, Math.max(epoch, this.#newestEpochs.get(cluster) ?? 0))
    if (isForeign) this.#onForeign()
    else if (side === 'local') {
      this.#setRole(role)
      if (!this.#hasConnected) this.#tellPlace(observation)
    } else if (role === 'primary') this.#cluster.heard(observation)
    return instance
  }

  /** Whether what is known of this run of a server still holds: no connection to it has been lost. */
  isCurrent(server: ServerInstance): boolean {
    return this.#instances.get(server.id) === server
  }

  /** A connection ended without being asked to: its server may have been started anew, further back in the log. */
  disconnected(instance: ServerInstance | undefined): void {
    if (instance === undefined || !this.isCurrent(instance)) return
    this.#instances.delete(instance.id)
    if (this.#local === instance) this.#local = undefined
    this.#onLost()
  }

  /** Whether this, the local server, belongs to another cluster than the primary. */
  isForeign(server: Pick<ServerInstance, 'cluster' | 'at'>): boolean {
    return this.expects === 'replica' && this.#cluster.isForeign(server)
  }

  /** Whether another primary was seen that has taken over from this one: what is written to it is lost. */
  isDeposed(server: ServerInstance): boolean {
    return server.role === 'primary' && server.epoch < (this.#newestEpochs.get(server.cluster) ?? 0)
  }

  /** Whether no statement may run on this server, and its connections are to be given up. */
  mustLeave(server: ServerInstance): boolean {
    return this.isDeposed(server) || this.isForeign(server)
  }

  /** Where reads and writes go from here, as the first answer has shown. */
  #tellPlace({ role, lagSeconds }: Observation): void {
    this.#hasConnected = true
    const { region, primaryRegion, local, primary } = this.#configured
    // Off Fly there is one region, whatever the settings say of it.
    const serverRegion = region && (local.region ?? (local === primary ? primaryRegion : undefined))
    const { setting } = this
    publish('connected', { database: this.#database, role, setting, region, serverRegion, primaryRegion, lagSeconds })
  }

  #setRole(role: Role): void {
    if (role === this.#topology.role) return
    const { expects: expected, setting } = this
    const moves = this.#moves ? { moves: true } : {}
    publish('role-mismatch', { database: this.#database, expected, found: role, setting, ...moves })
    this.#topology = withRole(this.#configured, role)
  }
}
