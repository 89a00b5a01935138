import { createEndpoint, type Dialect, type Endpoint } from '../endpoint.ts'
import { isOnlyDrivers } from '../endpoint-url.ts'
import {
  defaultUrlVariable,
  type Environment,
  readPieces,
  readRegionUrls,
  readUrl,
  saysMysql,
  type Variable,
} from '../env.ts'
import { changed, dialectOf, fromUrl, piecesOf, readConnection } from './endpoints.ts'
import type { ResolveTopologyOptions } from './options.ts'
import type { ConfigurationProblems } from './problems.ts'

/** The primary's endpoint, and what is known of its kind. */
export interface Primary {
  readonly endpoint: Endpoint
  readonly dialect: Dialect | undefined
  /** Whether any setting names it; else the driver takes its own defaults. */
  readonly configured: boolean
  /** Only the driver can read where it is. */
  readonly isOpaque?: boolean
}

/** Where to look for the primary, and where to say what is wrong. */
export interface PrimarySettings {
  readonly options: ResolveTopologyOptions
  readonly env: Environment
  readonly primaryRegion: string | undefined
  readonly problems: ConfigurationProblems
}

/** The primary: the driver's own words where there are any, else the environment. */
export function resolvePrimary(settings: PrimarySettings): Primary {
  const { options, primaryRegion, problems } = settings
  const url = String(options.databaseUrl ?? '').trim()
  if (url !== '') return fromVariable({ name: 'databaseUrl', value: url }, settings)

  const connection = readConnection(options.connection ?? {}, 'connection', problems)
  if (Object.keys(connection).length === 0) return primaryOfEnvironment(settings)
  const origin = { source: 'connection', region: primaryRegion }
  if (connection.host !== undefined) {
    const dialect = options.dialect ?? (connection.port === 3306 ? 'mysql' : undefined)
    return { endpoint: createEndpoint({ ...connection, ...origin }), dialect, configured: true }
  }
  // Without a host these are changes: another database or user on the server that the environment names.
  const { endpoint, dialect } = primaryOfEnvironment(settings)
  return { endpoint: changed(endpoint, connection, origin), dialect, configured: true }
}

function primaryOfEnvironment(settings: PrimarySettings): Primary {
  const found = primaryOfUrlVariable(settings) ?? primaryOfPieces(settings)
  if (found !== undefined) return found
  const endpoint = createEndpoint({ source: "the driver's defaults", region: settings.primaryRegion })
  return { endpoint, dialect: settings.options.dialect, configured: false }
}

/** The primary that `DATABASE_URL` names; `DATABASE_URL_ORD` does too, where ord is the primary's region. */
export function primaryOfUrlVariable(settings: PrimarySettings): Primary | undefined {
  const { options, env, primaryRegion } = settings
  const name = options.urlVariable ?? defaultUrlVariable
  const regional = primaryRegion === undefined ? undefined : readRegionUrls(env, name).get(primaryRegion)?.[0]
  const url = readUrl(env, name) ?? regional
  return url === undefined ? undefined : fromVariable(url, settings)
}

/** The primary that `PGHOST…` or `DB_HOST…` name. They are not about the database of another `urlVariable`. */
export function primaryOfPieces({ options, env, primaryRegion, problems }: PrimarySettings): Primary | undefined {
  const pieces = options.urlVariable === undefined ? readPieces(env, options.dialect) : undefined
  const source = pieces?.host?.[0]?.name
  if (pieces === undefined || source === undefined) return undefined
  return {
    endpoint: createEndpoint({ ...piecesOf(pieces, problems), source, region: primaryRegion }),
    dialect: options.dialect ?? (source !== 'PGHOST' && saysMysql(env) ? 'mysql' : undefined),
    configured: true,
  }
}

function fromVariable({ name, value }: Variable, { options, primaryRegion, problems }: PrimarySettings): Primary {
  const origin = { source: name, region: primaryRegion }
  if (isOnlyDrivers(value, options.dialect)) {
    const endpoint = createEndpoint({ ...origin, url: value })
    return { endpoint, dialect: options.dialect, configured: true, isOpaque: true }
  }
  const endpoint = fromUrl(value, origin, options.dialect, problems) ?? createEndpoint(origin)
  return { endpoint, dialect: options.dialect ?? dialectOf(endpoint), configured: true }
}
