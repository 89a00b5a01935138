import type { EventEmitter } from 'node:events'
import { resolveTopology, type Topology } from '@flyroute/core'
import {
  Catalogue,
  type Classifier,
  createTopology,
  type DatabaseContext,
  type DatabaseReplication,
  Databases,
  type GuardedDatabase,
  lsn,
  postgresFacts,
  type ResolvedDatabase,
  refusesPostgresLogin,
} from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import type { BareClient, ClientClass, Driver } from './driver-types.ts'
import { Observer } from './observer.ts'
import { configFor, driverOptions, type FlyroutePoolOptions, topologyOptions } from './options.ts'
import { PgReplicationSource } from './replication.ts'

/** Bounds of the pool of `runOnPrimary`: an ocean away, and never what an app hangs on. */
const primaryPoolBounds = {
  max: 5,
  min: 0,
  connectionTimeoutMillis: 5_000,
  idleTimeoutMillis: 10_000,
  allowExitOnIdle: true,
} satisfies PoolConfig

/**
 * How long (ms) a statement may take there, unless the app has a time-out of its own. Not as a setting of the session: what
 * a pooler in between would make of that is not known.
 */
const primaryAnswerMs = 30_000

/** How long (ms) a connection to the local server may take, unless the app says: no request waits for ever for a replica. */
const replicaConnectionTimeoutMs = 5_000

/** The same for one that is known to be unavailable. */
const lastTryMs = 250

/** One database with one configuration: what its pools and clients share. */
export interface PgDatabase extends GuardedDatabase {
  readonly driver: Driver
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly observer: Observer
  /** The driver's options for the member that is read from. */
  readonly localConfig: PoolConfig
  /** Pools whose listeners set up connections: what they do on `connect` is done for connections to the primary as well. */
  readonly listeners: Set<EventEmitter>
  /** The pool to the primary, opened now if it was not. */
  primaryPool(): PrimaryConnections
  /** A pool, or a client that is connected, shares it from now on. */
  use(user: object): void
  /** It does not any more: with the last one, what is shared ends. */
  leave(user: object): Promise<void>
}

/** What is used of the pool to the primary. */
export interface PrimaryConnections {
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  connect(): Promise<BareClient>
  end(): Promise<void>
}

/**
 * Makes the pool to the primary.
 *
 * @param answerMs how long (ms) a statement may take; undefined: as the configuration says
 */
export type OpenPrimary = (database: PgDatabase, config: PoolConfig, answerMs: number | undefined) => PrimaryConnections

/** A configuration, and where it leads. */
export interface Resolved extends ResolvedDatabase {
  readonly driverOptions: PoolConfig
  readonly primaryPool: PoolConfig | undefined
  /** A server of one's own plays the replica. */
  readonly simulated: boolean
}

/**
 * Works out where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 */
export function resolveOptions(options: FlyroutePoolOptions): Resolved {
  const { name, outsideRequest, replayCostMs, secret, simulate, functions, primaryPool } = options
  const simulated = simulate === 'replica'
  const resolved = options.topology ?? resolveTopology(topologyOptions(options))
  return {
    topology: simulated ? simulatedTopology(resolved) : resolved,
    settings: { name, outsideRequest, replayCostMs, secret, simulate, functions },
    driverOptions: driverOptions(options),
    primaryPool,
    simulated,
  }
}

/** Opens databases for a driver. */
export function openDatabases(driver: Driver, openPrimary: OpenPrimary): Databases<Resolved, PgDatabase> {
  return new Databases({
    dialect: 'postgres',
    source: { algebra: lsn, checksReads: true, isLoginRefused: refusesPostgresLogin },
    open: (resolved, context) => openDatabase(driver, resolved, openPrimary, context),
  })
}

