import type { ClusterOptions, DatabaseCluster, DatabaseNode } from './cluster.ts'
import type { MysqlFlavour, MysqlSettings } from './mysql-family.ts'
import { MysqlNode } from './mysql-node.ts'
import type { MysqlServers } from './mysql-server.ts'
import { swift } from './mysql-template.ts'

/** A MariaDB or MySQL primary and the replicas that follow it by GTID. */
export interface MysqlCluster extends DatabaseCluster<MysqlNode> {
  readonly kind: 'mariadb' | 'mysql'
  /** What the servers say of themselves, e.g. `10.11.19-MariaDB-0+deb12u1-log`. */
  version(): Promise<string>
}

export class Cluster implements MysqlCluster {
  readonly kind: 'mariadb' | 'mysql'
  readonly nodes: MysqlNode[] = []
  readonly #flavour: MysqlFlavour
  readonly #servers: MysqlServers
  readonly #settings: MysqlSettings
  readonly #route: (from: string, to: DatabaseNode) => number | Promise<number>
  #primary: MysqlNode | undefined
  #serverId = 0

  constructor(flavour: MysqlFlavour, servers: MysqlServers, options: ClusterOptions) {
    const { settings = {}, route = (_, to) => to.port } = options
    this.kind = flavour.kind
    this.#flavour = flavour
    this.#servers = servers
    this.#settings = { ...swift, ...replicating, ...flavour.settings, ...settings }
    this.#route = route
  }

  get primary(): MysqlNode {
    if (!this.#primary) throw new Error('The cluster has no primary yet.')
    return this.#primary
  }

  get replicas(): MysqlNode[] {
    return this.nodes.filter((node) => node.role === 'replica')
  }

  node(name: string): MysqlNode {
    const found = this.nodes.find((node) => node.name === name)
    if (!found)
      throw new RangeError(`No node is called ${name}; there are ${this.nodes.map((node) => node.name).join(', ')}.`)
    return found
  }

  async version(): Promise<string> {
    const [row] = await this.primary.query<{ version: string }>('SELECT VERSION() AS version')
    return row?.version ?? ''
  }

  async open({ primary: name, replicas = 0 }: ClusterOptions): Promise<void> {
    const primary = this.#add(name)
    this.#primary = primary
    const names = typeof replicas === 'number' ? Array.from({ length: replicas }, () => undefined) : replicas
    const followers = names.map((replica) => this.#add(replica))
    const created = primary.create()
    await Promise.all([created, ...followers.map((replica) => replica.create(primary, created))])
    await this.caughtUp()
  }

  #add(name = `${this.kind}-${this.nodes.length + 1}`): MysqlNode {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name))
      throw new TypeError(`A node's name is made of a-z, 0-9 and -; not ${JSON.stringify(name)}.`)
    if (this.nodes.some((node) => node.name === name)) throw new TypeError(`Two nodes are called ${name}.`)
    const node = new MysqlNode(name, this.#servers.create(name), this.#settings, {
      flavour: this.#flavour,
      route: this.#route,
      promoted: (promoted) => (this.#primary = promoted),
      newServerId: () => (this.#serverId += 1),
    })
    this.nodes.push(node)
    return node
  }

  /** The primary's log goes back to the beginning, so a new replica needs no copy of anything. */
  async addReplica(name?: string): Promise<MysqlNode> {
    const replica = this.#add(name)
    await replica.create(this.primary)
    await this.#reached(replica, await this.primary.position(), 10_000)
    return replica
  }

  async removeReplica(name: string): Promise<void> {
    const node = this.node(name)
    if (node.role === 'primary') throw new TypeError(`${name} is the primary, which cannot be taken away.`)
    this.nodes.splice(this.nodes.indexOf(node), 1)
    await node.kill()
  }

  async caughtUp(timeoutMs = 10_000): Promise<void> {
    const position = await this.primary.position()
    const running = this.replicas.filter((replica) => replica.isRunning)
    await Promise.all(running.map((replica) => this.#reached(replica, position, timeoutMs)))
  }

  async #reached(replica: MysqlNode, position: string, timeoutMs: number): Promise<void> {
    if (await replica.reaches(position, timeoutMs)) return
    const [at, obstacle] = [await replica.position(), await replica.obstacle()]
    const why = obstacle ? ` (${obstacle})` : ''
    throw new Error(`${replica.name} stands at ${at} and did not reach ${position} in ${timeoutMs} ms${why}.`)
  }

  /** They wait until the replicas have received a commit, not until they have applied it. MariaDB waits for one at most. */
  async setSynchronous(replicas: readonly string[] | 'none'): Promise<void> {
    const names = replicas === 'none' ? [] : replicas.map((name) => this.node(name).name)
    const running = this.replicas.filter((replica) => replica.isRunning)
    await Promise.all(running.map((replica) => replica.confirm(names.includes(replica.name))))
    await this.primary.awaitConfirmations(names.length)
  }

  async dispose(): Promise<void> {
    await this.#servers.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

const replicating: MysqlSettings = {
  log_bin: 'binlog',
  sync_binlog: 0,
  relay_log: 'relay',
  relay_log_recovery: 'ON',
  // An ordinary user may create functions, as on a server without a binary log.
  log_bin_trust_function_creators: 'ON',
  skip_name_resolve: 'ON',
  character_set_server: 'utf8mb4',
  default_time_zone: '+00:00',
}
