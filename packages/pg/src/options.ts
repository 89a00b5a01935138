import type { DriverAdapterOptions, Endpoint } from '@flyroute/core'
import { boundsOf, copyOptions, type ResolvedOptions, removeParameters, resolveOptions } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'

/** What flyroute wants to know beside the driver's own options. */
export interface FlyrouteOptions extends DriverAdapterOptions<PoolConfig> {}

/** Options of `createPool`: the driver's own, and flyroute's. */
export interface FlyroutePoolOptions extends PoolConfig, FlyrouteOptions {}

/** How to reach a server, in the driver's words; these are the primary endpoint. */
const endpointWords = ['connectionString', 'host', 'port', 'user', 'password', 'database'] as const

/** Options as they were given: an object, or a URL. What is hidden in them (passwords), or inherited, is copied as well. */
export function asOptions(given: FlyroutePoolOptions | string | undefined): FlyroutePoolOptions {
  return typeof given === 'string' ? { connectionString: given } : copyOptions(given)
}

/** Where the database is, by all options: the driver's own words for a server are the primary endpoint. */
export function resolve(options: FlyroutePoolOptions): ResolvedOptions<PoolConfig> {
  const { connectionString: url, host, port, user, password, database } = options
  return resolveOptions(options, 'postgres', { url, host, port, user, password, database })
}

/** The same options with how long a connection to the endpoint may last, where it is bounded and the app does not say. */
export function bounded(endpoint: Endpoint, options: PoolConfig): PoolConfig {
  const bounds = boundsOf(endpoint)
  if (bounds === undefined) return options
  const { maxLifetimeSeconds = bounds.lifetimeMs / 1_000, idleTimeoutMillis = bounds.idleMs } = options
  return { ...options, maxLifetimeSeconds, idleTimeoutMillis }
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
