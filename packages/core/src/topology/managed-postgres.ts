import type { Endpoint } from '../endpoint.ts'
import type { TopologyNote } from './topology.ts'

/**
 * Managed Postgres of Fly.io: `pgbouncer.<cluster>.flympg.net` is its pooler, `direct.<cluster>.flympg.net` the server itself;
 * the same names may be had below `*.flycast`. No replica in other regions, no port 5433. Source: Fly.io, "Managed Postgres",
 * "Connect Your Client".
 */
const hosts = /\.flympg\.net\.?$|^(pgbouncer|direct)\.[^.]+\.flycast\.?$/i

/** Where there is any. Source: Fly.io, "Managed Postgres", "Regions" (2026). */
const regions = 'ams fra gru iad lax lhr nrt ord sin sjc syd yyz'

/** Whether an endpoint is a cluster of Managed Postgres. */
export function isManagedPostgres({ host = '' }: Endpoint): boolean {
  return hosts.test(host)
}

/** The host that leads around the pooler; undefined where it is not known. */
export function directHost(endpoint: Endpoint): string | undefined {
  const { host = '' } = endpoint
  return isManagedPostgres(endpoint) ? host.replace(/^pgbouncer\./i, 'direct.') : undefined
}

/** What should be said where the cluster cannot be in the region that is called the primary's. */
export function notesOnManaged(endpoint: Endpoint, primaryRegion: string | undefined): TopologyNote[] {
  if (primaryRegion === undefined || regions.includes(primaryRegion) || !isManagedPostgres(endpoint)) return []
  const message = `there is no Managed Postgres in ${primaryRegion} (but in ${regions}): set primary_region to the region of the cluster`
  return [{ code: 'no-managed-postgres', message }]
}
