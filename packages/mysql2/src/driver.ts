import type { Replication } from '@flyroute/core'
import mysql, { type Connection, type ConnectionOptions, type Pool, type PoolCluster, type PoolOptions } from 'mysql2'
import { type MysqlDatabase, openDatabase } from './database.ts'
import type { BareConnection } from './driver-types.ts'
import { guardConnection } from './guard.ts'
import { asOptions, connectionOptions, type FlyroutePoolOptions } from './options.ts'
import { guardPool, openPool } from './pool.ts'

/** The module of the driver. */
type Driver = typeof mysql

/** The module `mysql2` whose connections are guarded, and where their data comes from. */
export type FlyrouteDriver = Driver & { readonly replication: Replication }

/** A cluster of pools, and its nodes by name. */
interface BareCluster {
  add(id: string | object, config?: unknown): void
  readonly _nodes: Readonly<Record<string, { readonly pool: Pool }>>
}

/**
 * A drop-in for the module `mysql2`, for what makes its own pools and connections (TypeORM's `driver`, Sequelize's
 * `dialectModule`, Knex). What is made through it shares one database: the options given here, or the first ones that a
 * pool or connection is made with. The nodes of a pool cluster are where their own options say.
 *
 * @example
 * new DataSource({ type: 'mysql', driver: createDriver(), … })
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  let database: MysqlDatabase | undefined
  const open = (config: PoolOptions | ConnectionOptions | string | undefined): MysqlDatabase => {
    database ??= openDatabase({ ...asOptions(config), ...options })
    return database
  }

  function createPool(config?: PoolOptions | string): Pool {
    return openPool(open(config), { ...asOptions(config), ...options })
  }

  function createConnection(config?: ConnectionOptions | string): Connection {
    const shared = open(config)
    const given = connectionOptions(shared.localConfig({ ...asOptions(config), ...options }))
    const connection = mysql.createConnection(given)
    guardConnection(connection as unknown as BareConnection, shared, 'local')
    return connection
  }

  function createPoolCluster(config?: object): PoolCluster {
    const cluster = mysql.createPoolCluster(config)
    const bare = cluster as unknown as BareCluster
    const add = bare.add.bind(cluster)
    bare.add = (id, node) => {
      const before = new Set(Object.keys(bare._nodes))
      add(id, node)
      const shared = open((typeof id === 'object' ? id : node) as PoolOptions | string)
      for (const [name, { pool }] of Object.entries(bare._nodes)) if (!before.has(name)) guardPool(pool, shared)
    }
    return cluster
  }

  const value = (made: unknown): PropertyDescriptor => ({ value: made, enumerable: true })
  return Object.defineProperties(Object.create(mysql) as FlyrouteDriver, {
    createPool: value(createPool),
    createPoolPromise: value((config?: PoolOptions) => createPool(config).promise()),
    createConnection: value(createConnection),
    createConnectionPromise: value((config?: ConnectionOptions) => connected(createConnection(config))),
    connect: value(createConnection),
    createPoolCluster: value(createPoolCluster),
    replication: { get: () => open(undefined).replication, enumerable: false },
  })
}

/** As `createConnection` of `mysql2/promise`. */
function connected(connection: Connection): Promise<unknown> {
  return new Promise((resolve, reject) => {
    connection.once('connect', () => resolve(connection.promise()))
    connection.once('error', reject)
  })
}
