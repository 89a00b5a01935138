import type { Endpoint } from '../endpoint.ts'
import {
  defaultUrlVariable,
  readRegionPieces,
  readRegionUrls,
  readUrl,
  replicaUrlVariable,
  type Variable,
} from '../env.ts'
import { isKnownRegion } from '../regions.ts'
import { changed, fromUrl, type Origin, piecesOf, sameDatabase } from './endpoints.ts'
import { forClient, placeOnly } from './login.ts'
import { type Primary, primaryOfPieces, primaryOfUrlVariable } from './primary.ts'
import { ConfigurationProblems } from './problems.ts'
import type { ReplicaContext, ReplicaSetting } from './replica-settings.ts'
import type { TopologyNote } from './topology.ts'

/**
 * The replicas that variables name, in order of precedence: `DATABASE_URL_AMS`, then `PGHOST_AMS` or `DB_HOST_AMS`, then
 * `DATABASE_REPLICA_URL`. And what is to be said about variables that look like it and do not count.
 */
export function readReplicaVariables(context: ReplicaContext): { settings: ReplicaSetting[]; notes: TopologyNote[] } {
  const { options, env, primary, problems } = context
  const settings: ReplicaSetting[] = []
  const notes: TopologyNote[] = []

  const take = (
    [variable, other]: readonly Variable[],
    region: string | undefined,
    owner: Primary | undefined,
    endpointOf: (origin: Origin, value: string) => Endpoint | undefined,
  ): void => {
    if (variable === undefined) return
    const { name, value } = variable
    const objection = objectionToRegion(region, context) ?? objectionToOwner(owner, primary)
    if (objection !== undefined) {
      notes.push({ code: 'ignored-setting', message: `${name} is ignored: ${objection}` })
      return
    }
    if (other !== undefined && other.value !== value) {
      problems.add(other.name, `contradicts ${name}`, 'unset one of them')
    }
    settings.push({ source: name, region, endpoint: endpointOf({ source: name, region }, value) })
  }
  const urlVariable = options.urlVariable ?? defaultUrlVariable
  const anyRegion = readUrl(env, replicaUrlVariable(urlVariable))
  // Who names the variable means it; else what stands beside DATABASE_URL or PGHOST is about the database they name.
  const isNamed = options.urlVariable !== undefined
  const silent = { ...context, problems: new ConfigurationProblems() }
  const inUrl = primaryOfUrlVariable(silent)
  const urlOwner = isNamed ? undefined : inUrl
  const byUrl = (origin: Origin, value: string) => {
    const replica = fromUrl(value, origin, primary.dialect, problems)
    return replica && forClient(replica, primary.endpoint, inUrl?.endpoint)
  }
  for (const [region, variables] of readRegionUrls(env, urlVariable)) take(variables, region, urlOwner, byUrl)
  for (const [region, pieces] of isNamed ? [] : readRegionPieces(env, primary.dialect)) {
    const owner = primaryOfPieces(silent)
    take(pieces.host ?? [], region, owner, (origin) =>
      changed(primary.endpoint, placeOnly(piecesOf(pieces, problems), primary.endpoint, owner?.endpoint), origin),
    )
  }
  if (anyRegion !== undefined) take([anyRegion], undefined, urlOwner, byUrl)
  return { settings, notes }
}

/** `DATABASE_URL_OLD` is about no region: three letters alone must not send reads to another database. */
function objectionToRegion(region: string | undefined, context: ReplicaContext): string | undefined {
  if (region === undefined || isKnownRegion(region)) return undefined
  if (region === context.region || region === context.primaryRegion) return undefined
  return 'it ends in no region we know (if it is one, use the option replicas)'
}

/** A second database that is handed in must not be read from the replicas of the first. */
function objectionToOwner(owner: Primary | undefined, primary: Primary): string | undefined {
  if (owner === undefined || sameDatabase(owner.endpoint, primary.endpoint, primary.dialect)) return undefined
  const [its, ours] = [owner.endpoint.source, primary.endpoint.source]
  return `it belongs to ${its}, which is another database than ${ours} (name the urlVariable, or use the option replicas)`
}
