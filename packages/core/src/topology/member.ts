import { createEndpoint } from '../endpoint.ts'
import { resolveMachine } from './machine.ts'
import type { ResolveTopologyOptions } from './options.ts'
import { ConfigurationProblems } from './problems.ts'
import { createTopology, type Topology } from './topology.ts'

/** A member of a cluster that is reached by other means than a URL: a file, or a driver that other code has made. */
export interface MemberOptions extends Pick<ResolveTopologyOptions, 'env' | 'region' | 'primaryRegion'> {
  /** What it was made of, for messages. */
  readonly source: string
  /** The database's name. */
  readonly database?: string | undefined
  /** It is the primary itself, wherever this process runs: there is no replica for this region. Default: false. */
  readonly isPrimary?: boolean | undefined
  /** What this member is thought to be. Default: the primary in the primary's region and off Fly, else a replica. */
  readonly role?: Topology['role'] | undefined
}

/**
 * The topology of such a member, as far as the environment tells it.
 *
 * @throws ConfigurationError that lists everything that is wrong
 */
export function memberTopology(options: MemberOptions): Topology {
  const problems = new ConfigurationProblems()
  const machine = resolveMachine(options, problems)
  problems.throwIfAny()
  const { source, database, isPrimary = false } = options
  const { region, primaryRegion } = machine
  const isHome = region === undefined || region === (primaryRegion ?? region)
  return createTopology({
    ...machine,
    role: options.role ?? (isHome || isPrimary ? 'primary' : 'replica'),
    primary: createEndpoint({ source, database, ...(isPrimary ? { region: primaryRegion } : {}) }),
    local: createEndpoint({ source, database, region }),
  })
}