/** All that is opened for clients of one and the same configuration, and for no others. */
function openDatabase(
  driver: Driver,
  { topology, driverOptions: rest, primaryPool, simulated }: Resolved,
  openPrimary: OpenPrimary,
  { replication, source, classifier, forgotten }: DatabaseContext<PgDatabase>,
): PgDatabase {
  const localConfig = configFor(topology.local, simulated ? readOnly(rest) : rest)
  const facts = postgresFacts({
    simulated,
    onProblem: (_, error) => replication.written.withoutPosition(error),
  })
  const observer = new Observer(topology.role, simulated, (error) => replication.written.withoutPosition(error))
  const primaryConfig = (): PoolConfig => configFor(topology.primary, primaryOptions(rest, primaryPool))
  const openMember = (): PgReplicationSource => {
    const common = { Client: driver.Client as unknown as ClientClass, observer }
    const isReplica = topology.role === 'replica'
    return new PgReplicationSource({
      ...common,
      config: localConfig,
      side: 'local',
      expected: topology.role,
      lost: () => replication.prober.connectionLost(),
      primary: isReplica
        ? new PgReplicationSource({ ...common, config: primaryConfig(), side: 'primary', expected: 'primary' })
        : undefined,
    })
  }
  let member = openMember()
  let primary: PrimaryConnections | undefined
  const users = new Set<object>()
  source.offer(member)
  const database: PgDatabase = {
    driver,
    replication,
    facts,
    catalogue: new Catalogue(() => facts.writers((sql) => member.ask(sql))),
    observer,
    localConfig,
    listeners: new Set(),
    classifier,
    primaryPool() {
      if (primary !== undefined) return primary
      const config = primaryConfig()
      const isBounded = Boolean(config.query_timeout ?? config.statement_timeout)
      primary = openPrimary(database, config, isBounded ? undefined : primaryAnswerMs)
      return primary
    },
    use(user) {
      users.add(user)
      source.add(member)
    },
    async leave(user) {
      if (!users.delete(user) || users.size > 0) return
      const [unused, pool] = [member, primary]
      member = openMember()
      primary = undefined
      // These connections do not keep a process alive, but their orderly end has to.
      const alive = setInterval(() => undefined, 1_000)
      const ends = Promise.all([source.remove(unused, member), pool?.end(), forgotten(database)])
      await ends.finally(() => clearInterval(alive))
    },
  }
  return database
}

/** The driver's options for one connection to the local server, out of those of its pool. */
export function clientConfig({ replication }: PgDatabase, options: unknown): PoolConfig {
  const config = (options ?? {}) as PoolConfig
  if (replication.servers.expects === 'primary') return config
  const { connectionString, password, connectionTimeoutMillis = 0 } = config
  // Not enumerable in a pool's options, and so not copied.
  const hidden = { ...(connectionString ? { connectionString } : {}), ...(password === undefined ? {} : { password }) }
  // For the connection only: a caller that waits for one of the pool's waits as long as the app wants. What waited while the
  // replica was found to be gone is not kept for long.
  const timeout = connectionTimeoutMillis || replicaConnectionTimeoutMs
  const shortened = replication.prober.isUnavailable ? Math.min(timeout, lastTryMs) : timeout
  return { ...config, ...hidden, connectionTimeoutMillis: shortened }
}

/** What the app says of its own pool holds for the one to the primary too, but for its size. */
function primaryOptions(rest: PoolConfig, own: PoolConfig | undefined): PoolConfig {
  const { max = primaryPoolBounds.max } = rest
  return { ...primaryPoolBounds, ...rest, min: 0, max: Math.min(max, primaryPoolBounds.max), ...own }
}

function readOnly(rest: PoolConfig): PoolConfig {
  return { ...rest, options: `${rest.options ?? ''} -c default_transaction_read_only=on`.trim() }
}

/** One local Postgres as if it were far away from its primary. */
function simulatedTopology(topology: Topology): Topology {
  const { primary, appName, machineId } = topology
  const primaryRegion = topology.primaryRegion ?? 'iad'
  const region = topology.inPrimaryRegion ? 'sim' : topology.region
  return createTopology({ region, primaryRegion, role: 'replica', appName, machineId, primary, local: primary })
}
