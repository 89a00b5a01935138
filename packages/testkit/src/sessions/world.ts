import type { ConformanceCluster, ConformanceNode } from '../conformance/adapter.ts'
import { away, home } from '../conformance/regions.ts'
import { changes } from './contents.ts'
import type { Contents, SessionDialect } from './dialect.ts'
import { HandlerServer } from './handler-server.ts'
import { leftoversOf } from './leftovers.ts'
import type { SessionOpenOptions, SessionSubject } from './subject.ts'

/** An adapter under the differential test. */
export interface SessionAdapter {
  readonly name: string
  readonly dialect: SessionDialect
  /** One primary with one replica. */
  startCluster(): Promise<ConformanceCluster>
  /** The driver without flyroute, on one server. */
  bare(url: string): SessionSubject
  /** The driver with flyroute. At most one connection to the local server, and one to the primary. */
  open(options: SessionOpenOptions): SessionSubject
}

/** The servers of a test, and what is known of their contents. */
export class World implements AsyncDisposable {
  readonly adapter: SessionAdapter
  readonly server: HandlerServer
  #cluster: ConformanceCluster
  #initial: Contents = {}
  #clean: readonly string[] = []

  private constructor(adapter: SessionAdapter, cluster: ConformanceCluster, server: HandlerServer) {
    this.adapter = adapter
    this.server = server
    this.#cluster = cluster
  }

  static async start(adapter: SessionAdapter): Promise<World> {
    const [cluster, server] = await Promise.all([adapter.startCluster(), HandlerServer.open()])
    const world = new World(adapter, cluster, server)
    await world.#prepare()
    return world
  }

  async #prepare(): Promise<void> {
    await this.adapter.dialect.setUp(this.#primary)
    this.#initial = await this.contents()
    await this.#cluster.caughtUp()
    const bare = this.bare()
    this.#clean = await leftoversOf(bare, this.adapter.dialect.leftovers)
    await bare.end()
  }

  get #primary(): ConformanceNode {
    return this.#cluster.primary
  }

  /** What the database holds before each session. */
  get initial(): Contents {
    return this.#initial
  }

  /** What the session of a new connection holds. */
  get clean(): readonly string[] {
    return this.#clean
  }

  contents(): Promise<Contents> {
    return this.adapter.dialect.contents(this.#primary)
  }

  /**
   * What a run has made of the database, which is put back to where it was.
   *
   * @param obstacle why connections of the run may still be there, with locks of theirs
   */
  async takeContents(obstacle?: string): Promise<{ contents: Contents; damage: string | undefined }> {
    const contents = await this.contents()
    const damage = obstacle ?? (await this.adapter.dialect.damage(this.#cluster))
    if (damage !== undefined) {
      await this.#repair(obstacle === undefined)
      return { contents, damage }
    }
    const changed = changes(this.#initial, contents)
    if (changed.length > 0) {
      await this.adapter.dialect.reset(this.#primary, changed)
      const again = changes(this.#initial, await this.contents())
      if (again.length > 0) throw new Error(`The database could not be reset: ${again.join(', ')}`)
      await this.#cluster.caughtUp()
    }
    return { contents, damage }
  }

  /** Mends the servers, or starts new ones where they are not as they were. */
  async #repair(isMendable: boolean): Promise<void> {
    const { reset, repair, contents } = this.adapter.dialect
    const [replica] = this.#cluster.replicas
    try {
      if (isMendable && repair !== undefined && replica !== undefined) {
        await repair(this.#cluster)
        await reset(this.#primary, Object.keys(this.#initial))
        await this.#cluster.caughtUp(2_000)
        if (changes(this.#initial, await contents(replica)).length === 0) return
      }
    } catch {
      // New ones, then.
    }
    await this.#cluster.dispose()
    this.#cluster = await this.adapter.startCluster()
    await this.#prepare()
  }

  bare(): SessionSubject {
    return this.adapter.bare(this.#primary.url)
  }

  /** The adapter as a machine in the replica's region opens it, or one in the primary's. */
  open(region: 'away' | 'home' = 'away'): SessionSubject {
    const [replica] = this.#cluster.replicas
    return this.adapter.open({
      outsideRequest: 'primary',
      env: {
        FLY_REGION: region === 'away' ? away : home,
        PRIMARY_REGION: home,
        DATABASE_URL: this.#primary.url,
        [`DATABASE_URL_${away.toUpperCase()}`]: replica?.url ?? '',
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.#cluster.dispose()
  }
}
