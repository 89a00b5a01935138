import type { Connection, Dialect, Endpoint } from '../endpoint.ts'
import { isManagedPostgres } from './managed-postgres.ts'

/**
 * Fly Postgres (unmanaged): port 5432 always leads to a writable member, port 5433 is the member itself.
 * Source: Fly.io, "High Availability & Global Replication", "Connecting to read replicas".
 */
const writablePort = 5432
const memberPort = 5433

/**
 * Whether the convention holds for an endpoint: a Postgres under `*.internal` or `*.flycast` at the usual port. Not
 * for Managed Postgres (which has no members), not for an address, and not at a port that the app has chosen.
 */
export function followsConvention(endpoint: Endpoint, dialect: Dialect | undefined): boolean {
  const port = endpoint.port ?? writablePort
  return (
    dialect !== 'mysql' &&
    /\.(internal|flycast)\.?$/i.test(endpoint.host ?? '') &&
    !isManagedPostgres(endpoint) &&
    (port === writablePort || port === memberPort)
  )
}

/** Whether the endpoint is a member, which may be read-only, where a writable one is meant. */
export function namesMember(endpoint: Endpoint): boolean {
  return endpoint.port === memberPort
}

/**
 * What to change about the primary's endpoint to reach the local server. `<app>.internal` gives all members in a
 * fixed order, and a client that takes the first address ends up on the primary from everywhere: so the name of the
 * region's members instead. Narrower names (`top1.nearest.of.…`, `<region>.…`, a Machine's) and Flycast stay.
 * Source: Fly.io, "Private Networking", table of `.internal` names.
 */
export function localMember(endpoint: Endpoint, region: string): Connection & { readonly region?: string } {
  const app = /^(?:global\.)?([^.]+\.internal\.?)$/i.exec(endpoint.host ?? '')?.[1]
  return { port: memberPort, ...(app === undefined ? {} : { host: `${region}.${app}` }) }
}
