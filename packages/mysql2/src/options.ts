import type { Endpoint, FunctionNames, ResolveTopologyOptions, Topology } from '@flyroute/core'
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
  /** The pool behind `runOnPrimary` on a replica; opened only when it is needed. Its options are the driver's. */
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
const endpointWords = ['uri', 'host', 'port', 'user', 'password', 'database', 'socketPath'] as const

/** A copy of options as the driver takes them: an object, or a URL. */
export function asOptions(options: FlyroutePoolOptions | string | undefined): FlyroutePoolOptions {
  if (typeof options === 'string') return { uri: options }
  // Knex, among others, hides it from copies.
  const password = options?.password
  return { ...options, ...(password === undefined ? {} : { password }) }
}

/** The driver's options without ours. */
export function driverOptions(options: FlyroutePoolOptions): PoolOptions {
  const rest: Record<string, unknown> = { ...options }
  for (const word of ours) delete rest[word]
  return rest
}

/** What the topology is resolved from: flyroute's options, with the driver's own words as the primary endpoint. */
export function topologyOptions(options: FlyroutePoolOptions): ResolveTopologyOptions {
  const { env, databaseUrl = options.uri, urlVariable, replicas, region, primaryRegion } = options
  const { port, user, password, database, host = options.socketPath } = options
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

/** Keeps the driver's copy of the password out of logs: what it reads itself it still finds. */
export function hideSecrets(config: object): void {
  for (const word of ['password', 'password2', 'password3', 'passwordSha1']) {
    const descriptor = Object.getOwnPropertyDescriptor(config, word)
    if (descriptor !== undefined) Object.defineProperty(config, word, { ...descriptor, enumerable: false })
  }
}
