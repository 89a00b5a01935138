import type { Replication } from '@flyroute/core'
import { currentScope, runInScope } from '@flyroute/core/adapter'
import mysql, { type Connection, type ConnectionOptions, type Pool, type PoolCluster, type PoolOptions } from 'mysql2'
import { guardConnection } from './connection.ts'
import { openDatabase } from './database.ts'
import type { BareConnection } from './driver-types.ts'
import type { MysqlDatabase } from './mysql-database.ts'
import { asOptions, connectionOptions, type FlyroutePoolOptions, hideSecrets } from './options.ts'
import { guardPool, openPool } from './pool.ts'
import { readError } from './refusal.ts'
import { watchConnection } from './watchdog.ts'

/** The module of the driver. */
type Driver = typeof mysql

/** The module `mysql2` whose connections are guarded, and where their data comes from. */
export type FlyrouteDriver = Driver & {
  /** Of the first database that was opened through it; each pool has its own as well. */
  readonly replication: Replication
}

type Given = PoolOptions | ConnectionOptions | string | undefined

/** A cluster of pools, and its nodes by name. */
interface BareCluster {
  add(id: string | object, config?: unknown): void
  readonly _nodes: Readonly<Record<string, { readonly pool: Pool }>>
}

/**
 * A drop-in for the module `mysql2`, for what makes its own pools and connections (TypeORM's `driver`, Sequelize's
 * `dialectModule`, Knex). What these are made with is the primary endpoint, and the options given here come before it.
 * Those that lead to the same primary share one `replication`. The nodes of a pool cluster are where their own options say.
 *
 * @example
 * const driver = createDriver()
 * const dataSource = new DataSource({ type: 'mysql', driver })
 * app.use(replayMiddleware({ databases: [driver] }))
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  const databases = new Map<string, MysqlDatabase>()
  const open = (given: Given): MysqlDatabase => {
    const opened = openDatabase({ ...asOptions(given), ...options })
    const { host, port, user, database: name } = opened.replication.topology.primary
    const place = JSON.stringify([host, port, user, name])
    const known = databases.get(place)
    const database = known === undefined || known.isEnded ? opened : known
    databases.set(place, database)
    return database
  }

  function createPool(config?: PoolOptions | string): Pool {
    return openPool(open(config), { ...asOptions(config), ...options })
  }

  function createConnection(config?: ConnectionOptions | string): Connection {
    const database = open(config)
    const side = isBetterAtHome(database) ? 'primary' : 'local'
    const own = { ...asOptions(config), ...options }
    const given = side === 'primary' ? database.primaryConfig(own) : database.localConfig(own)
    // A socket answers in the scope that it was opened in: that of one request among many.
    const connection = runInScope(undefined, () => mysql.createConnection(connectionOptions(given)))
    const bare = connection as unknown as BareConnection
    hideSecrets(bare.config)
    guardConnection(bare, database, side)
    if (side === 'local') replayWithout(bare, database)
    return connection
  }

  function createPoolCluster(config?: object): PoolCluster {
    const cluster = mysql.createPoolCluster(config)
    const bare = cluster as unknown as BareCluster
    const add = bare.add.bind(cluster)
    let database: MysqlDatabase | undefined
    bare.add = (id, node) => {
      const before = new Set(Object.keys(bare._nodes))
      add(id, node)
      database ??= openForCluster((typeof id === 'object' ? id : node) as Given)
      for (const [name, { pool }] of Object.entries(bare._nodes)) {
        if (!before.has(name)) guardPool(pool, database, 'node')
      }
    }
    return cluster
  }

  /** All nodes hold one database: the one that the environment names, or else the one of the first node. */
  function openForCluster(first: Given): MysqlDatabase {
    const { primary } = openDatabase(options).replication.topology
    return open(primary.url === undefined && primary.host === undefined ? first : undefined)
  }

  const value = (made: unknown): PropertyDescriptor => ({ value: made, enumerable: true })
  return Object.defineProperties(Object.create(mysql) as FlyrouteDriver, {
    createPool: value(createPool),
    createPoolPromise: value((config?: PoolOptions) => createPool(config).promise()),
    createConnection: value(createConnection),
    createConnectionPromise: value((config?: ConnectionOptions) => connected(createConnection(config))),
    connect: value(createConnection),
    createPoolCluster: value(createPoolCluster),
    replication: {
      get() {
        const [first = open(undefined)] = databases.values()
        return first.replication
      },
      enumerable: false,
    },
  })
}

/** The replica is known to be down, and what is done here cannot be replayed: there is but the primary. */
function isBetterAtHome({ replication }: MysqlDatabase): boolean {
  if (replication.topology.role === 'primary' || !replication.prober.isUnavailable) return false
  const scope = currentScope()
  return scope === undefined || scope.onPrimary || scope.request.whyNotReplayable() !== undefined
}

/** Where a single connection to a replica cannot be made, the request that it was for is replayed. */
function replayWithout(connection: BareConnection, { replication, watchdog }: MysqlDatabase): void {
  if (replication.servers.expects === 'primary') return
  const scope = currentScope()
  const { emit } = connection
  connection.once('connect', () => {
    connection.emit = emit
    watchConnection(watchdog, connection)
  })
  connection.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'error') return emit.call(connection, event, ...args)
    const [error] = args
    return emit.call(connection, event, readError(error) === 'unavailable' ? whatIsMissing(error) : error)
  }

  function whatIsMissing(error: unknown): unknown {
    replication.prober.reportUnreachable(error)
    if (scope === undefined) return error
    try {
      replication.router.toPrimary('unavailable', undefined, scope, error)
      return error
    } catch (required) {
      return required
    }
  }
}

/** As `createConnection` of `mysql2/promise`. */
function connected(connection: Connection): Promise<unknown> {
  return new Promise((resolve, reject) => {
    connection.once('connect', () => resolve(connection.promise()))
    connection.once('error', reject)
  })
}
