import type { DatabaseCluster, DatabaseNode } from '../clusters.ts'
import { away, home } from '../conformance/regions.ts'
import { Admin, type Admins } from './admin.ts'
import { changes } from './contents.ts'
import type { Contents, SessionDialect } from './dialect.ts'
import { HandlerServer } from './handler-server.ts'
import { leftoversOf } from './leftovers.ts'
import type { SessionOpenOptions, SessionSubject } from './subject.ts'

/** An adapter under the differential test. */
export interface SessionAdapter {
  readonly name: string
  readonly dialect: SessionDialect
  /** An app can end a connection in place of giving it back. Default: true. */
  readonly ends?: boolean
  /** One primary with one replica. */
  startCluster(): Promise<DatabaseCluster>
  /** The driver without flyroute, on one server, with so many connections at most. */
  bare(url: string, connections: number): SessionSubject
  /** The driver with flyroute. */
  open(options: SessionOpenOptions): SessionSubject
}

/** One cluster, and its administrators. */
class Servers implements AsyncDisposable {
  readonly primary: DatabaseNode
  readonly replica: DatabaseNode
  readonly admins: Admins
  readonly #cluster: DatabaseCluster

  constructor(adapter: SessionAdapter, cluster: DatabaseCluster) {
    const [replica] = cluster.replicas
    if (replica === undefined) throw new Error('The cluster has no replica')
    this.primary = cluster.primary
    this.replica = replica
    this.admins = {
      primary: new Admin(adapter.bare(cluster.primary.adminUrl, 1)),
      replica: new Admin(adapter.bare(replica.adminUrl, 1)),
    }
    this.#cluster = cluster
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.admins.primary.end(), this.admins.replica.end()]).catch(() => undefined)
    await this.#cluster.dispose()
  }
}

/** The servers of a test, and what is known of their contents. */
export class World implements AsyncDisposable {
  readonly adapter: SessionAdapter
  readonly server: HandlerServer
  #servers: Servers
  #initial: Contents = {}
  #clean: readonly string[] = []

  private constructor(adapter: SessionAdapter, servers: Servers, server: HandlerServer) {
    this.adapter = adapter
    this.server = server
    this.#servers = servers
  }

  static async start(adapter: SessionAdapter): Promise<World> {
    const [cluster, server] = await Promise.all([adapter.startCluster(), HandlerServer.open()])
    const world = new World(adapter, new Servers(adapter, cluster), server)
    await world.#prepare()
    return world
  }

  async #prepare(): Promise<void> {
    const { setUp, caughtUp, leftovers } = this.adapter.dialect
    await setUp(this.#admins.primary, this.#servers.primary.url)
    this.#initial = await this.contents()
    await caughtUp(this.#admins)
    const bare = this.bare()
    this.#clean = await leftoversOf(bare, leftovers)
    await bare.end()
  }

  get #admins(): Admins {
    return this.#servers.admins
  }

  /** What the database holds before each session. */
  get initial(): Contents {
    return this.#initial
  }

  /** What the session of a new connection holds. */
  get clean(): readonly string[] {
    return this.#clean
  }

  /** Waits until the replica has what the primary has. */
  caughtUp(): Promise<void> {
    return this.adapter.dialect.caughtUp(this.#admins)
  }

  contents(): Promise<Contents> {
    return this.adapter.dialect.contents(this.#admins.primary)
  }

  /**
   * What a run has made of the database, which is put back to where it was.
   *
   * @param obstacle why connections of the run may still be there, with locks of theirs
   */
  async takeContents(obstacle?: string): Promise<{ contents: Contents; damage: string | undefined }> {
    const contents = await this.contents()
    const damage = obstacle ?? (await this.adapter.dialect.damage?.(this.#admins))
    if (damage !== undefined) {
      await this.#repair(obstacle === undefined)
      return { contents, damage }
    }
    const changed = changes(this.#initial, contents)
    if (changed.length > 0) {
      await this.adapter.dialect.reset(this.#admins.primary, changed)
      const again = changes(this.#initial, await this.contents())
      if (again.length > 0) throw new Error(`The database could not be reset: ${again.join(', ')}`)
      await this.adapter.dialect.caughtUp(this.#admins)
    }
    return { contents, damage }
  }

  /** Mends the servers, or starts new ones where they are not as they were. */
  async #repair(isMendable: boolean): Promise<void> {
    const { reset, repair, contents, caughtUp } = this.adapter.dialect
    try {
      if (isMendable && repair !== undefined) {
        await repair(this.#admins)
        await reset(this.#admins.primary, Object.keys(this.#initial))
        await caughtUp(this.#admins)
        if (changes(this.#initial, await contents(this.#admins.replica)).length === 0) return
      }
    } catch {
      // New ones, then.
    }
    await this.#servers[Symbol.asyncDispose]()
    this.#servers = new Servers(this.adapter, await this.adapter.startCluster())
    await this.#prepare()
  }

  bare(connections = 1): SessionSubject {
    return this.adapter.bare(this.#servers.primary.url, connections)
  }

  /** The adapter as a machine in the replica's region opens it, or one in the primary's. */
  open(region: 'away' | 'home' = 'away', connections = 1): SessionSubject {
    const { primary, replica } = this.#servers
    return this.adapter.open({
      outsideRequest: 'primary',
      connections,
      env: {
        FLY_REGION: region === 'away' ? away : home,
        PRIMARY_REGION: home,
        DATABASE_URL: primary.url,
        [`DATABASE_URL_${away.toUpperCase()}`]: replica?.url ?? '',
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.#servers[Symbol.asyncDispose]()
  }
}
