import { readPostgresError, type ServerWord } from '@flyroute/core/adapter'
import type { Driver } from './driver-types.ts'

/**
 * What an error that came from a replica means; undefined for the app's own errors, which pass through untouched.
 * The table is core's, since Kysely over any Postgres driver needs the same one.
 */
export function readError(error: unknown): ServerWord | undefined {
  return readPostgresError(error)
}

/**
 * Whether a refusal is a standby's own ("cannot execute … during recovery") and not that of a read-only transaction, which
 * is the same on the primary. Asked of the server's function first, as messages may be translated.
 */
export function isAboutRecovery(error: unknown): boolean {
  const { routine, message } = error as { routine?: unknown; message?: unknown }
  return routine === 'PreventCommandDuringRecovery' || /recovery|hot standby/i.test(String(message))
}

/** Whether the server itself said it, and no socket. */
export function isServers(error: unknown): boolean {
  return typeof (error as { severity?: unknown } | undefined)?.severity === 'string'
}

/** Whether it is known that a write did not happen: the server says so. Of anything else nobody knows. */
export function isAnswer(error: unknown): boolean {
  if (!isServers(error) || readError(error) === 'unavailable') return false
  const { code } = error as { code?: unknown }
  // statement_completion_unknown, transaction_resolution_unknown
  return code !== '40003' && code !== '08007'
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
