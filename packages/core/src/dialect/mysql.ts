import type { ServerWord } from './postgres.ts'

/** Facts about MySQL and MariaDB that every adapter for them shares. Measured on MySQL 9.7 and MariaDB 10.11 unless a line says otherwise. */

interface ServerError {
  readonly errno?: unknown
  readonly code?: unknown
  readonly message?: unknown
}

/** Numbers of refusals, with the words that tell them from others of the same number. */
const refusals: Readonly<Record<number, RegExp | undefined>> = {
  // ER_OPTION_PREVENTS_STATEMENT: read_only and super_read_only; --secure-file-priv shares it.
  1290: /--(super-)?read-only/,
  // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: also in a read-only transaction on a primary.
  1792: undefined,
  // ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY: the engine was started that way (Aurora's readers).
  1836: undefined,
  1874: undefined,
  // ER_OPEN_AS_READONLY, ER_CANT_LOCK, ER_CANT_CREATE_TABLE: the same, on older servers (documented).
  1036: /is read only/i,
  1015: /errno: 165/,
  1005: /errno: 165/,
  // ER_UNKNOWN_ERROR: Vitess and PlanetScale, whose messages carry a prefix (from its source).
  1105: /only for primary tablet type/i,
}

/** Numbers and system errors that say the server cannot be had at all. */
const unavailable = new Set<unknown>([
  1040, // ER_CON_COUNT_ERROR
  1053, // ER_SERVER_SHUTDOWN
  1077, // ER_NORMAL_SHUTDOWN
  1152, // ER_ABORTING_CONNECTION
  1184, // ER_NEW_ABORTING_CONNECTION
  1203, // ER_TOO_MANY_USER_CONNECTIONS
  1927, // ER_CONNECTION_KILLED (MariaDB)
  3032, // ER_SERVER_OFFLINE_MODE
  3169, // ER_SESSION_WAS_KILLED
  4031, // ER_CLIENT_INTERACTION_TIMEOUT
  'PROTOCOL_CONNECTION_LOST',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** mysql2's own error of a connection that has gone has no code, only these words. */
const lostConnection = /^(Can't add new command when connection is in closed state|Can't write in closed state)/

/** What an error that a *replica* gave means; undefined for every error that is the app's own. */
export function readMysqlError(error: unknown): ServerWord | undefined {
  const { errno, code, message } = (error ?? {}) as ServerError
  const text = typeof message === 'string' ? message : ''
  if (typeof errno === 'number' && Object.hasOwn(refusals, errno)) {
    return refusals[errno]?.test(text) === false ? undefined : 'refusal'
  }
  if (unavailable.has(errno) || unavailable.has(code) || lostConnection.test(text)) return 'unavailable'
  return undefined
}

/** Whether a refusal is that of a read-only transaction, which is the same on the primary. */
export function isOfReadOnlyTransaction(error: unknown): boolean {
  return (error as ServerError | null | undefined)?.errno === 1792
}

/** ER_OPTION_PREVENTS_STATEMENT, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY, and Vitess' own. */
const teaching: ReadonlySet<unknown> = new Set([1290, 1836, 1874, 1105])

/**
 * Whether a refusal says of its text that it writes, in every session. A read-only transaction also refuses what a session
 * writes to its own temporary tables; and a table that is read-only may be the only one.
 */
export function teachesMysqlWrite(error: unknown): boolean {
  return readMysqlError(error) === 'refusal' && teaching.has((error as ServerError).errno)
}
