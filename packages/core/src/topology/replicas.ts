import type { Endpoint } from '../endpoint.ts'
import { isRegionCode } from '../regions.ts'
import { changed, fromUrl, readConnection, sameLogin } from './endpoints.ts'
import type { ReplicaContext, ReplicaSetting } from './replica-settings.ts'
import { readReplicaVariables } from './replica-variables.ts'
import type { TopologyNote } from './topology.ts'

/** The replicas that the settings name. */
export interface Replicas {
  /** Those that belong to a region. Never the primary's. */
  readonly byRegion: ReadonlyMap<string, Endpoint>
  /** The one for whatever region no other setting is about. */
  readonly anywhere: Endpoint | undefined
  /** Every setting that is about replicas, by name. */
  readonly sources: readonly string[]
  readonly notes: readonly TopologyNote[]
}

/** Reads every replica setting, also those of other regions: a mistake should show in the first region it is deployed to. */
export function collectReplicas(context: ReplicaContext): Replicas {
  const { primary, primaryRegion, problems } = context
  const option = readReplicaOption(context)
  const variables = readReplicaVariables(context)
  const settings = [...option, ...variables.settings]

  const byRegion = new Map<string, Endpoint>()
  let anywhere: Endpoint | undefined
  for (const { source, region, endpoint } of settings) {
    if (endpoint === undefined) continue
    if (region === undefined) {
      anywhere = endpoint
    } else if (region !== primaryRegion) {
      if (!byRegion.has(region)) byRegion.set(region, endpoint)
    } else if (primary.endpoint.host !== undefined && !sameLogin(endpoint, primary.endpoint, primary.dialect)) {
      const other = primary.endpoint.source
      problems.add(
        source,
        `is about the primary's region, and names another server than ${other}`,
        'unset it, or make both the same',
      )
    }
  }
  return { byRegion, anywhere, sources: settings.map(({ source }) => source), notes: variables.notes }
}

/** The option `replicas`. */
function readReplicaOption({ options, primary, problems }: ReplicaContext): ReplicaSetting[] {
  const settings = new Map<string, ReplicaSetting>()
  for (const [key, value] of Object.entries(options.replicas ?? {})) {
    if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) continue
    const region = key.trim().toLowerCase()
    if (!isRegionCode(region)) {
      problems.add('replicas', 'has a key that is no region code', 'use three letters, such as ams')
      continue
    }
    const origin = { source: `replicas.${region}`, region }
    if (settings.has(region)) problems.add(origin.source, 'is given twice', 'give each region one replica')
    if (typeof value === 'string' || 'href' in value) {
      settings.set(region, { ...origin, endpoint: fromUrl(String(value), origin, primary.dialect, problems) })
      continue
    }
    const changes = readConnection(value, origin.source, problems)
    if (Object.keys(changes).length === 0) {
      problems.add(origin.source, 'says nothing about a server', 'set it to a URL, or to an object with a host')
    }
    settings.set(region, { ...origin, endpoint: changed(primary.endpoint, changes, origin) })
  }
  return [...settings.values()]
}
