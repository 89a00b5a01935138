import type { EventEmitter } from 'node:events'
import { resolveTopology, type Topology } from '@flyroute/core'
import {
  Catalogue,
  type Classifier,
  createClassifier,
  createTopology,
  DatabaseReplication,
  type GuardedDatabase,
  postgresFacts,
} from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import type { BareClient, ClientClass, Driver } from './driver-types.ts'
import { Observer } from './observer.ts'
import { configFor, driverOptions, type FlyroutePoolOptions, topologyOptions } from './options.ts'
import { PgReplicationSource } from './replication.ts'

/** Bounds of the pool behind `runOnPrimary`: an ocean away, and never what an app hangs on. */
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

/** How long (ms) a connection next door may take, unless the app says: nobody waits for ever for a replica. */
const replicaConnectionTimeoutMs = 5_000

/** The same for one that is known to be unavailable. */
const lastTryMs = 250

/** One database: what its pools and clients share. */
export interface PgDatabase extends GuardedDatabase {
  readonly driver: Driver
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly observer: Observer
  /** The driver's options for the member that is read from, out of those that a pool or a client is made with. */
  localConfig(options: FlyroutePoolOptions): PoolConfig
  /** Pools whose listeners set up connections: what they do on `connect` is done for connections to the primary as well. */
  readonly listeners: Set<EventEmitter>
  /** The pool to the primary, opened now if it was not. */
  primaryPool(): PrimaryConnections
  /** What is shared has been ended. */
  readonly isEnded: boolean
  /** A pool ends: with the last one, what is shared ends as well. */
  end(pool: EventEmitter): Promise<void>
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

/**
 * Works out where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 */
export function openDatabase(driver: Driver, options: FlyroutePoolOptions, openPrimary: OpenPrimary): PgDatabase {
  const simulated = options.simulate === 'replica'
  const resolved = options.topology ?? resolveTopology(topologyOptions(options))
  const topology = simulated ? simulatedTopology(resolved) : resolved
  const { secret, functions } = options
  const rest = driverOptions(options)
  const localConfig = (own: FlyroutePoolOptions): PoolConfig => {
    const config = driverOptions(own)
    return configFor(topology.local, simulated ? readOnly(config) : config)
  }
  const facts = postgresFacts({
    simulated,
    onProblem: (_, error) => replication.written.withoutPosition(error),
  })
  const observer = new Observer(topology.role, simulated, (error) => replication.written.withoutPosition(error))
  const Client = driver.Client as unknown as ClientClass
  const primaryConfig = (): PoolConfig => configFor(topology.primary, primaryOptions(rest, options.primaryPool))
  const source = new PgReplicationSource({
    Client,
    config: localConfig(options),
    observer,
    side: 'local',
    expected: topology.role,
    lost: () => replication.prober.connectionLost(),
    primary:
      topology.role === 'primary'
        ? undefined
        : new PgReplicationSource({ Client, config: primaryConfig(), observer, side: 'primary', expected: 'primary' }),
  })
  const replication = new DatabaseReplication({
    name: options.name,
    topology,
    source,
    outsideRequest: options.outsideRequest,
    replayCostMs: options.replayCostMs,
    secrets: typeof secret === 'string' ? [secret] : secret,
  })
  let primary: PrimaryConnections | undefined
  let ended: Promise<void> | undefined
  const database: PgDatabase = {
    driver,
    replication,
    facts,
    catalogue: new Catalogue(() => facts.writers((sql) => source.ask(sql))),
    observer,
    localConfig,
    listeners: new Set(),
    classifier: createClassifier({ dialect: 'postgres', ...(functions === undefined ? {} : { functions }) }),
    primaryPool() {
      if (primary !== undefined) return primary
      const config = primaryConfig()
      const isBounded = Boolean(config.query_timeout ?? config.statement_timeout)
      primary = openPrimary(database, config, isBounded ? undefined : primaryAnswerMs)
      return primary
    },
    get isEnded() {
      return ended !== undefined
    },
    async end(pool) {
      database.listeners.delete(pool)
      if (database.listeners.size === 0) await (ended ??= endAll(replication, primary))
    },
  }
  return database
}

/** The driver's options for one connection to the member next door, out of those of its pool. */
export function clientConfig({ replication }: PgDatabase, options: unknown): PoolConfig {
  const config = (options ?? {}) as PoolConfig
  if (replication.servers.expects === 'primary') return config
  const { connectionString, password, connectionTimeoutMillis = 0 } = config
  // Not enumerable in a pool's options, and so not copied.
  const hidden = { ...(connectionString ? { connectionString } : {}), ...(password === undefined ? {} : { password }) }
  // For the connection only: whoever waits for one of the pool's waits as long as the app wants. What waited while the
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

async function endAll(replication: DatabaseReplication, primary: PrimaryConnections | undefined): Promise<void> {
  // These connections do not keep a process alive, but their orderly end has to.
  const alive = setInterval(() => undefined, 1_000)
  await Promise.all([replication.end(), primary?.end()]).finally(() => clearInterval(alive))
}
