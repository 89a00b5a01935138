import type { DriverAdapterOptions, Endpoint } from '@flyroute/core'
import { copyOptions, type ResolvedOptions, resolveOptions } from '@flyroute/core/adapter'
import type { PoolOptions } from 'mysql2'

/** What flyroute wants to know beside the driver's own options. */
export interface FlyrouteOptions extends DriverAdapterOptions<PoolOptions> {}

/** Options of `createPool`: the driver's own, and flyroute's. */
export interface FlyroutePoolOptions extends PoolOptions, FlyrouteOptions {}

/** How to reach a server, in the driver's words; these are the primary endpoint. */
const endpointWords = ['uri', 'host', 'port', 'user', 'password', 'password1', 'database', 'socketPath'] as const

/** Options as they were given: an object, or a URL. What is hidden in them (passwords), or inherited, is copied as well. */
export function asOptions(given: FlyroutePoolOptions | string | undefined): FlyroutePoolOptions {
  return typeof given === 'string' ? { uri: given } : copyOptions(given)
}

/** Where the database is, by all options: the driver's own words for a server are the primary endpoint. */
export function resolve(options: FlyroutePoolOptions): ResolvedOptions<PoolOptions> {
  const { uri: url, port, user, database, host = options.socketPath } = options
  // The driver's other name for it.
  const { password = (options as { password1?: string }).password1 } = options
  return resolveOptions(options, 'mysql', { url, host, port, user, password, database })
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
