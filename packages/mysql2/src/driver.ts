import type { Replication } from '@flyroute/core'
import { canReplay, currentScope, hideSecrets, isOut, runInScope, withoutConnection } from '@flyroute/core/adapter'
import mysql, { type Connection, type ConnectionOptions, type Pool, type PoolCluster, type PoolOptions } from 'mysql2'
import { guardConnection } from './connection.ts'
import { type MysqlDatabase, openDatabases } from './database.ts'
import type { BareConnection } from './driver-types.ts'
import { asOptions, connectionOptions, type FlyroutePoolOptions, placeOf, resolve, withoutPlace } from './options.ts'
import { guardPool, openPool } from './pool.ts'
import { openPrimaryPool } from './primary-pool.ts'
import { watchConnection } from './watchdog.ts'

/** The module of the driver. */
type Driver = typeof mysql

/** The module `mysql2` whose connections are guarded, and where their data comes from. */
export type FlyrouteDriver = Driver & {
  /** Of the first database that was opened through it; each pool has its own as well. */
  readonly replication: Replication
}

/** Of what makes promises. */
type WithPromise<Options> = Options & { readonly Promise?: PromiseConstructor }

type Given = PoolOptions | ConnectionOptions | string | undefined

/** A cluster of pools, and its nodes by name. */
interface BareCluster {
  add(id: string | object, config?: unknown): void
  readonly _nodes: Readonly<Record<string, { readonly pool: Pool }>>
}

/**
 * A drop-in for the module `mysql2`, for what makes its own pools and connections (TypeORM's `driver`, Sequelize's
 * `dialectModule`, Knex). What these are made with is the primary endpoint, and the options given here come before it.
 * Each connects with its own settings. Those that log in to the same primary as the same user share one `replication`. The nodes of a pool cluster are where their own options say.
 *
 * @example
 * const driver = createDriver()
 * const dataSource = new DataSource({ type: 'mysql', driver })
 * app.use(replayMiddleware({ databases: [driver] }))
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  const databases = openDatabases(openPrimaryPool)
  const open = (given: Given): MysqlDatabase => databases.open(resolve({ ...asOptions(given), ...options }))

  function createPool(config?: PoolOptions | string): Pool {
    return openPool(open(config))
  }

  function createConnection(config?: ConnectionOptions | string): Connection {
    const database = open(config)
    const side = isBetterAtHome(database) ? 'primary' : 'local'
    const given = side === 'primary' ? database.primaryConfig() : database.localConfig()
    // A socket answers in the scope that it was opened in: that of one request among many.
    const connection = runInScope(undefined, () => mysql.createConnection(connectionOptions(given)))
    const bare = connection as unknown as BareConnection
    hideSecrets(bare.config)
    guardConnection(bare, database, side)
    if (side === 'local') replayWithout(bare, database)
    database.use(bare)
    bare.stream.once('close', () => void database.leave(bare).catch(() => undefined))
    return connection
  }

  /** As `createConnection` of `mysql2/promise`. */
  function createConnectionPromise(config?: WithPromise<ConnectionOptions>): Promise<unknown> {
    const connection = createConnection(config)
    const caller: { stack?: string } = {}
    Error.captureStackTrace(caller, createConnectionPromise)
    const OwnPromise: PromiseConstructor = config?.Promise ?? Promise
    return new OwnPromise((resolve, reject) => {
      connection.once('connect', () => resolve(connection.promise(OwnPromise)))
      connection.once('error', (error: Error) => {
        error.stack = [`${error.name}: ${error.message}`, ...(caller.stack ?? '').split('\n').slice(1)].join('\n')
        reject(error)
      })
    })
  }

  function createPoolCluster(config?: object): PoolCluster {
    const cluster = mysql.createPoolCluster(config)
    const bare = cluster as unknown as BareCluster
    const add = bare.add.bind(cluster)
    let first: FlyroutePoolOptions | undefined
    bare.add = (id, node) => {
      const before = new Set(Object.keys(bare._nodes))
      add(id, node)
      const given = asOptions((typeof id === 'object' ? id : node) as Given)
      first ??= given
      for (const [name, { pool }] of Object.entries(bare._nodes)) {
        if (!before.has(name)) guardPool(pool, openNode(given, first), 'node')
      }
    }
    return cluster
  }

  /**
   * All nodes hold one database: the one that the environment names, or else the one of the first node. Each logs in there
   * as itself.
   */
  function openNode(node: FlyroutePoolOptions, first: FlyroutePoolOptions): MysqlDatabase {
    const { primary } = resolve(options).topology
    const isNamed = primary.url !== undefined || primary.host !== undefined
    return open({ ...withoutPlace(node), ...(isNamed ? {} : placeOf(first)) })
  }

  const value = (made: unknown): PropertyDescriptor => ({ value: made, enumerable: true })
  return Object.defineProperties(Object.create(mysql) as FlyrouteDriver, {
    createPool: value(createPool),
    createPoolPromise: value((config?: WithPromise<PoolOptions>) => createPool(config).promise(config?.Promise)),
    createConnection: value(createConnection),
    createConnectionPromise: value(createConnectionPromise),
    connect: value(createConnection),
    createPoolCluster: value(createPoolCluster),
    replication: {
      get: () => databases.first(() => resolve(options)).replication,
      enumerable: false,
    },
  })
}

/** The replica is known to be down, and what is done here cannot be replayed: there is but the primary. */
function isBetterAtHome({ replication }: MysqlDatabase): boolean {
  return isOut(replication) && !canReplay(currentScope())
}

/** Where a single connection cannot be made, the request that it was for is replayed. */
function replayWithout(connection: BareConnection, database: MysqlDatabase): void {
  const scope = currentScope()
  const { isBounded } = database.replication
  if (!isBounded && scope === undefined) return
  const { emit } = connection
  connection.once('connect', () => {
    connection.emit = emit
    if (isBounded) watchConnection(database.watchdog, connection)
  })
  connection.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'error') return emit.call(connection, event, ...args)
    return emit.call(connection, event, withoutConnection(database, scope, args[0]))
  }
}
