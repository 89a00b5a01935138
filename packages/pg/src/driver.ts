import type { Replication } from '@flyroute/core'
import pg from 'pg'
import { type Driver, openDatabase, type PgDatabase } from './database.ts'
import type { ClientClass } from './driver-types.ts'
import { guardClient } from './guard.ts'
import type { FlyroutePoolOptions } from './options.ts'
import { createGuardedPool, openPrimaryPool } from './pool.ts'

/** The module `pg` with guarded classes, and where its data comes from. */
export type FlyrouteDriver = Driver & { readonly replication: Replication }

/**
 * A drop-in for the module `pg`, for what makes its own pools and clients (TypeORM's `driver`, Sequelize's
 * `dialectModule`, Knex). Pools and clients that are made through it share one database: the options given here, or
 * the first ones that a pool or client is made with.
 *
 * @example
 * new DataSource({ type: 'postgres', driver: createDriver(), … })
 */
export function createDriver(options: FlyroutePoolOptions = {}): FlyrouteDriver {
  let database: PgDatabase | undefined
  const open = (config: object | string | undefined): PgDatabase => {
    const words = typeof config === 'string' ? { connectionString: config } : config
    database ??= openDatabase(pg, { ...words, ...options }, openPrimaryPool)
    return database
  }

  // Classes whose `new` gives the guarded object: libraries call `new driver.Pool(config)`.
  const Pool = function (config?: object): unknown {
    const shared = open(config)
    return createGuardedPool(pg, { ...shared, localConfig: { ...config, ...shared.localConfig } })
  }
  const Client = function (config?: object | string): unknown {
    const shared = open(config)
    const Guarded = guardClient(pg.Client as unknown as ClientClass, shared, 'local')
    return new Guarded({ ...(typeof config === 'string' ? {} : config), ...shared.localConfig })
  }
  Object.setPrototypeOf(Pool, pg.Pool)
  Object.setPrototypeOf(Client, pg.Client)
  Pool.prototype = pg.Pool.prototype
  Client.prototype = pg.Client.prototype

  return Object.defineProperties(Object.create(pg) as FlyrouteDriver, {
    Pool: { value: Pool, enumerable: true },
    Client: { value: Client, enumerable: true },
    replication: { get: () => open(undefined).replication, enumerable: false },
  })
}
