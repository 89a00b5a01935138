import type { Environment } from '../env.ts'
import type { Connection, Dialect } from '../endpoint.ts'
import { createEndpoint } from '../endpoint.ts'
import { createTopology, type Topology } from './topology.ts'

export interface ResolveTopologyOptions {
  /** Where variables are read. Default: `process.env` at the time of the call. */
  readonly env?: Environment | undefined
  /** The primary's URL. Default: the variable {@link urlVariable}. */
  readonly databaseUrl?: string | URL | undefined
  /** The primary in pieces, as the driver was given them. Ignored where `databaseUrl` is set. */
  readonly connection?: Connection | undefined
  /** The variable with the primary's URL; `<name>_AMS` and so on are its replicas. Default: `DATABASE_URL`. */
  readonly urlVariable?: string | undefined
  /** A replica's URL, or how it differs from the primary, by region code. */
  readonly replicas?: Readonly<Record<string, string | URL | Connection | undefined>> | undefined
  /** Default: `FLY_REGION`. */
  readonly region?: string | undefined
  /** Default: `PRIMARY_REGION`. */
  readonly primaryRegion?: string | undefined
  /** The database the adapter speaks to. Default: what the URL's scheme says. */
  readonly dialect?: Dialect | undefined
}

export function resolveTopology(options: ResolveTopologyOptions = {}): Topology {
  const env = options.env ?? process.env
  const url = options.databaseUrl ?? env['DATABASE_URL']
  const primary = createEndpoint({ source: 'DATABASE_URL', ...(url === undefined ? {} : { url: String(url) }) })
  return createTopology({
    region: env['FLY_REGION'],
    primaryRegion: env['PRIMARY_REGION'],
    role: 'primary',
    appName: env['FLY_APP_NAME'],
    machineId: env['FLY_MACHINE_ID'],
    primary,
    local: primary,
  })
}
