import { resolveTopology, type Topology } from '@flyroute/core'
import {
  Catalogue,
  createTopology,
  type DatabaseContext,
  Databases,
  type DialectFacts,
  factsOf,
  gtids,
  type ResolvedDatabase,
  refusesMysqlLogin,
  Watchdog,
} from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import type { MysqlDatabase } from './mysql-database.ts'
import { configFor, driverOptions, type FlyroutePoolOptions, topologyOptions } from './options.ts'
import { PrimaryPool } from './primary-pool.ts'
import { MysqlReplicationSource } from './replication.ts'

/** Bounds of the pool of `runOnPrimary`: an ocean away, and never what an app hangs on. */
const mostPrimaryConnections = 5
const primaryConnectTimeoutMs = 5_000

/** How long (ms) a statement may take there, unless it has a time-out of its own. */
const primaryAnswerMs = 30_000

/** How long (ms) a connection to the local server may take, unless the app says: no request waits for ever for a replica. */
const replicaConnectTimeoutMs = 5_000

const said = {
  'no-gtids':
    'the server has no global transaction ids: who has written reads from the primary for a while instead of the local server; switch them on (gtid_mode = ON, or log_bin on MariaDB)',
  'accepts-writes':
    'the replica would accept writes of this user and no other server would ever have them: statements that may write go to the primary; connect as a user without SUPER, CONNECTION_ADMIN or READ ONLY ADMIN, or set super_read_only',
  modest: 'the server does not say where it stands: who has written reads from the primary for a while',
} as const

/** A configuration, and where it leads. */
export interface Resolved extends ResolvedDatabase {
  readonly driverOptions: PoolOptions
  readonly primaryPool: PoolOptions | undefined
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

/** Opens databases for a driver, or the one of a pool. */
export function openDatabases(): Databases<Resolved, MysqlDatabase> {
  return new Databases({
    dialect: 'mysql',
    source: { algebra: gtids, asksLag: true, isLoginRefused: refusesMysqlLogin },
    open: openDatabase,
  })
}

/** All that is opened for connections of one and the same configuration, and for no others. */
function openDatabase(
  { topology, driverOptions: own, primaryPool, simulated }: Resolved,
  { replication, source, classifier, forgotten }: DatabaseContext<MysqlDatabase>,
): MysqlDatabase {
  const isReplica = topology.role === 'replica'
  const localConfig = (): PoolOptions => {
    const config = configFor(topology.local, own)
    return isReplica ? { connectTimeout: replicaConnectTimeoutMs, ...config } : config
  }
  const primaryConfig = (): PoolOptions => configForPrimary(topology, own, primaryPool)
  let isWithoutGtids = false
  const lacksGtids = (): boolean => isWithoutGtids
  const facts: DialectFacts = factsOf('mysql', {
    simulated,
    onProblem(problem, cause) {
      if (problem === 'no-gtids') isWithoutGtids = true
      replication.noticeOnce(said[problem])
      if (problem !== 'accepts-writes') replication.written.withoutPosition(cause)
    },
  })
  const openMember = (): MysqlReplicationSource =>
    new MysqlReplicationSource({
      config: localConfig(),
      facts,
      lacksGtids,
      expected: topology.role,
      lost: () => replication.prober.connectionLost(),
      primary: isReplica
        ? new MysqlReplicationSource({ config: primaryConfig(), facts, lacksGtids, expected: 'primary' })
        : undefined,
    })
  const watchdog = new Watchdog(replication.prober)
  const users = new Set<object>()
  let member = openMember()
  let primary: PrimaryPool | undefined
  source.offer(member)
  const database: MysqlDatabase = {
    replication,
    watchdog,
    simulated,
    facts,
    catalogue: new Catalogue(() => facts.writers((sql) => member.ask(sql))),
    positionAt(server, at) {
      const time = Math.max(0, Math.round(Date.now() + (server?.clockOffsetMs ?? 0)))
      return { cluster: server?.cluster ?? '', epoch: server?.epoch ?? 0, at, time }
    },
    localConfig,
    primaryConfig,
    pools: new Set(),
    classifier,
    connectToPrimary(scope) {
      if (primary === undefined) {
        const config = primaryConfig()
        const { connectTimeout = primaryConnectTimeoutMs } = config
        const times = { connectMs: connectTimeout, answerMs: primaryAnswerMs }
        primary = new PrimaryPool(mysql.createPool(config), database, times)
      }
      return primary.connect(scope)
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
      watchdog.end()
      await Promise.all([source.remove(unused, member), pool?.end(), forgotten(database)])
    },
  }
  return database
}

/** What the app says of its own pool holds for the one to the primary too, but for its size. */
function configForPrimary(topology: Topology, options: PoolOptions, own: PoolOptions | undefined): PoolOptions {
  const { connectionLimit, maxIdle: _, ...rest } = options
  const bounded = { connectTimeout: primaryConnectTimeoutMs, ...rest }
  return {
    ...configFor(topology.primary, bounded),
    // None, and 0, is as many as there may be.
    connectionLimit: Math.min(connectionLimit || mostPrimaryConnections, mostPrimaryConnections),
    ...own,
  }
}

/** One local server as if it were far away from its primary. */
function simulatedTopology(topology: Topology): Topology {
  const { primary, appName, machineId } = topology
  const primaryRegion = topology.primaryRegion ?? 'iad'
  const region = topology.inPrimaryRegion ? 'sim' : topology.region
  return createTopology({ region, primaryRegion, role: 'replica', appName, machineId, primary, local: primary })
}
