import { defaultUrlVariable } from '../env.ts'
import { followsConvention, namesMember } from './fly-postgres.ts'
import { chooseLocal } from './local.ts'
import { resolveMachine } from './machine.ts'
import { notesOnManaged } from './managed-postgres.ts'
import { checkOptions, type ResolveTopologyOptions } from './options.ts'
import { type Primary, resolvePrimary } from './primary.ts'
import { ConfigurationProblems } from './problems.ts'
import { collectReplicas } from './replicas.ts'
import { createTopology, type Topology, type TopologyNote } from './topology.ts'

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
 * const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://db.internal/app' }
 * const topology = resolveTopology({ env })
 * topology.role          // 'replica'
 * topology.local.host    // 'ams.db.internal'
 * topology.local.port    // 5433
 * ```
 */
export function resolveTopology(options: ResolveTopologyOptions = {}): Topology {
  checkOptions(options)
  const problems = new ConfigurationProblems()
  const machine = resolveMachine(options, problems)
  const { region, primaryRegion } = machine
  const settings = { options, env: options.env ?? process.env, primaryRegion, problems }
  const primary = resolvePrimary(settings)
  if (region === undefined) {
    problems.throwIfAny()
    return createTopology({ ...machine, role: 'primary', primary: primary.endpoint, local: primary.endpoint })
  }

  const replicas = collectReplicas({ ...settings, primary, region })
  if (primaryRegion !== undefined && region !== primaryRegion) checkReadable(primary, problems)
  checkCompleteness(primary, replicas.sources[0], options, primaryRegion, problems)
  problems.throwIfAny()

  const managed = notesOnManaged(primary.endpoint, primaryRegion)
  const notes = [...notesOnPrimary(primary), ...managed, ...replicas.notes]
  if (primaryRegion === undefined || region === primaryRegion) {
    return createTopology({ ...machine, role: 'primary', primary: primary.endpoint, local: primary.endpoint, notes })
  }
  const { endpoint, dialect } = primary
  const choice = chooseLocal({ region, primaryRegion, primary: endpoint, replicas, dialect })
  return createTopology({
    ...machine,
    role: choice.local === endpoint ? 'primary' : 'replica',
    primary: endpoint,
    local: choice.local,
    notes: [...notes, ...choice.notes],
  })
}

/** Elsewhere than in the primary's region the primary's address is what everything else is found by. */
function checkReadable({ endpoint, isOpaque = false }: Primary, problems: ConfigurationProblems): void {
  if (!isOpaque) return
  const remedy = 'set it to scheme://user:password@host:port/database'
  problems.add(endpoint.source, "does not say where the server is as seen from outside the primary's region", remedy)
}

/** Half a configuration: replicas (or a database that may have some) without a primary, or without its region. */
function checkCompleteness(
  { endpoint, dialect, configured }: Primary,
  replica: string | undefined,
  options: ResolveTopologyOptions,
  primaryRegion: string | undefined,
  problems: ConfigurationProblems,
): void {
  if (replica !== undefined && !configured) {
    const setting = options.urlVariable ?? defaultUrlVariable
    problems.add(setting, `is not set, and ${replica} needs it`, "set it to the primary's URL")
  }
  if (primaryRegion === undefined && (replica !== undefined || followsConvention(endpoint, dialect))) {
    const reason = replica ?? `${endpoint.source} (Fly Postgres, which may have members in this region)`
    const remedy = 'set primary_region in fly.toml, or PRIMARY_REGION'
    problems.add('PRIMARY_REGION', `is not set, and ${reason} needs it`, remedy)
  }
}

function notesOnPrimary({ endpoint, dialect }: Primary): TopologyNote[] {
  if (!followsConvention(endpoint, dialect) || !namesMember(endpoint)) return []
  const message = `${endpoint.source} names port ${endpoint.port}, a member that may be read-only; the primary is at 5432`
  return [{ code: 'member-port', message }]
}
