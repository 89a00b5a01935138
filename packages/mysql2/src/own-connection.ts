import { type AskedConnection, type AskRows, answerMs } from '@flyroute/core/adapter'
import mysql, { type PoolOptions } from 'mysql2'
import { addressOf, type BareConnection, type Callback } from './driver-types.ts'
import { asText, createQuery } from './intercepted-entry.ts'
import { connectionOptions } from './options.ts'

/**
 * Connects for our own questions.
 *
 * @param lost called when the connection has died
 */
export async function openOwn(options: PoolOptions, lost: () => void): Promise<AskedConnection> {
  // One that the app has opened itself is one connection's.
  if (typeof options.stream === 'object') throw new TypeError('There is one stream, and it is not ours')
  const config = { ...connectionOptions(options), connectTimeout: answerMs }
  const connection = mysql.createConnection(config) as unknown as BareConnection
  const query = (how: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const answered: Callback = (error, rows) => (error ? reject(error) : resolve(rows))
      // Below `query`: no instrumentation of the app's sees it.
      connection.addCommand(createQuery({ ...how, nestTables: false }, undefined, answered, connection.config))
    })
  const own: AskedConnection = {
    ask: async (sql) => asText(await query({ sql, rowsAsArray: true, typeCast: false })),
    askRows: (sql) => query({ sql, rowsAsArray: false, typeCast: true }) as ReturnType<AskRows>,
    address: addressOf(connection),
    keepAlive: (isNeeded) => (isNeeded ? connection.stream.ref?.() : connection.stream.unref?.()),
    end: () =>
      new Promise((resolve) => {
        connection.once('end', resolve)
        connection.once('error', resolve)
        connection.end()
      }),
    cut: () => connection.destroy(),
  }
  return new Promise((resolve, reject) => {
    connection.on('error', lost)
    connection.once('end', lost)
    connection.once('error', reject)
    connection.once('end', reject)
    connection.once('connect', () => resolve(own))
  })
}
