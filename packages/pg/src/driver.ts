import type { Replication } from '@flyroute/core'
import pg, { type PoolConfig } from 'pg'
import { isGuarded } from './client.ts'
import { openDatabases } from './database.ts'
import type { ClientClass, Driver } from './driver-types.ts'
import { asOptions, type FlyroutePoolOptions, resolve } from './options.ts'
import { guardPool, type Opened } from './pool.ts'
import { openPrimaryPool } from './primary-pool.ts'
import { standaloneClient } from './standalone-client.ts'

/** The module `pg` with guarded classes, and where its data comes from. */
export type FlyrouteDriver = Driver & {
  /** Of the first database that was opened through it; each pool has its own as well. */
  readonly replication: Replication
}

/**
 * A drop-in for the module `pg`, for what makes its own pools and clients (TypeORM's `driver`, Sequelize's
 * `dialectModule`, Knex). What these are made with is the primary endpoint, and the options given here come before it.
 * Each connects with its own settings. Those that log in to the same primary as the same user share one `replication`.
 *
 * @example
 * const driver = createDriver()
 * const dataSource = new DataSource({ type: 'postgres', driver })
 * app.use(replayMiddleware({ databases: [driver] }))
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  return guardDriver(pg, asOptions(options))
}

function guardDriver(driver: Driver, common: FlyroutePoolOptions): FlyrouteDriver {
  // One class for all: what a tracing library puts in place of its methods is called on the clients of pools as well.
  const withClient = (config: PoolConfig): PoolConfig => ({
    ...config,
    Client: config.Client ?? (Client as unknown as PoolConfig['Client']),
  })
  const databases = openDatabases(driver, (database, config, answerMs) =>
    openPrimaryPool(database, withClient(config), answerMs),
  )
  const open = (given: FlyroutePoolOptions | string | undefined): Opened => {
    const options = { ...asOptions(given), ...common }
    const { Client: own } = withClient(options)
    return { database: databases.open(resolve(options)), Client: own as unknown as ClientClass }
  }
  const Client = standaloneClient(driver.Client as unknown as ClientClass, (given) => {
    const { Client: own, ...options } = { ...asOptions(given), ...common }
    // A pool that is not ours hands the class of its clients on to each of them.
    const bare = isGuarded(own) ? options : { ...options, Client: own }
    return databases.open(resolve(bare))
  })
  let native: FlyrouteDriver | undefined
  return Object.defineProperties(Object.create(driver) as FlyrouteDriver, {
    Pool: { value: guardPool(driver, open), enumerable: true },
    Client: { value: Client, enumerable: true },
    replication: { get: () => databases.first(() => resolve(common)).replication },
    // Asked for only by who wants it: pg-native has to be installed.
    native: { get: () => driver.native && (native ??= guardDriver(driver.native as unknown as Driver, common)) },
  })
}
