import { expect, test } from '@jest/globals'
import { readPostgresError } from '../src/dialect/postgres.ts'

// What the drivers say of a server that is gone, in their own words and codes.
test.each([
  [{ code: 'ECONNREFUSED' }, 'unavailable'],
  [{ code: 'ECONNRESET' }, 'unavailable'],
  [{ code: '57P01', message: 'terminating connection due to administrator command' }, 'unavailable'],
  [{ code: 'CONNECTION_CLOSED', message: 'write CONNECTION_CLOSED localhost:5432' }, 'unavailable'], // postgres.js
  [{ code: 'CONNECT_TIMEOUT', message: 'write CONNECT_TIMEOUT localhost:5432' }, 'unavailable'],
  [{ message: 'Connection terminated unexpectedly' }, 'unavailable'], // pg
  [{ message: 'server closed the connection unexpectedly' }, 'unavailable'], // libpq
  // The app has ended its own pool.
  [{ code: 'CONNECTION_ENDED', message: 'write CONNECTION_ENDED localhost:5432' }, undefined],
  [{ message: 'timeout exceeded when trying to connect' }, undefined],
  [{ code: '40001', message: 'could not serialize access due to concurrent update' }, undefined],
  [{ code: '40001', message: 'canceling statement due to conflict with recovery' }, 'recovery-conflict'],
  [{ code: '25006', message: 'cannot execute INSERT in a read-only transaction' }, 'refusal'],
  [undefined, undefined],
])('%j means %p', (error, word) => {
  expect(readPostgresError(error)).toBe(word)
})

test.each([
  ['server conn crashed?', 'unavailable'],
  ['server login has been failing, try again later (server_login_retry)', 'unavailable'],
  ['server login has been failing, cached error: connect failed (server_login_retry)', 'unavailable'],
  ['server DNS lookup failed', 'unavailable'],
  ['pgbouncer cannot connect to server', 'unavailable'],
  ['cannot connect', 'unavailable'],
  ['query_wait_timeout', 'unavailable'],
  ['client_login_timeout (server down)', 'unavailable'],
  ['no more connections allowed (max_client_conn)', 'unavailable'],
  ['server login failed: FATAL password authentication failed for user "app"', undefined],
  ['bind message supplies 1 parameters, but prepared statement "" requires 2', undefined],
])('PgBouncer says “%s”: %s', (message, word) => {
  expect(readPostgresError({ code: '08P01', severity: 'FATAL', message })).toBe(word)
  expect(readPostgresError({ code: 'XX000', severity: 'FATAL', message })).toBeUndefined()
})
