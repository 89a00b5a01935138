import { defaultUrlVariable, type Environment, readDirectUrl } from './env.ts'
import { changed } from './topology/endpoints.ts'
import { directHost } from './topology/managed-postgres.ts'
import { resolveTopology } from './topology/resolve.ts'

/** What `migrationUrl` takes; nothing of it is needed as a rule. */
export interface MigrationUrlOptions {
  /** Default: `process.env`. */
  readonly env?: Environment | undefined
  /** The variable with the primary's URL; the direct one is called the same with `DIRECT_` ahead of it. Default: `DATABASE_URL`. */
  readonly urlVariable?: string | undefined
}

/**
 * The URL for migrations: around a pooler, which keeps no locks and no prepared statements from one transaction to the next, and
 * to the primary, wherever this runs. It is `DIRECT_DATABASE_URL`, else the primary's own, for Managed Postgres with the host
 * `direct.…` in place of `pgbouncer.…`. Goes with `assertPrimary()`, which says whether this is the place for them.
 *
 * @returns undefined where no variable holds a URL: then the driver's own ones (`PGHOST`…) say where the server is
 * @throws ConfigurationError that lists everything that is wrong
 * @example
 * await migrate(migrationUrl())
 */
export function migrationUrl(options: MigrationUrlOptions = {}): string | undefined {
  const { env, urlVariable = defaultUrlVariable } = options
  const direct = readDirectUrl(urlVariable, env)
  if (direct !== undefined) return direct
  const { primary } = resolveTopology({ env, urlVariable })
  const { url, source } = primary
  const host = directHost(primary)
  return host === undefined || url === undefined ? url : changed(primary, { host }, { source }).url
}
