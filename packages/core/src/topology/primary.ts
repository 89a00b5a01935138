import { createEndpoint, type Dialect, type Endpoint } from '../endpoint.ts'
import {
  defaultUrlVariable,
  type Environment,
  readPieces,
  readRegionUrls,
  readUrl,
  saysMysql,
  type Variable,
} from '../env.ts'
import { changed, defined, dialectOf, fromUrl, piecesOf } from './endpoints.ts'
import type { ConfigurationProblems } from './problems.ts'
import type { ResolveTopologyOptions } from './resolve.ts'

/** The primary's endpoint, and what is known of its kind. */
export interface Primary {
  readonly endpoint: Endpoint
  readonly dialect: Dialect | undefined
  /** Whether any setting names it; else the driver takes its own defaults. */
  readonly configured: boolean
}

/** The primary: the driver's own words where there are any, else the environment. */
export function resolvePrimary(
  options: ResolveTopologyOptions,
  env: Environment,
  region: string | undefined,
  problems: ConfigurationProblems,
): Primary {
  const url = String(options.databaseUrl ?? '').trim()
  if (url !== '') return named({ name: 'databaseUrl', value: url }, options.dialect, region, problems)

  const connection = defined(options.connection ?? {})
  if (Object.keys(connection).length === 0) return readPrimary(options, env, region, problems)
  const origin = { source: 'connection', region }
  if (connection.host !== undefined) {
    const dialect = options.dialect ?? (connection.port === 3306 ? 'mysql' : undefined)
    return { endpoint: createEndpoint({ ...connection, ...origin }), dialect, configured: true }
  }
  // Without a host these are changes: another database or user on the server that the environment names.
  const { endpoint, dialect } = readPrimary(options, env, region, problems)
  return { endpoint: changed(endpoint, connection, origin), dialect, configured: true }
}

/** The primary that the environment names, whatever the options say about it. */
export function readPrimary(
  { urlVariable, dialect }: ResolveTopologyOptions,
  env: Environment,
  region: string | undefined,
  problems: ConfigurationProblems,
): Primary {
  const name = urlVariable ?? defaultUrlVariable
  // DATABASE_URL_ORD is as good a name for the primary as any where ord is the primary's region.
  const url = readUrl(env, name) ?? (region === undefined ? undefined : readRegionUrls(env, name).get(region)?.[0])
  if (url !== undefined) return named(url, dialect, region, problems)

  // Another variable means another database than the one that PGHOST and DB_HOST are about.
  const pieces = urlVariable === undefined ? readPieces(env, dialect) : undefined
  if (pieces?.host?.[0] !== undefined) {
    const source = pieces.host[0].name
    const endpoint = createEndpoint({ ...piecesOf(pieces, problems), source, region })
    return {
      endpoint,
      dialect: dialect ?? (source !== 'PGHOST' && saysMysql(env) ? 'mysql' : undefined),
      configured: true,
    }
  }
  return { endpoint: createEndpoint({ source: "the driver's defaults", region }), dialect, configured: false }
}

function named(
  url: Variable,
  dialect: Dialect | undefined,
  region: string | undefined,
  problems: ConfigurationProblems,
): Primary {
  const origin = { source: url.name, region }
  const endpoint = fromUrl(url.value, origin, dialect, problems) ?? createEndpoint(origin)
  return { endpoint, dialect: dialect ?? dialectOf(endpoint), configured: true }
}
