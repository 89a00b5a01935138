import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseCluster, DatabaseNode } from '../clusters.ts'
import { away, home } from '../conformance/regions.ts'
import { Admin, type Admins } from './admin.ts'
import { changes } from './contents.ts'
import type { Contents, SessionDialect } from './dialect.ts'
import { HandlerServer } from './handler-server.ts'
import { leftoversOf } from './leftovers.ts'
import { Lot, type Place } from './lot.ts'
import type { Session } from './step.ts'
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
  /** How many sessions one after the other have their pools in common. */
  sessionsInLot = 25
  #servers: Servers
  #lot: Lot = new Lot((place, connections) => this.#open(place, connections))
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
    this.#clean = await leftoversOf(this.#lot.subject('bare'), leftovers)
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

  /** Whether a server may have connections of the app's. */
  async isUsed(server: keyof Admins): Promise<boolean> {
    return (await this.adapter.dialect.isUsed?.(this.#admins[server])) ?? true
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
    const held = obstacle ?? (await this.#stillHeld())
    const contents = await this.contents()
    const damage = held ?? (await this.adapter.dialect.damage?.(this.#admins))
    if (damage !== undefined) {
      await this.#repair(held === undefined)
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

  /** What sessions that have ended still hold on a server, after a while. */
  async #stillHeld(): Promise<string | undefined> {
    const giveUpAt = Date.now() + 10_000
    for (const [place, admin] of Object.entries(this.#admins)) {
      for (;;) {
        const held = await this.adapter.dialect.held(admin as Admin)
        if (held === '') break
        if (Date.now() > giveUpAt) return `left on the ${place}: ${held}`
        await sleep(2)
      }
    }
    return undefined
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
    await this.startsOver()
  }

  /** Goes on with new servers. */
  async startsOver(): Promise<void> {
    await this.startsLot()
    await this.#servers[Symbol.asyncDispose]()
    this.#servers = new Servers(this.adapter, await this.adapter.startCluster())
    await this.#prepare()
  }

  /** The pools that sessions have in common now. */
  get lot(): Lot {
    return this.#lot
  }

  /**
   * A session is about to be run.
   *
   * @returns why the pools of those before it have not ended, where they should have
   */
  async begins(session: Session): Promise<string | undefined> {
    const obstacle = this.#lot.sessions.length < this.sessionsInLot ? undefined : await this.startsLot()
    this.#lot.sessions.push(session)
    return obstacle
  }

  /** Has what comes next begin in new pools. */
  async startsLot(): Promise<string | undefined> {
    const before = this.#lot
    this.#lot = new Lot((place, connections) => this.#open(place, connections))
    return before.end()
  }

  #open(place: Place, connections: number): SessionSubject {
    const { primary, replica } = this.#servers
    if (place === 'bare') return this.adapter.bare(primary.url, connections)
    return this.adapter.open({
      outsideRequest: 'primary',
      connections,
      env: {
        FLY_REGION: place === 'away' ? away : home,
        PRIMARY_REGION: home,
        DATABASE_URL: primary.url,
        [`DATABASE_URL_${away.toUpperCase()}`]: replica.url,
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lot.end()
    await this.server[Symbol.asyncDispose]()
    await this.#servers[Symbol.asyncDispose]()
  }
}
