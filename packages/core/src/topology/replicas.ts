import type { Connection, Endpoint } from '../endpoint.ts'
import {
  defaultUrlVariable,
  type Environment,
  readRegionPieces,
  readRegionUrls,
  readUrl,
  replicaUrlVariable,
} from '../env.ts'
import { isKnownRegion, isRegionCode } from '../regions.ts'
import { changed, defined, fromUrl, piecesOf, sameDatabase, sameEndpoint } from './endpoints.ts'
import { type Primary, readPrimary } from './primary.ts'
import { ConfigurationProblems } from './problems.ts'
import type { ResolveTopologyOptions } from './resolve.ts'
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

/** What replica settings are read against. */
interface Context {
  readonly primary: Primary
  readonly region: string
  readonly primaryRegion: string | undefined
}

/** Reads every replica setting, also those of other regions: a mistake should show in the first region it is deployed to. */
export function collectReplicas(
  options: ResolveTopologyOptions,
  env: Environment,
  context: Context,
  problems: ConfigurationProblems,
): Replicas {
  const { primary, primaryRegion } = context
  const notes: TopologyNote[] = []
  const byRegion = new Map<string, Endpoint>()
  const sources: string[] = []
  const add = (region: string, source: string, endpoint: Endpoint | undefined): void => {
    sources.push(source)
    if (endpoint !== undefined && !byRegion.has(region)) byRegion.set(region, endpoint)
  }

  readOption(options, primary, problems, add)
  const settings = readVariables(options, env, context, problems, add)
  notes.push(...settings.notes)
  const { anywhere } = settings
  if (anywhere !== undefined) sources.push(anywhere.source)

  const atPrimary = primaryRegion === undefined ? undefined : byRegion.get(primaryRegion)
  if (primaryRegion !== undefined && atPrimary !== undefined) {
    if (primary.endpoint.host !== undefined && !sameEndpoint(atPrimary, primary.endpoint, primary.dialect)) {
      problems.add(
        atPrimary.source,
        `is about the primary's region, and names another server than ${primary.endpoint.source}`,
        'unset it, or make both the same',
      )
    }
    byRegion.delete(primaryRegion)
  }
  return { byRegion, anywhere, sources, notes }
}

type Add = (region: string, source: string, endpoint: Endpoint | undefined) => void

/** The option `replicas`. */
function readOption(
  options: ResolveTopologyOptions,
  primary: Primary,
  problems: ConfigurationProblems,
  add: Add,
): void {
  const seen = new Set<string>()
  for (const [key, value] of Object.entries(options.replicas ?? {})) {
    if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) continue
    const region = key.trim().toLowerCase()
    if (!isRegionCode(region)) {
      problems.add('replicas', 'has a key that is no region code', 'use three letters, such as ams')
      continue
    }
    const source = `replicas.${region}`
    if (seen.has(region)) problems.add(source, 'is given twice', 'give each region one replica')
    seen.add(region)
    if (typeof value === 'string' || 'href' in value) {
      add(region, source, fromUrl(String(value), { source, region }, primary.dialect, problems))
    } else {
      add(region, source, changed(primary.endpoint, defined(value), { source, region }))
    }
  }
}

/** The variables for one region each, and the one for any region. */
function readVariables(
  options: ResolveTopologyOptions,
  env: Environment,
  { primary, region: here, primaryRegion }: Context,
  problems: ConfigurationProblems,
  add: Add,
): { anywhere: Endpoint | undefined; notes: TopologyNote[] } {
  const notes: TopologyNote[] = []
  const urlVariable = options.urlVariable ?? defaultUrlVariable
  const urls = readRegionUrls(env, urlVariable)
  const pieces = options.urlVariable === undefined ? readRegionPieces(env, primary.dialect) : new Map()
  const any = readUrl(env, replicaUrlVariable(urlVariable))
  const ignore = (name: string, why: string) =>
    notes.push({ code: 'ignored-setting', message: `${name} is ignored: ${why}` })

  if (!belongTogether(options, env, primary, primaryRegion)) {
    const names = [
      ...[...urls.values()].flat(),
      ...[...pieces.values()].flatMap(({ host }) => host ?? []),
      ...(any ? [any] : []),
    ]
    for (const { name } of names)
      ignore(name, `it belongs to another database than ${primary.endpoint.source}; name urlVariable or replicas`)
    return { anywhere: undefined, notes }
  }

  const isRegion = (code: string, name: string): boolean => {
    // DATABASE_URL_OLD is no region: three letters alone must not send reads to another database.
    const known = isKnownRegion(code) || code === here || code === primaryRegion
    if (!known) ignore(name, 'it ends in no region we know; if it is one, use the option replicas')
    return known
  }
  for (const [region, variables] of urls) {
    const [first, second] = variables
    if (first === undefined || !isRegion(region, first.name)) continue
    if (second !== undefined && second.value !== first.value) {
      problems.add(second.name, `contradicts ${first.name}`, 'unset one of them')
    }
    add(region, first.name, fromUrl(first.value, { source: first.name, region }, primary.dialect, problems))
  }
  for (const [region, variables] of pieces) {
    const name = variables.host?.[0]?.name
    if (name === undefined || !isRegion(region, name)) continue
    const changes: Connection = piecesOf(variables, problems)
    add(region, name, changed(primary.endpoint, changes, { source: name, region }))
  }
  const anywhere = any && fromUrl(any.value, { source: any.name }, primary.dialect, problems)
  return { anywhere, notes }
}

/**
 * Whether the variables beside `DATABASE_URL` are about the database in hand. An app that hands in the URL of a second
 * database must not read it from the replicas of the first.
 */
function belongTogether(
  options: ResolveTopologyOptions,
  env: Environment,
  primary: Primary,
  primaryRegion: string | undefined,
): boolean {
  const byVariable = readPrimary(options, env, primaryRegion, new ConfigurationProblems())
  return (
    options.urlVariable !== undefined ||
    !byVariable.configured ||
    byVariable.endpoint.source === primary.endpoint.source ||
    sameDatabase(byVariable.endpoint, primary.endpoint, primary.dialect)
  )
}
