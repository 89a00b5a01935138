import { environmentOf } from './app/environment.ts'
import { Machine } from './app/machine.ts'
import { Routes } from './app/routes.ts'
import { runSetup } from './app/setup.ts'
import type { DatabaseCluster } from './databases/cluster.ts'
import { startDatabase } from './databases/kinds.ts'
import { Journal } from './journal.ts'
import { Network } from './network/network.ts'
import { type Environment, type LabOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { Edge } from './proxy/edge.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

/**
 * Starts Fly.io on this machine: an edge of the proxy and the app in every region, a real primary database and its replicas,
 * and oceans in between. Resolves when all of them answer.
 *
 * All of it is gone when the lab is disposed of or this process ends, in whatever way.
 *
 * @throws TypeError that lists what is wrong with the options; Error where `setup`, the app or a database does not start
 * @example
 * await using lab = await startLab({ regions: ['ord', 'ams'], command: ['node', 'server.js'] })
 * const response = await lab.fetch('ams', '/posts', { method: 'POST', body: 'hello' })
 * lab.journal.entries.at(-1)?.hops   // ams asked for a replay, ord answered
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const resolved = resolveOptions(options)
  const lab = new Lab(resolved, await openWorkspace())
  try {
    await lab.open()
    return lab
  } catch (error) {
    await lab.dispose()
    throw error
  }
}

/** A running lab; see `startLab`. */
export class Lab implements AsyncDisposable {
  readonly journal: Journal
  readonly #options: ResolvedOptions
  readonly #workspace: Workspace
  readonly #network: Network
  readonly #routes: Routes
  readonly #edges = new Map<string, Edge>()
  readonly #machines: Machine[] = []
  #databases: DatabaseCluster | undefined

  /** @internal */
  constructor(options: ResolvedOptions, workspace: Workspace) {
    this.#options = options
    this.#workspace = workspace
    this.#network = new Network(options.rtt)
    this.#routes = new Routes(this.#network)
    this.journal = new Journal(options.journalSize)
  }

  /** @internal */
  async open(): Promise<void> {
    const { regions, database, primaryRegion, replicas, databaseSettings, keepData, setup, port } = this.#options
    await Promise.all(regions.map(async (region, index) => this.#openEdge(region, port === 0 ? 0 : port + index)))
    this.#databases = await startDatabase(database, {
      primary: primaryRegion,
      replicas,
      settings: databaseSettings,
      ...(keepData === undefined ? {} : { data: keepData }),
      route: async (from, to) => this.#routes.toNode(from, to),
    })
    this.#addMachines()
    if (setup.length > 0) await this.#runSetup(setup)
    await this.#databases?.caughtUp()
    await Promise.all(this.#machines.map(async (machine) => machine.start()))
  }

  async #openEdge(region: string, port: number): Promise<void> {
    const { appName: app } = this.#options
    const edge = new Edge({
      region,
      app,
      network: this.#network,
      journal: this.journal,
      machines: () => this.#machines,
    })
    this.#edges.set(region, edge)
    await edge.listen(port)
  }

  #addMachines(): void {
    const { appName, command, cwd, env, regions, otherApps } = this.#options
    for (const [app, { ...what }] of Object.entries({ [appName]: { command, cwd, env, regions }, ...otherApps })) {
      for (const region of what.regions) {
        for (let index = 0; index < this.#options.machinesPerRegion; index += 1)
          this.#addMachine(app, region, index, what)
      }
    }
  }

  #addMachine(
    app: string,
    region: string,
    index: number,
    { command, cwd, env }: { command: readonly string[]; cwd: string; env: Environment },
  ): void {
    const { output, readyTimeoutMs } = this.#options
    const environment = async ({ id, port }: Machine): Promise<Record<string, string>> =>
      environmentOf({ app, region, id, port, index }, this.#options, env, this.#databases, this.#routes)
    this.#machines.push(
      new Machine({ app, region, command, cwd, environment, workspace: this.#workspace, output, readyTimeoutMs }),
    )
  }

  async #runSetup(command: readonly string[]): Promise<void> {
    const { appName: app, primaryRegion: region, cwd, env, output } = this.#options
    const identity = { app, region, id: 'setup', port: 0, index: 0 }
    const environment = await environmentOf(identity, this.#options, env, this.#databases, this.#routes)
    await runSetup({ command, cwd, environment, app, region, output, workspace: this.#workspace })
  }

  get regions(): readonly string[] {
    return this.#options.regions
  }

  get primaryRegion(): string {
    return this.#options.primaryRegion
  }

  /** The primary and its replicas, each called after its region. @throws Error in a lab without a database */
  get databases(): DatabaseCluster {
    if (!this.#databases) throw new Error('This lab has no database.')
    return this.#databases
  }

  /** All Machines, of all apps. */
  get machines(): readonly Machine[] {
    return this.#machines
  }

  /** Address of the proxy's edge in a region, without a slash at the end: what a client nearby connects to. */
  url(region: string): string {
    return this.#edge(region).url
  }

  /** Milliseconds there and back between two regions. */
  roundTrip(a: string, b: string): number {
    return this.#network.roundTrip(this.#known(a), this.#known(b))
  }

  /** Asks as a client near a region does. */
  async fetch(region: string, path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.url(region) + path, init)
  }

  /** A Machine of the app, by its region and its number there. */
  machine(region: string, index = 0): Machine {
    const found = this.#machinesIn(region)[index]
    if (!found) throw new RangeError(`There is no Machine ${index} in ${region}.`)
    return found
  }

  /**
   * SIGKILL to the app in a region; its database lives on (`lab.databases.node(region).kill()`).
   * @param options `noticed: false`: the proxy does not know yet and finds connections refused
   */
  async kill(region: string, options?: { noticed?: boolean }): Promise<void> {
    await Promise.all(this.#machinesIn(region).map(async (machine) => machine.kill(options)))
    for (const machine of this.#machinesIn(region)) this.#forget(machine)
  }

  /** Starts the app in a region anew, with the environment as it is now; resolves when it listens. */
  async restart(region: string): Promise<void> {
    await this.kill(region)
    await Promise.all(this.#machinesIn(region).map(async (machine) => machine.start()))
  }

  /** Adds a replica in a region that has none. A Machine that is started after that is told of it: `restart(region)`. */
  async addReplica(region: string): Promise<void> {
    await this.databases.addReplica(this.#known(region))
  }

  /** Takes the replica of a region away for good. A Machine that is started after that is not told of it any more. */
  async removeReplica(region: string): Promise<void> {
    await this.databases.removeReplica(this.#known(region))
  }

  /** Cuts what lies between two regions, for requests, databases and replication: nothing arrives and nothing says so. */
  cut(a: string, b: string): void {
    this.#network.cut(this.#known(a), this.#known(b))
    for (const edge of this.#edges.values()) edge.dropIdle()
  }

  /** Ends a `cut`: what was under way arrives. */
  heal(a: string, b: string): void {
    this.#network.heal(this.#known(a), this.#known(b))
  }

  /** Ends the apps, the proxy and the databases, and removes their files. */
  async dispose(): Promise<void> {
    await Promise.all([...this.#edges.values()].map(async (edge) => edge.close()))
    await Promise.all([this.#workspace.dispose(), this.#databases?.dispose()])
    await this.#routes.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #machinesIn(region: string): Machine[] {
    const { appName } = this.#options
    return this.#machines.filter((machine) => machine.region === this.#known(region) && machine.app === appName)
  }

  #forget(machine: Machine): void {
    for (const edge of this.#edges.values()) edge.forget(machine.id)
  }

  #edge(region: string): Edge {
    return this.#edges.get(this.#known(region)) as Edge
  }

  #known(region: string): string {
    if (!this.regions.includes(region))
      throw new RangeError(`The lab has no region ${region}, only ${this.regions.join(', ')}.`)
    return region
  }
}
