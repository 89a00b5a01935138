import type { OutputLine } from './app/output.ts'
import type { DatabaseKind } from './databases/kinds.ts'
import { databaseKinds } from './databases/kinds.ts'
import type { RoundTrips } from './network/network.ts'
import { places } from './network/regions.ts'

/** What `startLab` makes. */
export interface LabOptions {
  /** Codes of the regions, e.g. `['ord', 'ams', 'gru']`. Each has an edge, and Machines with the app. */
  regions: readonly string[]
  /** Where the primary database is. Default: the first region. */
  primaryRegion?: string
  /** How to start the app: program and arguments. It listens on `PORT`. */
  command: readonly string[]
  /** Folder in which the app and `setup` run. Default: the current one. */
  cwd?: string
  /** Environment variables on top of this process's own and of those that Fly.io sets. */
  env?: Environment
  /** Name of the app. Default `app`. */
  appName?: string
  /** Other apps of the organisation, by name: targets for `fly-replay: app=…`. */
  otherApps?: Readonly<Record<string, OtherApp>>
  /** Machines in each region. Default 1. */
  machinesPerRegion?: number
  /** Runs once, in the primary region, before the app starts: a shell command, or program and arguments. */
  setup?: string | readonly string[]
  /** Kind of database. Default `postgres`. */
  database?: DatabaseKind
  /** Regions with a replica of the database. Default: all but the primary's. */
  replicas?: readonly string[]
  /** The same by region, where only some differ from the default: `{ gru: 'none' }` leaves gru without a replica. Not beside `replicas`. */
  databases?: Readonly<Record<string, 'primary' | 'replica' | 'none'>>
  /** Folder in which the primary's data stay for the next lab. Default: nothing stays. Postgres only. */
  keepData?: string
  /** Settings of the database servers. */
  databaseSettings?: Readonly<Record<string, string | number>>
  /**
   * How a Machine is told of the replicas. `per-region` (default): `DATABASE_URL_<REGION>` for each of them.
   * `local`: `DATABASE_REPLICA_URL` where its region has one. `none`: not at all. `DATABASE_URL` is always the primary's.
   */
  replicaVariables?: 'per-region' | 'local' | 'none'
  /** Round trip times in milliseconds, e.g. `{ 'ord-ams': 95 }`. Default: by distance. */
  rtt?: RoundTrips
  /** Port of the first region's edge; the others follow. Default: any that are free. */
  port?: number
  /** Called with each line that an app or `setup` prints. */
  output?: (line: OutputLine) => void
  /** Milliseconds until an app must listen. Default 30,000. */
  readyTimeoutMs?: number
  /** Requests that the journal keeps. Default 10,000. */
  journalSize?: number
}

/** Environment variables, the same for all Machines or made for each. */
export type Environment = Readonly<Record<string, string>> | ((place: MachinePlace) => Readonly<Record<string, string>>)

/** Where a Machine is, and how it reaches the databases from there. */
export interface MachinePlace {
  readonly region: string
  /** Counts the Machines of its region from 0. */
  readonly index: number
  /** The primary, wherever it may be; undefined without a database. */
  readonly databaseUrl: string | undefined
  /** The replicas by region, its own among them. */
  readonly replicaUrls: Readonly<Record<string, string>>
}

export interface OtherApp {
  command: readonly string[]
  /** Default: those of the lab. */
  regions?: readonly string[]
  cwd?: string
  env?: Environment
}

/** The options with all defaults. */
export interface ResolvedOptions extends Required<Omit<LabOptions, 'setup' | 'otherApps' | 'keepData' | 'databases'>> {
  readonly keepData?: string
  readonly setup: readonly string[]
  readonly otherApps: Readonly<Record<string, Required<OtherApp>>>
}

