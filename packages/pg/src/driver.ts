import type { Replication } from '@flyroute/core'
import pg from 'pg'
import { guardClient } from './client.ts'
import { clientConfig, openDatabase, type PgDatabase } from './database.ts'
import type { ClientClass, Driver } from './driver-types.ts'
import type { FlyroutePoolOptions } from './options.ts'
import { guardPool } from './pool.ts'
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
 * Those that lead to the same primary share one `replication`.
 *
 * @example
 * const driver = createDriver()
 * const dataSource = new DataSource({ type: 'postgres', driver })
 * app.use(replayMiddleware({ databases: [driver] }))
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  return guardDriver(pg, options)
}

function guardDriver(driver: Driver, common: FlyroutePoolOptions): FlyrouteDriver {
  const databases = new Map<string, PgDatabase>()
  const open = (given: unknown): { database: PgDatabase; options: FlyroutePoolOptions } => {
    const own = typeof given === 'string' ? { connectionString: given } : (given as FlyroutePoolOptions | undefined)
    // Some hide it from whoever prints their settings (Knex does), and so it is not copied with the others.
    const hidden = own?.password === undefined ? {} : { password: own.password }
    // A pool of somebody's own that was given this class of clients hands it on to each of them.
    const bare = own?.Client === (Client as unknown) ? { Client: undefined } : {}
    const options = { ...own, ...hidden, ...common, ...bare }
    const opened = openDatabase(driver, options, openPrimaryPool)
    const { host, port, user, database: name } = opened.replication.topology.primary
    const place = JSON.stringify([host, port, user, name])
    const known = databases.get(place)
    const database = known === undefined || known.isEnded ? opened : known
    databases.set(place, database)
    return { database, options }
  }
  const Guarded = guardClient(driver.Client as unknown as ClientClass, (given) => {
    const { database, options } = open(given)
    return { database, side: 'local', config: clientConfig(database, database.localConfig(options)) }
  })
  const Client = standaloneClient(Guarded)
  return Object.defineProperties(Object.create(driver) as FlyrouteDriver, {
    Pool: { value: guardPool(driver, open), enumerable: true },
    Client: { value: Client, enumerable: true },
    replication: {
      get() {
        const [first = open(undefined).database] = databases.values()
        return first.replication
      },
    },
    // Asked for only by who wants it: pg-native has to be installed.
    native: { get: () => driver.native && guardDriver(driver.native as unknown as Driver, common) },
  })
}
