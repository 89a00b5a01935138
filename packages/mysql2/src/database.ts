import { resolveTopology, type Topology } from '@flyroute/core'
import {
  Catalogue,
  createClassifier,
  createTopology,
  DatabaseReplication,
  type DialectFacts,
  factsOf,
  Watchdog,
} from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import type { MysqlDatabase } from './mysql-database.ts'
import { configFor, driverOptions, type FlyroutePoolOptions, topologyOptions } from './options.ts'
import { PrimaryPool } from './primary-pool.ts'
import { MysqlReplicationSource } from './replication.ts'

/** Bounds of the pool behind `runOnPrimary`: an ocean away, and never what an app hangs on. */
const mostPrimaryConnections = 5
const primaryConnectTimeoutMs = 5_000

/** How long (ms) a statement may take there, unless it has a time-out of its own. */
const primaryAnswerMs = 30_000

/** How long (ms) a connection next door may take, unless the app says: nobody waits for ever for a replica. */
const replicaConnectTimeoutMs = 5_000

const said = {
  'no-gtids':
    'the server has no global transaction ids: who has written reads from the primary for a while instead of next door; switch them on (gtid_mode = ON, or log_bin on MariaDB)',
  'accepts-writes':
    'the replica would accept writes of this user and nobody else would ever see them: statements that may write go to the primary; connect as a user without SUPER, CONNECTION_ADMIN or READ ONLY ADMIN, or set super_read_only',
  modest: 'the server does not say where it stands: who has written reads from the primary for a while',
} as const

/**
 * Works out where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 */
export function openDatabase(options: FlyroutePoolOptions): MysqlDatabase {
  const simulated = options.simulate === 'replica'
  const resolved = options.topology ?? resolveTopology(topologyOptions(options))
  const topology = simulated ? simulatedTopology(resolved) : resolved
  const { secret, functions } = options
  const isReplica = topology.role === 'replica'
  const localConfig = (own: FlyroutePoolOptions): PoolOptions => {
    const config = configFor(topology.local, driverOptions(own))
    return isReplica ? { connectTimeout: replicaConnectTimeoutMs, ...config } : config
  }
  let lacksGtids = false
  const facts: DialectFacts = factsOf('mysql', {
    simulated,
    onProblem(problem, cause) {
      if (problem === 'no-gtids') lacksGtids = true
      replication.noticeOnce(said[problem])
      if (problem !== 'accepts-writes') replication.written.withoutPosition(cause)
    },
  })
  const source = new MysqlReplicationSource({
    config: localConfig(options),
    facts,
    lacksGtids: () => lacksGtids,
    expected: topology.role,
    lost: () => replication.prober.connectionLost(),
    primary: isReplica
      ? new MysqlReplicationSource({
          config: primaryConfig(topology, options),
          facts,
          lacksGtids: () => lacksGtids,
          expected: 'primary',
        })
      : undefined,
  })
  const replication = new DatabaseReplication({
    name: options.name,
    topology,
    source,
    outsideRequest: options.outsideRequest,
    replayCostMs: options.replayCostMs,
    secrets: typeof secret === 'string' ? [secret] : secret,
  })
  const watchdog = new Watchdog(replication.prober)
  let primary: PrimaryPool | undefined
  let ended: Promise<void> | undefined
  const database: MysqlDatabase = {
    replication,
    watchdog,
    simulated,
    facts,
    catalogue: new Catalogue(() => facts.writers((sql) => source.ask(sql))),
    positionAt(server, at) {
      const time = Math.max(0, Math.round(Date.now() + (server?.clockOffsetMs ?? 0)))
      return { cluster: server?.cluster ?? '', epoch: server?.epoch ?? 0, at, time }
    },
    localConfig,
    primaryConfig: (own) => primaryConfig(topology, own),
    pools: new Set(),
    classifier: createClassifier({ dialect: 'mysql', ...(functions === undefined ? {} : { functions }) }),
    get isEnded() {
      return ended !== undefined
    },
    connectToPrimary(scope) {
      if (ended !== undefined) return Promise.reject(new Error('Pool is closed.'))
      if (primary === undefined) {
        const config = database.primaryConfig(options)
        const { connectTimeout = primaryConnectTimeoutMs } = config
        const times = { connectMs: connectTimeout, answerMs: primaryAnswerMs }
        primary = new PrimaryPool(mysql.createPool(config), database, times)
      }
      return primary.connect(scope)
    },
    async end(pool) {
      if (pool !== undefined) database.pools.delete(pool)
      if (database.pools.size > 0) return
      watchdog.end()
      await (ended ??= endAll(replication, primary))
    },
  }
  return database
}

/** What the app says of its own pool holds for the one to the primary too, but for its size. */
function primaryConfig(topology: Topology, options: FlyroutePoolOptions): PoolOptions {
  const { connectionLimit, maxIdle: _, ...rest } = driverOptions(options)
  const bounded = { connectTimeout: primaryConnectTimeoutMs, ...rest }
  return {
    ...configFor(topology.primary, bounded),
    // None, and 0, is as many as there may be.
    connectionLimit: Math.min(connectionLimit || mostPrimaryConnections, mostPrimaryConnections),
    ...options.primaryPool,
  }
}

/** One local server as if it were far away from its primary. */
function simulatedTopology(topology: Topology): Topology {
  const { primary, appName, machineId } = topology
  const primaryRegion = topology.primaryRegion ?? 'iad'
  const region = topology.inPrimaryRegion ? 'sim' : topology.region
  return createTopology({ region, primaryRegion, role: 'replica', appName, machineId, primary, local: primary })
}

async function endAll(replication: DatabaseReplication, primary: PrimaryPool | undefined): Promise<void> {
  await Promise.all([replication.end(), primary?.end()])
}
