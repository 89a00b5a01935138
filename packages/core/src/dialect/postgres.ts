import type { PositionAlgebra } from '../position.ts'

/** Facts about PostgreSQL that every adapter for it shares. Measured on 18.4 unless a line says otherwise. */

/** Log positions (`16/B374D848`): two hexadecimal halves of a 64-bit byte address. */
export const lsn: PositionAlgebra = {
  isValid: (at) => parse(at) !== undefined,
  covers(reached, wanted) {
    const [has, needs] = [parse(reached), parse(wanted)]
    return has !== undefined && needs !== undefined && has >= needs
  },
  merge: (a, b) => (lsn.covers(a, b) ? a : b),
  distance(from, to) {
    const [start, end] = [parse(from), parse(to)]
    return start === undefined || end === undefined ? undefined : Number(end - start)
  },
}

function parse(at: string): bigint | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(at)
  return match === null ? undefined : (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

/**
 * The statement by which a standby itself waits until it has replayed the log up to a position: Postgres 19 and later.
 *
 * It answers `success`, `timeout` or `not in recovery`, in one row of one column. What follows it in the same query string sees
 * what has been replayed by then, as no snapshot is taken before. Measured on 19rc1.
 *
 * @param at may come from a client
 * @param timeoutMs for how long at most
 * @returns undefined where that is no position
 */
export function waitForReplay(at: string, timeoutMs: number): string | undefined {
  // A time-out of 0 would be none.
  const timeout = Math.max(1, Math.round(timeoutMs))
  return lsn.isValid(at) ? `wait for lsn '${at}' with (timeout '${timeout}ms', no_throw)` : undefined
}

/** Whether an answer to that says so: it has become a primary, or a pooler in between leads elsewhere, where it does not. */
export function hasWaited([row]: readonly (readonly unknown[])[]): boolean {
  return /^(success|timeout)$/.test(String(row?.[0]))
}

/** What an error of the server means to us. */
export type ServerWord =
  /** The server is a replica and would not run it. */
  | 'refusal'
  /** A read that replay on the replica cancelled: the primary would have answered. */
  | 'recovery-conflict'
  /** The server is going away or not there yet. */
  | 'unavailable'

interface ServerError {
  readonly code?: unknown
  readonly message?: unknown
}

/** SQLSTATEs of refusals, with the words that tell them from others of the same code. */
const refusals: Readonly<Record<string, RegExp | undefined>> = {
  // read_only_sql_transaction: all DML, DDL, nextval, row locks, LISTEN. Also of a read-only transaction on a primary.
  '25006': undefined,
  // feature_not_supported: BEGIN … SERIALIZABLE, SET TRANSACTION READ WRITE.
  '0A000': /hot standby|recovery/i,
  // object_not_in_prerequisite_state: functions of WAL control, "recovery is in progress".
  '55000': /recovery|hot standby/i,
  // internal_error: some sequences and large objects.
  XX000: /recovery|hot standby/i,
}

/** SQLSTATEs and system errors that say the server cannot be had at all. */
const unavailable = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '53300', // too_many_connections
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  // postgres.js
  'CONNECTION_CLOSED',
  'CONNECT_TIMEOUT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/**
 * What PgBouncer says, all of it as 08P01, where it has no connection to its server (1.18 to 1.25). A login that the server
 * refuses is not meant.
 */
const lostByPooler =
  /^(server (conn crashed|login has been failing|DNS lookup failed)|(pgbouncer )?cannot connect|(query_wait|client_login)_timeout|no more connections)/

/**
 * The driver's own errors of a lost or unreachable connection have no code, only these words. A pool that has none to give
 * in time ("timeout exceeded when trying to connect") says nothing of the server.
 */
const lostConnection = /^(Connection terminated|timeout expired|Client has encountered a connection error)/

/** The same in the words of libpq, which pg-native speaks. A server that is there and refuses all logins is not meant. */
const lostByLibpq =
  /^(connection to server .*failed: (?!FATAL|fe_sendauth)|.*FATAL: {2}(the database system is|terminating connection|sorry, too many)|server closed the connection|could not (connect|receive data|send data)|no connection to the server|SSL SYSCALL error)/

/** What an error that a *replica* gave means; undefined for every error that is the app's own. */
export function readPostgresError(error: unknown): ServerWord | undefined {
  const { code, message } = (error ?? {}) as ServerError
  const text = typeof message === 'string' ? message : ''
  if (typeof code !== 'string') return lostConnection.test(text) || lostByLibpq.test(text) ? 'unavailable' : undefined
  if (Object.hasOwn(refusals, code)) return refusals[code]?.test(text) === false ? undefined : 'refusal'
  if (unavailable.has(code) || (code === '08P01' && lostByPooler.test(text))) return 'unavailable'
  // serialization_failure is the app's own unless replay caused it; the deadlock is one between replay and this session.
  if (code === '40001' && /conflict with recovery/i.test(text)) return 'recovery-conflict'
  if (code === '40P01' && /recovery|buffer/i.test(text)) return 'recovery-conflict'
  return undefined
}

/**
 * Whether a refusal says of its text that it writes, in every session. `0A000` is about how a transaction was asked for: a
 * session that is serializable by default meets it with every read.
 */
export function teachesPostgresWrite(error: unknown): boolean {
  return readPostgresError(error) === 'refusal' && (error as ServerError).code !== '0A000'
}
