import type { EventEmitter } from 'node:events'
import {
  type AskedConnection,
  boundedConnectMs,
  type DatabaseContext,
  Databases,
  DriverDatabase,
  lsn,
  type Member,
  type PrimaryPool,
  postgresFacts,
  primaryBounds,
  type ResolvedOptions,
  refusesPostgresLogin,
} from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import type { BareClient, ClientClass, Driver } from './driver-types.ts'
import { bounded, configFor } from './options.ts'
import { openOwn } from './own-connection.ts'

/** How long (ms) a connection to a replica may take that is known to be unavailable. */
const lastTryMs = 250

/** What is used of the pool to the primary. */
export interface PrimaryConnections extends PrimaryPool {
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  connect(): Promise<BareClient>
}

/**
 * Makes the pool to the primary.
 *
 * @param answerMs how long (ms) a statement may take; undefined: as the configuration says
 */
export type OpenPrimary = (database: PgDatabase, config: PoolConfig, answerMs: number | undefined) => PrimaryConnections

/** One database with one configuration: what its pools and clients share. */
export class PgDatabase extends DriverDatabase<PrimaryConnections> {
  readonly driver: Driver
  /** The driver's options for the local server. */
  readonly localConfig: PoolConfig
  /** Pools whose listeners set up connections: what they do on `connect` is done for connections to the primary as well. */
  readonly listeners: Set<EventEmitter> = new Set()
  readonly #options: ResolvedOptions<PoolConfig>
  readonly #openPrimary: OpenPrimary

  constructor(
    driver: Driver,
    options: ResolvedOptions<PoolConfig>,
    context: DatabaseContext<PgDatabase>,
    openPrimary: OpenPrimary,
  ) {
    super(options, context, postgresFacts)
    this.driver = driver
    this.#options = options
    this.#openPrimary = openPrimary
    const { driverOptions, simulated } = options
    const { local } = this.topology
    this.localConfig = configFor(local, bounded(local, simulated ? readOnly(driverOptions) : driverOptions))
  }

  protected override connect(member: Member, lost: () => void): Promise<AskedConnection> {
    const config = member === 'local' ? this.localConfig : this.#primaryConfig()
    return openOwn(this.driver.Client as unknown as ClientClass, config, lost)
  }

  protected override openPrimary(): PrimaryConnections {
    const config = this.#primaryConfig()
    // Not as a setting of the session: what a pooler in between would make of that is not known.
    const isBounded = Boolean(config.query_timeout ?? config.statement_timeout)
    return this.#openPrimary(this, config, isBounded ? undefined : primaryBounds.answerMs)
  }

  /** What the app says of its own pool holds for the one to the primary too, but for its size. */
  #primaryConfig(): PoolConfig {
    const { driverOptions, primaryPool } = this.#options
    const { connections, connectMs, idleMs } = primaryBounds
    const { primary } = this.topology
    const options = {
      connectionTimeoutMillis: connectMs,
      idleTimeoutMillis: idleMs,
      allowExitOnIdle: true,
      ...driverOptions,
      min: 0,
      max: Math.min(driverOptions.max ?? connections, connections),
      ...primaryPool,
    }
    return configFor(primary, bounded(primary, options))
  }
}

/** Opens databases for a driver. */
export function openDatabases(
  driver: Driver,
  openPrimary: OpenPrimary,
): Databases<ResolvedOptions<PoolConfig>, PgDatabase> {
  return new Databases({
    dialect: 'postgres',
    source: { algebra: lsn, checksReads: true, isLoginRefused: refusesPostgresLogin },
    open: (options, context) => new PgDatabase(driver, options, context, openPrimary),
  })
}

/** The driver's options for one connection to the local server, out of those of its pool. */
export function clientConfig({ replication }: PgDatabase, options: unknown): PoolConfig {
  const config = (options ?? {}) as PoolConfig
  if (!replication.isBounded) return config
  const { connectionString, password, connectionTimeoutMillis = 0 } = config
  // Not enumerable in a pool's options, and so not copied.
  const hidden = { ...(connectionString ? { connectionString } : {}), ...(password === undefined ? {} : { password }) }
  // For the connection only: to wait for one of the pool's takes as long as the app wants. What waited while the replica was
  // found to be gone is not kept for long.
  const timeout = connectionTimeoutMillis || boundedConnectMs
  const shortened = replication.prober.isUnavailable ? Math.min(timeout, lastTryMs) : timeout
  return { ...config, ...hidden, connectionTimeoutMillis: shortened }
}

function readOnly(rest: PoolConfig): PoolConfig {
  return { ...rest, options: `${rest.options ?? ''} -c default_transaction_read_only=on`.trim() }
}
