import type { Connection, Dialect, Endpoint } from '../endpoint.ts'
import { defaultUrlVariable, type Environment, type MachineEnvironment, readMachine } from '../env.ts'
import { distanceKm, isRegionCode, nearestRegion } from '../regions.ts'
import { changed, sameEndpoint } from './endpoints.ts'
import { followsConvention, localMember, namesMember } from './fly-postgres.ts'
import { resolvePrimary } from './primary.ts'
import { ConfigurationProblems } from './problems.ts'
import { collectReplicas, type Replicas } from './replicas.ts'
import { createTopology, type Topology, type TopologyNote } from './topology.ts'

export interface ResolveTopologyOptions {
  /** Where variables are read. Default: `process.env` at the time of the call. */
  readonly env?: Environment | undefined
  /** The primary's URL. Default: the variable that `urlVariable` names. */
  readonly databaseUrl?: string | URL | undefined
  /** The primary in pieces, as the driver was given them. Without a host they change what the variables say. `databaseUrl` wins. */
  readonly connection?: Connection | undefined
  /**
   * The variable with the primary's URL. Those of its replicas are named after it: `<name>_AMS` and so on, and
   * `DATABASE_REPLICA_URL` for `DATABASE_URL`. Default: `DATABASE_URL`.
   */
  readonly urlVariable?: string | undefined
  /** Replicas by region code: a URL, or the pieces in which it differs from the primary. Empty ones count as unset. */
  readonly replicas?: Readonly<Record<string, string | URL | Connection | undefined>> | undefined
  /** The region this process runs in. Default: `FLY_REGION`. */
  readonly region?: string | undefined
  /** The region of the primary. Default: `PRIMARY_REGION`. */
  readonly primaryRegion?: string | undefined
  /** The kind of database. Default: what the URL's scheme says. */
  readonly dialect?: Dialect | undefined
}

/**
 * Finds out where this process runs and which database servers it should talk to.
 *
 * The primary is `databaseUrl`, else `connection`, else the variable `DATABASE_URL`, else `PGHOST…` or `DB_HOST…`, else
 * what the driver takes by default. In another region than the primary's, reads go to the replica that is found
 * first: `replicas` option, `DATABASE_URL_<REGION>`, `DATABASE_REPLICA_URL`, the nearest of those that are set for
 * other regions, Fly Postgres' port 5433. Off Fly (no region) there is one region, and nothing to configure.
 *
 * @throws ConfigurationError that lists all problems of a configuration that is incomplete or contradicts itself.
 * @throws TypeError where an option is of the wrong type.
 * @example
 * ```ts
 * const topology = resolveTopology({ env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://db.internal/app' } })
 * topology.role          // 'replica'
 * topology.local.host    // 'ams.db.internal'
 * topology.local.port    // 5433
 * ```
 */
export function resolveTopology(options: ResolveTopologyOptions = {}): Topology {
  checkTypes(options)
  const env = options.env ?? process.env
  const problems = new ConfigurationProblems()
  const machine = resolveMachine(options, env, problems)
  const { region, primaryRegion } = machine

  const source = resolvePrimary(options, env, primaryRegion, problems)
  const { endpoint: primary, dialect } = source
  if (region === undefined) {
    problems.throwIfAny()
    return createTopology({ ...machine, role: 'primary', primary, local: primary })
  }

  const replicas = collectReplicas(options, env, { primary: source, region, primaryRegion }, problems)
  const [setting] = replicas.sources
  const convention = followsConvention(primary, dialect)
  if (setting !== undefined && !source.configured) {
    const name = options.urlVariable ?? defaultUrlVariable
    problems.add(name, `is not set, and ${setting} needs it`, "set it to the primary's URL")
  }
  if (primaryRegion === undefined && (setting !== undefined || convention)) {
    const reason = setting ?? `${primary.source} (Fly Postgres, which may have members here)`
    problems.add(
      'PRIMARY_REGION',
      `is not set, and ${reason} needs it`,
      'set primary_region in fly.toml, or PRIMARY_REGION',
    )
  }
  problems.throwIfAny()

  const notes: TopologyNote[] = [...replicas.notes]
  if (convention && namesMember(primary)) {
    notes.push({
      code: 'member-port',
      message: `${primary.source} names port 5433, a member that may be read-only; the primary is at 5432`,
    })
  }
  const local =
    primaryRegion === undefined || region === primaryRegion
      ? primary
      : chooseLocal({ region, primaryRegion, primary, replicas, dialect }, notes)
  return createTopology({ ...machine, role: local === primary ? 'primary' : 'replica', primary, local, notes })
}

