import type { FunctionNames } from '../classify/types.ts'
import type { Connection } from '../endpoint.ts'
import type { DatabaseSettings, ResolvedDatabase } from '../identity/databases.ts'
import { quietTls } from '../identity/secrets.ts'
import type { ResolveTopologyOptions } from '../topology/options.ts'
import { resolveTopology } from '../topology/resolve.ts'
import { createTopology, type Topology } from '../topology/topology.ts'

/** What flyroute wants to know beside a driver's own options. */
export interface DriverAdapterOptions<PoolOptions> extends Omit<ResolveTopologyOptions, 'connection' | 'dialect'> {
  /** Tells the databases of one app apart, the same in every region. Default: the database's name. */
  readonly name?: string | undefined
  /** Where things are, instead of what the environment says. */
  readonly topology?: Topology | undefined
  /** A write outside of any request (boot, cron, a socket): an error, or the primary connection. Default: `error`. */
  readonly outsideRequest?: 'error' | 'primary' | undefined
  /** Functions of one's own that write although no text shows it, or that only read. */
  readonly functions?: FunctionNames | undefined
  /**
   * What a pooler on the way (PgBouncer) lends its connections for. With `transaction` there are no sessions, and what needs one is
   * refused in place of being left to the next client: LISTEN, locks of a session, temporary tables, PREPARE. Default: `session`.
   */
  readonly pooler?: 'session' | 'transaction' | undefined
  /** Makes one local server behave as a replica, with the same errors: for unit tests. */
  readonly simulate?: 'replica' | undefined
  /** The pool of `runOnPrimary` on a replica; opened only when it is needed. Its options are the driver's. */
  readonly primaryPool?: PoolOptions | undefined
  /** What a replay to the primary region costs from here (ms). Default: estimated from the distance. */
  readonly replayCostMs?: number | undefined
}

/** A configuration, and where it leads. */
export interface ResolvedOptions<PoolOptions extends object> extends ResolvedDatabase {
  readonly driverOptions: PoolOptions
  readonly primaryPool: PoolOptions | undefined
  /** A server of one's own plays the replica. */
  readonly simulated: boolean
}

/** The primary endpoint in the driver's own words. */
export interface DriverEndpoint extends Omit<Connection, 'password'> {
  readonly url: string | undefined
  /** One that is asked for at each connection is the driver's affair. */
  readonly password?: unknown
}

const ours: readonly (keyof DriverAdapterOptions<never>)[] = [
  'name',
  'topology',
  'outsideRequest',
  'functions',
  'simulate',
  'pooler',
  'primaryPool',
  'replayCostMs',
  'env',
  'databaseUrl',
  'urlVariable',
  'replicas',
  'region',
  'primaryRegion',
]

/**
 * Works out where a database is.
 *
 * @param options the driver's and flyroute's
 * @param endpoint what the driver's say of the primary
 * @throws ConfigurationError that lists everything that is wrong
 */
export function resolveOptions<PoolOptions extends object>(
  options: PoolOptions & DriverAdapterOptions<PoolOptions>,
  dialect: 'postgres' | 'mysql',
  endpoint: DriverEndpoint,
): ResolvedOptions<PoolOptions> {
  const { name, outsideRequest, replayCostMs, simulate, functions, primaryPool, pooler } = options
  const simulated = simulate === 'replica'
  const resolved = options.topology ?? resolveTopology(topologyOptions(options, dialect, endpoint))
  const settings: DatabaseSettings = { name, outsideRequest, replayCostMs, simulate, functions, pooler }
  return {
    topology: simulated ? simulatedTopology(resolved) : resolved,
    settings,
    driverOptions: driverOptions(options),
    primaryPool,
    simulated,
  }
}

/** The driver's options without ours. */
function driverOptions<PoolOptions extends object>(
  options: PoolOptions & DriverAdapterOptions<PoolOptions>,
): PoolOptions {
  const rest: Record<string, unknown> = { ...(options as object) }
  for (const word of ours) delete rest[word]
  if (rest['ssl'] !== undefined) rest['ssl'] = quietTls(rest['ssl'])
  return rest as PoolOptions
}

/** What the topology is resolved from: flyroute's options, with the driver's own words as the primary endpoint. */
function topologyOptions(
  options: DriverAdapterOptions<unknown>,
  dialect: 'postgres' | 'mysql',
  { url, password: given, ...place }: DriverEndpoint,
): ResolveTopologyOptions {
  const { env, databaseUrl = url, urlVariable, replicas, region, primaryRegion } = options
  const connection = { ...place, password: typeof given === 'string' ? given : undefined }
  const isGiven = Object.values(connection).some((piece) => piece !== undefined)
  return {
    env,
    databaseUrl,
    urlVariable,
    replicas,
    region,
    primaryRegion,
    dialect,
    ...(isGiven ? { connection } : {}),
  }
}

/** One local server as if it were far away from its primary. */
function simulatedTopology(topology: Topology): Topology {
  const { primary, appName, machineId } = topology
  const primaryRegion = topology.primaryRegion ?? 'iad'
  const region = topology.inPrimaryRegion ? 'sim' : topology.region
  return createTopology({ region, primaryRegion, role: 'replica', appName, machineId, primary, local: primary })
}
