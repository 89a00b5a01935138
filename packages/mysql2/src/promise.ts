import type { Replication } from '@flyroute/core'
import type { Pool } from 'mysql2/promise'
import type { FlyroutePoolOptions } from './options.ts'
import { createPool as createCallbackPool } from './pool.ts'

export type { FlyrouteOptions, FlyroutePoolOptions } from './options.ts'

/** A pool of `mysql2/promise`, and where its data comes from. */
export type FlyroutePool = Pool & { readonly replication: Replication }

/**
 * A pool of `mysql2/promise` that is connected to the local server: the same as `createPool` of `@flyroute/mysql2`,
 * with promises.
 *
 * @throws ConfigurationError that lists everything that is wrong
 * @example
 * const pool = createPool()
 * const [posts] = await pool.query('select * from post order by id')
 */
export function createPool(options?: FlyroutePoolOptions | string): FlyroutePool {
  const Implementation = typeof options === 'object' && 'Promise' in options ? options.Promise : undefined
  const pool = createCallbackPool(options)
  return (pool as unknown as { promise(Implementation?: unknown): FlyroutePool }).promise(Implementation)
}
