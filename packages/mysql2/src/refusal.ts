import { readMysqlError, type ServerWord } from '@flyroute/core/adapter'

/**
 * What an error that came from a replica means; undefined for the app's own errors, which pass through untouched.
 * The table is core's, since Kysely over any MySQL driver needs the same one.
 */
export function readError(error: unknown): ServerWord | undefined {
  return readMysqlError(error)
}
