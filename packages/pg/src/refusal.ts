import { readPostgresError, type ServerWord } from '@flyroute/core/adapter'
import type { Driver } from './driver-types.ts'

/**
 * What an error that came from a replica means; undefined for the app's own errors, which pass through untouched.
 * The table is core's, since Kysely over any Postgres driver needs the same one.
 */
export function readError(error: unknown): ServerWord | undefined {
  return readPostgresError(error)
}

/** Whether the server itself said it, and no socket. */
export function isServers(error: unknown): boolean {
  return typeof (error as { severity?: unknown } | undefined)?.severity === 'string'
}

/**
 * What everything between a refused write and the end of its transaction is answered with: SQLSTATE 25P02, the words
 * of the server itself, and the refusal as `cause`, so that `isPrimaryRequired` still knows what it came from.
 */
export function abortedError(driver: Driver, cause: Error): Error {
  const DatabaseError = driver.DatabaseError as unknown as new (message: string, length: number, name: 'error') => Error
  const message = 'current transaction is aborted, commands ignored until end of transaction block'
  return Object.assign(new DatabaseError(message, message.length, 'error'), {
    severity: 'ERROR',
    code: '25P02',
    cause,
  })
}
