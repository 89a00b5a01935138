import type { Dialect, Endpoint } from '../endpoint.ts'
import { distanceKm, nearestRegion } from '../regions.ts'
import { changed, sameEndpoint } from './endpoints.ts'
import { followsConvention, localMember } from './fly-postgres.ts'
import type { Replicas } from './replicas.ts'
import type { TopologyNote } from './topology.ts'

/** All that the choice of a member depends on, outside the primary's region. */
export interface Choice {
  readonly region: string
  readonly primaryRegion: string
  readonly primary: Endpoint
  readonly replicas: Replicas
  readonly dialect: Dialect | undefined
}

/** The member that reads use, and what should be said about it. */
export function chooseLocal(choice: Choice): { local: Endpoint; notes: TopologyNote[] } {
  const { region, primaryRegion, primary, dialect } = choice
  const replica = configuredReplica(choice)
  if (replica === undefined) {
    if (followsConvention(primary, dialect)) return { local: flyMember(primary, region), notes: [] }
    const message = `no replica is configured for ${region}: it uses the primary in ${primaryRegion}, across regions`
    return { local: primary, notes: [{ code: 'no-replica', message }] }
  }
  if (sameEndpoint(replica, primary, dialect)) {
    const message = `${replica.source} leads to the primary: ${region} uses it across regions`
    return { local: primary, notes: [{ code: 'replica-is-primary', message }] }
  }

  const { region: other = region } = replica
  if (other === region) return { local: replica, notes: [] }
  const toPrimary = distanceKm(region, primaryRegion)
  if (toPrimary < Number.POSITIVE_INFINITY && toPrimary <= distanceKm(region, other)) {
    const message = `the primary in ${primaryRegion} is nearer to ${region} than the replica in ${other}: it is read instead`
    return { local: primary, notes: [{ code: 'primary-nearer', message }] }
  }
  const message = `no replica is configured for ${region}: it reads from the nearest one, in ${other}`
  return { local: replica, notes: [{ code: 'nearest-replica', message }] }
}

/** This region's own replica, else the one for any region, else the nearest of the others (which may be further than the primary). */
function configuredReplica({ region, replicas: { byRegion, anywhere } }: Choice): Endpoint | undefined {
  const nearest = nearestRegion(region, byRegion.keys())
  return byRegion.get(region) ?? anywhere ?? (nearest === undefined ? undefined : byRegion.get(nearest))
}

function flyMember(primary: Endpoint, region: string): Endpoint {
  const changes = localMember(primary, region)
  // Only the regional name says where the member is.
  const where = changes.host === undefined ? {} : { region }
  return changed(primary, changes, { source: `${primary.source}, port ${changes.port}`, ...where })
}