/** @throws TypeError that lists everything that is wrong */
export function resolveOptions(options: LabOptions): ResolvedOptions {
  const problems = findProblems(options)
  if (problems.length > 0)
    throw new TypeError(`The lab cannot start:\n${problems.map((text) => `- ${text}`).join('\n')}`)
  const { regions, setup = [], otherApps = {}, cwd = process.cwd() } = options
  const primaryRegion = primaryOf(options)
  const others = Object.entries(otherApps).map(([name, app]) => [name, { regions, cwd, env: {}, ...app }] as const)
  return {
    env: {},
    appName: 'app',
    machinesPerRegion: 1,
    database: 'postgres',
    replicas: regions.filter((region) => region !== primaryRegion && options.databases?.[region] !== 'none'),
    databaseSettings: {},
    replicaVariables: 'per-region',
    rtt: {},
    port: 0,
    output: () => {},
    readyTimeoutMs: 30_000,
    journalSize: 10_000,
    ...options,
    primaryRegion,
    cwd,
    setup: typeof setup === 'string' ? ['sh', '-c', setup] : setup,
    otherApps: Object.fromEntries(others),
  }
}

const kindsOfServer: readonly unknown[] = ['primary', 'replica', 'none']

function primaryOf({ regions, primaryRegion, databases = {} }: LabOptions): string {
  return primaryRegion ?? regions.find((region) => databases[region] === 'primary') ?? regions[0] ?? ''
}

function findProblems(options: LabOptions): string[] {
  const { regions, command, database = 'postgres', machinesPerRegion = 1, port = 0, rtt = {} } = options
  const problems: string[] = []
  const check = (right: boolean, problem: string): void => void (right || problems.push(problem))
  check(regions.length > 0, 'regions: give one at least, e.g. ord')
  for (const region of regions) {
    check(/^[a-z]{3}$/.test(region), `regions: ${JSON.stringify(region)} is not a code of three lower-case letters`)
  }
  check(new Set(regions).size === regions.length, 'regions: one of them is listed twice')
  const mentioned = [
    options.primaryRegion ?? [],
    options.replicas ?? [],
    Object.keys(options.databases ?? {}),
    Object.values(options.otherApps ?? {}).map((app) => app.regions ?? []),
  ]
  for (const region of new Set(mentioned.flat(2))) {
    check(regions.includes(region), `${region} is not among the regions ${regions.join(', ')}`)
  }
  const primaryRegion = primaryOf(options)
  for (const [region, what] of Object.entries(options.databases ?? {})) {
    check(kindsOfServer.includes(what), `databases: ${region} has primary, replica or none, not ${String(what)}`)
    check(
      (what === 'primary') === (region === primaryRegion),
      `databases: the primary is in ${primaryRegion}, and nowhere else`,
    )
  }
  check(!(options.databases && options.replicas), 'databases: give it or replicas, not both')
  check(
    !options.replicas?.some((region) => region === primaryRegion),
    `replicas: the primary itself is in ${primaryRegion}`,
  )
  check(Boolean(command[0]), 'command: say how to start the app, e.g. node server.js')
  check(databaseKinds.includes(database), `database: ${String(database)} is none of ${databaseKinds.join(', ')}`)
  check(options.keepData === undefined || database === 'postgres', 'keepData: only the data of Postgres can be kept')
  const { output } = options
  check(
    output === undefined || typeof output === 'function',
    'output: a function of a line, e.g. ({ region, text }) => console.log(region, text)',
  )
  check(Number.isInteger(machinesPerRegion) && machinesPerRegion > 0, 'machinesPerRegion: a whole number from 1')
  check(Number.isInteger(port) && port >= 0 && port + regions.length <= 65_536, 'port: a whole number from 0 to 65535')
  for (const [pair, ms] of Object.entries(rtt)) {
    check(
      /^[a-z]{3}-[a-z]{3}$/.test(pair) && ms >= 0,
      `rtt: write { "ord-ams": 95 } in milliseconds, not ${pair}: ${ms}`,
    )
  }
  for (const [a, b] of pairs(regions)) {
    const known = (places[a] && places[b]) || rtt[`${a}-${b}`] !== undefined || rtt[`${b}-${a}`] !== undefined
    check(Boolean(known), `rtt: the distance from ${a} to ${b} is not known, so give "${a}-${b}"`)
  }
  return problems
}

function pairs(regions: readonly string[]): [string, string][] {
  return regions.flatMap((a, index) => regions.slice(index + 1).map((b): [string, string] => [a, b]))
}
