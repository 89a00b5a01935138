import type { Endpoint, FunctionNames, ResolveTopologyOptions, Topology } from '@flyroute/core'
import { copyOptions, quietTls, removeParameters } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'

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
  /** Makes one local Postgres behave as a replica, with the same errors: for unit tests. */
  readonly simulate?: 'replica' | undefined
  /** The pool of `runOnPrimary` on a replica; opened only when it is needed. Its options are the driver's. */
  readonly primaryPool?: PoolConfig | undefined
  /** What a replay to the primary region costs from here (ms). Default: estimated from the distance. */
  readonly replayCostMs?: number | undefined
  /** Signs what `currentToken()` gives. Default: `FLYROUTE_SECRET`. */
  readonly secret?: string | readonly string[] | undefined
}

/** Options of `createPool`: the driver's own, and flyroute's. */
export interface FlyroutePoolOptions extends PoolConfig, FlyrouteOptions {}

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
const endpointWords = ['connectionString', 'host', 'port', 'user', 'password', 'database'] as const

/** Options as they were given: an object, or a URL. What is hidden in them (passwords), or inherited, is copied as well. */
export function asOptions(given: FlyroutePoolOptions | string | undefined): FlyroutePoolOptions {
  return typeof given === 'string' ? { connectionString: given } : copyOptions(given)
}

/** The driver's options without ours and without where the server is. */
export function driverOptions(options: FlyroutePoolOptions): PoolConfig {
  const rest: Record<string, unknown> = { ...options }
  for (const word of ours) delete rest[word]
  if (rest['ssl'] !== undefined) rest['ssl'] = quietTls(rest['ssl'])
  return rest
}

/** What the topology is resolved from: flyroute's options, with the driver's own words as the primary endpoint. */
export function topologyOptions(options: FlyroutePoolOptions): ResolveTopologyOptions {
  const { env, databaseUrl = options.connectionString, urlVariable, replicas, region, primaryRegion } = options
  const { host, port, user, database } = options
  const password = typeof options.password === 'string' ? options.password : undefined
  const pieces = { host, port, user, password, database }
  return {
    env,
    databaseUrl,
    urlVariable,
    replicas,
    region,
    primaryRegion,
    dialect: 'postgres',
    ...(Object.values(pieces).some((piece) => piece !== undefined) ? { connection: pieces } : {}),
  }
}

/** The driver's options for one endpoint. Without any, they are what the caller gave: the driver's own defaults hold. */
export function configFor(endpoint: Endpoint, options: PoolConfig): PoolConfig {
  const config: Record<string, unknown> = { ...options }
  if (endpoint.url !== undefined) {
    for (const word of endpointWords) delete config[word]
    // A password that the driver asks for at connect time goes with any URL.
    if (typeof options.password === 'function') config.password = options.password
    const isOwn = endpoint.url === options.connectionString
    return { ...config, connectionString: isOwn ? endpoint.url : withoutSettings(endpoint.url, options) }
  }
  const { host, port, user, password, database } = endpoint
  for (const [word, value] of Object.entries({ host, port, user, password, database })) {
    if (value !== undefined) config[word] = value
  }
  return config
}

/** Parameters of a URL that say how it is encrypted, which the option `ssl` says as a whole. */
const tlsParameters = ['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'uselibpqcompat']

/** The driver reads a URL's parameters before its options: of one that the environment names, the client's own go before. */
function withoutSettings(url: string, options: PoolConfig): string {
  const given = new Set(Object.keys(options).filter((name) => Reflect.get(options, name) !== undefined))
  if (given.has('ssl')) for (const name of tlsParameters) given.add(name)
  return removeParameters(url, (name) => given.has(name))
}

/** Of a client that has a URL the driver forgets a password that is to be asked for. */
export function keepPassword(client: object, { password }: { readonly password?: unknown }): void {
  if (typeof password !== 'function') return
  Object.defineProperty(client, 'password', { value: password, enumerable: false, writable: true, configurable: true })
}
