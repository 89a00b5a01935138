import { join } from 'node:path'
import { type Lab, type OutputLine, startLab } from '@flyroute/lab'
import type { SurvivingWrite } from '../checker/index.ts'
import type { DatabaseCluster, DatabaseNode } from '../clusters.ts'
import { RoundRobin } from './round-robin.ts'

/** Round trips between the regions (ms): Chicago, Amsterdam, São Paulo. `orb` stands beside `ord`, and `amb` beside `ams`. */
const roundTrips = {
  'ord-ams': 95,
  'ord-gru': 130,
  'ams-gru': 190,
  'ord-orb': 0,
  'orb-ams': 95,
  'orb-gru': 130,
  'ams-amb': 0,
  'amb-ord': 95,
  'amb-orb': 95,
  'amb-gru': 190,
}

/** A database, and the app of the workload that stores its rows there. */
export interface WorldKind<Node extends DatabaseNode> {
  readonly database: 'postgres' | 'mariadb' | 'mysql'
  readonly databaseSettings?: Readonly<Record<string, string | number>>
  /** The app's file; see `serveApp`. */
  readonly app: string
  /** Makes the app's tables. */
  prepare(databases: DatabaseCluster<Node>): Promise<void>
  /** Sees to it that no replica goes back to before the tables when it crashes. */
  settle?(databases: DatabaseCluster<Node>): Promise<void>
  /** All writes to keys that begin so, one row for each time that one was executed. */
  survivors(primary: Node, prefix: string): Promise<readonly SurvivingWrite[]>
}

const clock = join(import.meta.dirname, 'app', 'clock.ts')

export interface WorldOptions {
  /** What the app promises. Default: `read-your-writes`. */
  readonly consistency?: 'read-your-writes' | 'monotonic'
  /** By how much (ms) the clocks of regions are wrong. */
  readonly clocks?: Readonly<Record<string, number>>
  /** A second standby in Chicago, `orb`, that commits wait for. Default: none. */
  readonly synchronousStandby?: boolean
  /** A second replica, `amb`, under the name of the one in Amsterdam. Default: none. */
  readonly twoBehindOneName?: boolean
  readonly machinesPerRegion?: number
}

/** The app in three regions with real databases: a primary in Chicago, replicas in Amsterdam and São Paulo. */
export class World<Node extends DatabaseNode = DatabaseNode> implements AsyncDisposable {
  readonly options: WorldOptions
  readonly lab: Lab
  readonly databases: DatabaseCluster<Node>
  readonly #kind: WorldKind<Node>
  readonly #names: Names

  private constructor(kind: WorldKind<Node>, options: WorldOptions, lab: Lab, names: Names) {
    this.options = options
    this.lab = lab
    this.databases = lab.databases as DatabaseCluster<Node>
    this.#kind = kind
    this.#names = names
  }

  static async start<Node extends DatabaseNode>(
    kind: WorldKind<Node>,
    options: WorldOptions = {},
  ): Promise<World<Node>> {
    const names: Names = {}
    const command = [process.execPath, '--conditions=@flyroute/source', '--import', clock, kind.app]
    const lab = await startLab({
      regions: ['ord', 'ams', 'gru'],
      primaryRegion: 'ord',
      rtt: roundTrips,
      database: kind.database,
      ...(kind.databaseSettings === undefined ? {} : { databaseSettings: kind.databaseSettings }),
      command,
      machinesPerRegion: options.machinesPerRegion ?? 1,
      journalSize: 100,
      output: tell,
      env: ({ region, replicaUrls }) => environment(region, replicaUrls, names, options),
    })
    const world = new World(kind, options, lab, names)
    await world.#prepare()
    return world
  }

  async #prepare(): Promise<void> {
    const { databases } = this
    await this.#kind.prepare(databases)
    if (this.options.synchronousStandby) {
      await databases.addReplica('orb')
      await databases.setSynchronous(['orb'])
    }
    if (this.options.twoBehindOneName) {
      const nodes = [databases.node('ams'), await databases.addReplica('amb')]
      this.#names.ams = await RoundRobin.open(() => nodes.map(({ port }) => port))
      await this.lab.restart('ams')
    }
    await databases.caughtUp()
    await this.#kind.settle?.(databases)
  }

  /** All writes to keys that begin so, as the primary has them. */
  survivors(prefix: string): Promise<readonly SurvivingWrite[]> {
    return this.#kind.survivors(this.databases.primary, prefix)
  }

  /** Opens the pools of all apps anew, with this bug in them. */
  async plant(mutation: string): Promise<void> {
    const plantIn = async ({ port }: { port: number }): Promise<void> => {
      const { ok } = await fetch(`http://127.0.0.1:${port}/plant?mutation=${mutation}`)
      if (!ok) throw new Error(`The app knows no mutation ${mutation}`)
    }
    await Promise.all(this.lab.machines.map(plantIn))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.dispose()
    await this.#names.ams?.[Symbol.asyncDispose]()
  }
}

/** Names of databases that lead to several servers, by region. */
interface Names {
  ams?: RoundRobin
}

function environment(
  region: string,
  replicaUrls: Readonly<Record<string, string>>,
  { ams }: Names,
  { consistency, clocks }: WorldOptions,
): Record<string, string> {
  const url = ams && replicaUrls.ams?.replace(/:\d+\//, `:${ams.port}/`)
  return {
    CONSISTENCY: consistency ?? 'read-your-writes',
    CLOCK_OFFSET_MS: String(clocks?.[region] ?? 0),
    ...(url ? { DATABASE_URL_AMS: url } : {}),
  }
}

/** What an app prints is a surprise; that it was killed is none. */
function tell({ region, text }: OutputLine): void {
  if (!text.startsWith('[flyroute lab]')) console.error(`${region}: ${text}`)
}
