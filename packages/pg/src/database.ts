import { resolveTopology, type Topology } from '@flyroute/core'
import { type Classifier, createClassifier, createTopology, DatabaseReplication } from '@flyroute/core/adapter'
import type pg from 'pg'
import type { PoolConfig } from 'pg'
import type { BareClient, ClientClass } from './driver-types.ts'
import { configFor, driverOptions, type FlyroutePoolOptions, topologyOptions } from './options.ts'
import { Observer, PgReplicationSource } from './replication.ts'

/** The module of the driver, or its native part. */
export type Driver = typeof pg

/** Bounds of the pool behind `runOnPrimary`: an ocean away, and never what an app hangs on. */
const primaryPoolDefaults: PoolConfig = {
  max: 5,
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000,
  idleTimeoutMillis: 10_000,
  allowExitOnIdle: true,
}

/** One database: what its pools and clients share. */
export interface PgDatabase {
  readonly driver: Driver
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly observer: Observer
  /** The driver's options for the member that is read from. */
  readonly localConfig: PoolConfig
  /** The pool to the primary, opened now if it was not. */
  primaryPool(): PrimaryPool
  end(): Promise<void>
}

/** What is used of the pool to the primary. */
export interface PrimaryPool {
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  connect(): Promise<BareClient>
  end(): Promise<void>
}

/**
 * Works out where the database is.
 *
 * @param openPrimary makes the pool to the primary, of guarded clients
 * @throws ConfigurationError that lists everything that is wrong
 */
export function openDatabase(
  driver: Driver,
  options: FlyroutePoolOptions,
  openPrimary: (database: PgDatabase, config: PoolConfig) => PrimaryPool,
): PgDatabase {
  const simulated = options.simulate === 'replica'
  const resolved = options.topology ?? resolveTopology(topologyOptions(options))
  const topology = simulated ? simulatedTopology(resolved) : resolved
  const rest = driverOptions(options)
  const localConfig = configFor(topology.local, localOptions(rest, simulated))
  const observer = new Observer(simulated, (error) => replication.withoutPosition(error))
  const source = new PgReplicationSource(driver.Client as unknown as ClientClass, localConfig, observer)
  const { secret } = options
  const replication = new DatabaseReplication({
    name: options.name,
    topology,
    source,
    outsideRequest: options.outsideRequest,
    replayCostMs: options.replayCostMs,
    secrets: typeof secret === 'string' ? [secret] : secret,
  })
  let primary: PrimaryPool | undefined
  const database: PgDatabase = {
    driver,
    replication,
    observer,
    localConfig,
    classifier: createClassifier({
      dialect: 'postgres',
      ...(options.functions === undefined ? {} : { functions: options.functions }),
    }),
    primaryPool() {
      const config = configFor(topology.primary, { ...rest, min: 0, ...primaryPoolDefaults, ...options.primaryPool })
      primary ??= openPrimary(database, config)
      return primary
    },
    async end() {
      // These connections do not keep a process alive, but their orderly end has to.
      const alive = setInterval(() => undefined, 1_000)
      await Promise.all([replication.end(), primary?.end()]).finally(() => clearInterval(alive))
    },
  }
  return database
}

function localOptions(rest: PoolConfig, simulated: boolean): PoolConfig {
  if (simulated) return { ...rest, options: `${rest.options ?? ''} -c default_transaction_read_only=on`.trim() }
  return rest
}

/** One local Postgres as if it were far away from its primary. */
function simulatedTopology(topology: Topology): Topology {
  const { primary, appName, machineId } = topology
  const primaryRegion = topology.primaryRegion ?? 'iad'
  const region = topology.inPrimaryRegion ? 'sim' : topology.region
  return createTopology({ region, primaryRegion, role: 'replica', appName, machineId, primary, local: primary })
}
