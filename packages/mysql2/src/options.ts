import type { Endpoint, FunctionNames, ResolveTopologyOptions, Topology } from '@flyroute/core'
import { copyOptions, quietTls } from '@flyroute/core/adapter'
import type { PoolOptions } from 'mysql2'

/** What flyroute wants to know beside the driver's own options. */
export interface FlyrouteOptions extends Omit<ResolveTopologyOptions, 'connection' | 'dialect'> {
  /** Tells the databases of one app apart, the same in every region. Default: the database's name. */
  readonly name?: string | undefined
  /** Where things are, instead of what the environment says. */
  readonly topology?: Topology | undefined
  /** A write outside of any request (boot, cron, a socket): an error, or the primary connection. Default: `refuse`. */
  readonly outsideRequest?: 'error' | 'primary' | undefined
  /** Functions of one's own that write although no text shows it, or that only read. */
  readonly functions?: FunctionNames | undefined
  /** Makes one local server behave as a replica, with the same errors: for unit tests. */
  readonly simulate?: 'replica' | undefined
  /** The pool of `runOnPrimary` on a replica; opened only when it is needed. Its options are the driver's. */
  readonly primaryPool?: PoolOptions | undefined
  /** What a replay to the primary region costs from here (ms). Default: estimated from the distance. */
  readonly replayCostMs?: number | undefined
  /** Signs what `currentToken()` gives. Default: `FLYROUTE_SECRET`. */
  readonly secret?: string | readonly string[] | undefined
}

/** Options of `createPool`: the driver's own, and flyroute's. */
export interface FlyroutePoolOptions extends PoolOptions, FlyrouteOptions {}

const ours: readonly (keyof FlyrouteOptions)[] = [
  'name',
  'topology',
  'outsideRequest',
  'functions',
  'simulate',
  'primaryPool',
  'replayCostMs',
  'secret',
  'env',
  'databaseUrl',
  'urlVariable',
  'replicas',
  'region',
  'primaryRegion',
]

/** How to reach a server, in the driver's words; these are the primary endpoint. */
const endpointWords = ['uri', 'host', 'port', 'user', 'password', 'password1', 'database', 'socketPath'] as const

/** Options as they were given: an object, or a URL. What is hidden in them (passwords), or inherited, is copied as well. */
export function asOptions(given: FlyroutePoolOptions | string | undefined): FlyroutePoolOptions {
  return typeof given === 'string' ? { uri: given } : copyOptions(given)
}

/** The driver's options without ours. */
export function driverOptions(options: FlyroutePoolOptions): PoolOptions {
  const rest: Record<string, unknown> = { ...options }
  for (const word of ours) delete rest[word]
  if (rest['ssl'] !== undefined) rest['ssl'] = quietTls(rest['ssl'])
  return rest
}

/** What the topology is resolved from: flyroute's options, with the driver's own words as the primary endpoint. */
export function topologyOptions(options: FlyroutePoolOptions): ResolveTopologyOptions {
  const { env, databaseUrl = options.uri, urlVariable, replicas, region, primaryRegion } = options
  const { port, user, database, host = options.socketPath } = options
  // The driver's other name for it.
  const { password = (options as { password1?: string }).password1 } = options
  const pieces = { host, port, user, password, database }
  return {
    env,
    databaseUrl,
    urlVariable,
    replicas,
    region,
    primaryRegion,
    dialect: 'mysql',
    ...(Object.values(pieces).some((piece) => piece !== undefined) ? { connection: pieces } : {}),
  }
}

/**
 * The driver's options for one endpoint, as a copy of its own: the driver writes into what it is given. Without an
 * endpoint they are what the caller gave, and the driver's own defaults hold.
 */
export function configFor(endpoint: Endpoint, options: PoolOptions): PoolOptions {
  const config: Record<string, unknown> = { ...options }
  if (endpoint.url !== undefined) {
    for (const word of endpointWords) delete config[word]
    return { ...config, uri: endpoint.url }
  }
  const { host, port, user, password, database } = endpoint
  const isSocket = host?.startsWith('/') === true
  const pieces = { [isSocket ? 'socketPath' : 'host']: host, port, user, password, database }
  for (const [word, value] of Object.entries(pieces)) if (value !== undefined) config[word] = value
  return config
}

/** Options of a pool that a connection does not know. */
const poolWords = [
  'connectionLimit',
  'maxIdle',
  'idleTimeout',
  'queueLimit',
  'waitForConnections',
  'resetOnRelease',
] as const

/** The driver's options for a single connection, out of those of a pool. */
export function connectionOptions(options: PoolOptions): PoolOptions {
  const rest: Record<string, unknown> = { ...options }
  for (const word of poolWords) delete rest[word]
  return rest
}

/** What options say about a login and settings, with those of a URL, but not about where the server is. */
export function withoutPlace(options: FlyroutePoolOptions): FlyroutePoolOptions {
  const { uri, host: _, port: __, socketPath: ___, ...rest } = options
  return uri === undefined ? rest : { ...settingsOf(uri), ...rest }
}

/** Where the server is. */
export function placeOf({ uri, host, port, socketPath }: FlyroutePoolOptions): FlyroutePoolOptions {
  const url = uri === undefined ? undefined : new URL(uri)
  const inUrl = url && {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(url.port ? { port: Number(url.port) } : {}),
  }
  const given = Object.entries({ host, port, socketPath }).filter(([, value]) => value !== undefined)
  return { ...inUrl, ...Object.fromEntries(given) }
}

/** What the driver reads from a URL, but for the place: a parameter is JSON where it can be read so. */
function settingsOf(uri: string): Record<string, unknown> {
  const url = new URL(uri)
  const parameters = [...url.searchParams].map(([name, value]): [string, unknown] => {
    try {
      return [name, JSON.parse(value)]
    } catch {
      return [name, value]
    }
  })
  const login = { user: url.username, password: url.password, database: url.pathname.slice(1) }
  const decoded = Object.entries(login).map(([name, value]) => [name, decodeURIComponent(value)] as const)
  return Object.fromEntries([...parameters, ...decoded.filter(([, value]) => value !== '')])
}
