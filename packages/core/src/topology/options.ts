import type { Connection, Dialect } from '../endpoint.ts'
import { defaultUrlVariable, type Environment } from '../env.ts'

/** What `resolveTopology` takes. Nothing of it is needed where the platform's variables say it all. */
export interface ResolveTopologyOptions {
  /** Where variables are read. Default: `process.env` at the time of the call. */
  readonly env?: Environment | undefined
  /** The primary's URL. Default: the variable that `urlVariable` names. */
  readonly databaseUrl?: string | URL | undefined
  /**
   * The primary in pieces, as the driver was given them; what is no piece is passed over. Without a host they change
   * what the variables say. `databaseUrl` wins.
   */
  readonly connection?: Connection | undefined
  /**
   * The variable with the primary's URL. Those of its replicas are named after it: `<name>_AMS` and so on, and
   * `DATABASE_REPLICA_URL` for `DATABASE_URL`. Default: `DATABASE_URL`.
   */
  readonly urlVariable?: string | undefined
  /**
   * Replicas by region code: a URL, or the pieces in which it differs from the primary (PlanetScale:
   * `{ ams: { user: 'abc|replica' } }`, as its docs on replicas say). Empty ones count as unset.
   */
  readonly replicas?: Readonly<Record<string, string | URL | Connection | undefined>> | undefined
  /** The region this process runs in. Default: `FLY_REGION`. */
  readonly region?: string | undefined
  /** The region of the primary. Default: `PRIMARY_REGION`. */
  readonly primaryRegion?: string | undefined
  /** The kind of database. Default: what the URL's scheme says. */
  readonly dialect?: Dialect | undefined
}

/** @throws TypeError for the first option of a wrong type, without its value. */
export function checkOptions(options: ResolveTopologyOptions): void {
  expectOption(isObject(options), 'the options have to be', 'an object')
  const { env, databaseUrl, urlVariable, replicas, region, primaryRegion, connection, dialect } = options
  expectOption(env === undefined || isObject(env), 'env has to be', 'an object of variables')
  expectOption(
    databaseUrl === undefined || typeof databaseUrl === 'string' || typeof databaseUrl?.href === 'string',
    'databaseUrl has to be',
    'a string or a URL',
  )
  expectOption(
    urlVariable === undefined || /^[A-Za-z_]\w*$/.test(urlVariable),
    'urlVariable has to be',
    `the name of a variable, such as ${defaultUrlVariable}`,
  )
  expectOption(replicas === undefined || isObject(replicas), 'replicas has to be', 'an object of region codes and URLs')
  expectOption(connection === undefined || isObject(connection), 'connection has to be', 'an object')
  expectOption(region === undefined || typeof region === 'string', 'region has to be', 'a string')
  expectOption(primaryRegion === undefined || typeof primaryRegion === 'string', 'primaryRegion has to be', 'a string')
  expectOption(
    dialect === undefined || dialect === 'postgres' || dialect === 'mysql',
    'dialect has to be',
    "'postgres' or 'mysql'",
  )
}

function expectOption(condition: boolean, what: string, expected: string): void {
  if (!condition) throw new TypeError(`resolveTopology: ${what} ${expected}`)
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
