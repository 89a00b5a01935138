import { readMysqlError, type ServerWord } from '@flyroute/core/adapter'

/**
 * What an error that came from a replica means; undefined for the app's own errors, which pass through untouched.
 * The table is core's, since Kysely over any MySQL driver needs the same one.
 */
export function readError(error: unknown): ServerWord | undefined {
  return readMysqlError(error)
}

/** Whether the server itself said it: what it says so did not happen. Of anything else nobody knows. */
export function isAnswer(error: unknown): boolean {
  const { errno, sqlState } = (error ?? {}) as { errno?: unknown; sqlState?: unknown }
  return typeof errno === 'number' && sqlState !== undefined && readError(error) !== 'unavailable'
}