interface Choice {
  readonly region: string
  readonly primaryRegion: string
  readonly primary: Endpoint
  readonly replicas: Replicas
  readonly dialect: Dialect | undefined
}

/** The member that reads use in a region that is not the primary's. */
function chooseLocal({ region, primaryRegion, primary, replicas, dialect }: Choice, notes: TopologyNote[]): Endpoint {
  const { byRegion, anywhere } = replicas
  const nearest = nearestRegion(region, byRegion.keys())
  const configured = byRegion.get(region) ?? anywhere ?? (nearest === undefined ? undefined : byRegion.get(nearest))
  if (configured === undefined) {
    if (followsConvention(primary, dialect)) {
      const changes = localMember(primary, region)
      const source = `${primary.source}, port 5433`
      return changed(primary, changes, { source, region: changes.host === undefined ? undefined : region })
    }
    notes.push({
      code: 'no-replica',
      message: `no replica is configured for ${region}: it uses the primary in ${primaryRegion}, across regions`,
    })
    return primary
  }
  if (sameEndpoint(configured, primary, dialect)) {
    notes.push({
      code: 'replica-is-primary',
      message: `${configured.source} leads to the primary: ${region} uses it across regions`,
    })
    return primary
  }
  if (configured.region !== undefined && configured.region !== region) {
    notes.push({
      code: 'nearest-replica',
      message: `no replica is configured for ${region}: it reads from the nearest one, in ${configured.region}`,
    })
    if (distanceKm(region, primaryRegion) < distanceKm(region, configured.region)) {
      notes.push({
        code: 'primary-nearer',
        message: `the primary in ${primaryRegion} is nearer to ${region} than the replica in ${configured.region}`,
      })
    }
  }
  return configured
}

/** The platform's facts, with the options in place of the variables where they are given. */
function resolveMachine(
  options: ResolveTopologyOptions,
  env: Environment,
  problems: ConfigurationProblems,
): MachineEnvironment {
  const machine = readMachine(env)
  const code = (option: string | undefined, variable: string | undefined, name: string, variableName: string) => {
    const given = option?.trim() || undefined
    const region = (given ?? variable)?.toLowerCase()
    if (region !== undefined && !isRegionCode(region)) {
      problems.add(
        given === undefined ? variableName : name,
        'is not a region code',
        'set it to three letters, such as ord',
      )
    }
    return region
  }
  return {
    ...machine,
    region: code(options.region, machine.region, 'region', 'FLY_REGION'),
    primaryRegion: code(options.primaryRegion, machine.primaryRegion, 'primaryRegion', 'PRIMARY_REGION'),
  }
}

function checkTypes(options: ResolveTopologyOptions): void {
  const { databaseUrl, urlVariable, replicas, region, primaryRegion, connection, dialect } = options
  const fail = (name: string, expected: string): never => {
    throw new TypeError(`resolveTopology: ${name} has to be ${expected}`)
  }
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (databaseUrl !== undefined && typeof databaseUrl !== 'string' && typeof databaseUrl?.href !== 'string')
    fail('databaseUrl', 'a string or a URL')
  if (urlVariable !== undefined && !/^[A-Za-z_]\w*$/.test(urlVariable))
    fail('urlVariable', `the name of a variable, such as ${defaultUrlVariable}`)
  if (replicas !== undefined && !isObject(replicas)) fail('replicas', 'an object of region codes and URLs')
  if (connection !== undefined && !isObject(connection)) fail('connection', 'an object')
  if (region !== undefined && typeof region !== 'string') fail('region', 'a string')
  if (primaryRegion !== undefined && typeof primaryRegion !== 'string') fail('primaryRegion', 'a string')
  if (dialect !== undefined && dialect !== 'postgres' && dialect !== 'mysql') fail('dialect', "'postgres' or 'mysql'")
}
