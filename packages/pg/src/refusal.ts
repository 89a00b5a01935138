import { readPostgresError, type ServerWord } from '@flyroute/core/adapter'

/**
 * What an error that came from a replica means; undefined for the app's own errors, which pass through untouched.
 * The table is core's, since Kysely over any Postgres driver needs the same one.
 */
export function readError(error: unknown): ServerWord | undefined {
  return readPostgresError(error)
}

/**
 * What everything between a refused write and the end of its transaction is answered with: SQLSTATE 25P02, the words
 * of the server itself, and the refusal as `cause`, so that `isPrimaryRequired` still knows what it came from.
 */
export function abortedError(
  DatabaseError: new (message: string, length: number, name: 'error') => Error,
  cause: Error,
): Error {
  const message = 'current transaction is aborted, commands ignored until end of transaction block'
  return Object.assign(new DatabaseError(message, message.length, 'error'), {
    severity: 'ERROR',
    code: '25P02',
    cause,
  })
}
