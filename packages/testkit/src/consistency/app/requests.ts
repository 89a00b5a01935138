import { setTimeout as sleep } from 'node:timers/promises'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import type { Step } from '../../checker/index.ts'
import type { AppRequests } from './serve.ts'

/** What the app does to its database, in the words of one driver. `on` is the pool, or one connection. */
export interface AppStatements<Pool, Connection> {
  /** Begins a transaction that reads the same all along. */
  readonly beginReading: string
  ping(on: Connection): Promise<unknown>
  read(on: Pool | Connection, key: string): Promise<Step>
  readItems(on: Connection, key: string): Promise<Step>
  write(on: Pool | Connection, key: string, id: string): Promise<Step>
  append(pool: Pool, key: string, id: string): Promise<Step>
  /** In another form than `write` has. */
  writeByGet(pool: Pool, key: string, id: string): Promise<Step>
  /** In a call that does not show it. */
  writeByFunction(pool: Pool, key: string, id: string): Promise<Step>
  /** In a transaction that is unusual. */
  writeAsynchronously(pool: Pool, key: string, id: string): Promise<Step[]>
  /** `begin`, the work, COMMIT, on one connection. */
  inTransaction(pool: Pool, begin: string, work: (connection: Connection) => Promise<Step[]>): Promise<Step[]>
}

/** How an app does what the workload asks for, whatever its driver. */
export function requestsBy<Pool, Connection>(by: AppStatements<Pool, Connection>): AppRequests<Pool> {
  return {
    read: async ({ pool, key }) => [await by.read(pool, key)],
    'read-list': ({ pool, key }) =>
      by.inTransaction(pool, by.beginReading, async (connection) => [await by.readItems(connection, key)]),
    write: async ({ pool, key, ids: [id = ''] }) => [await by.write(pool, key, id)],
    append: async ({ pool, key, ids: [id = ''] }) => [await by.append(pool, key, id)],
    'write-by-get': async ({ pool, key, ids: [id = ''] }) => [
      await by.writeByGet(pool, key, id),
      await by.read(pool, key),
    ],
    transaction: ({ pool, key, ids: [id = ''] }) =>
      by.inTransaction(pool, 'start transaction', async (connection) => [
        await by.read(connection, key),
        await by.write(connection, key, id),
        await by.read(connection, key),
      ]),
    'transaction-by-get': ({ pool, key, ids: [id = ''] }) =>
      by.inTransaction(pool, 'begin', async (connection) => {
        await by.ping(connection)
        return [await by.write(connection, key, id)]
      }),
    'write-asynchronously': ({ pool, key, ids: [id = ''] }) => by.writeAsynchronously(pool, key, id),
    'write-slowly': async ({ pool, key, ids: [id = ''] }) => {
      const written = await by.write(pool, key, id)
      await sleep(50 + 350 * Math.random())
      return [written]
    },
    'write-on-primary': async ({ pool, key, ids: [id = ''] }) => {
      const steps = await runOnPrimary(async () => [await by.write(pool, key, id), await by.read(pool, key)])
      return [...steps, await by.read(pool, key)]
    },
    'write-twice': async ({ pool, key, ids: [one = '', two = ''] }) => {
      const first = await runOnPrimary(() => by.write(pool, key, one))
      return [first, await by.write(pool, key, two), await by.read(pool, key)]
    },
    'write-in-parallel': ({ pool, key, ids: [one = '', two = ''] }) =>
      // Where its request is replayed for the first, the second is on its way all the same.
      Promise.all([by.write(pool, key, one), sleep(30).then(() => by.write(pool, key, two))]),
    'write-by-function': async ({ pool, key, ids: [one = '', two = ''] }) => {
      const first = await runOnPrimary(() => by.writeByFunction(pool, key, one))
      return [first, await by.write(pool, key, two), await by.read(pool, key)]
    },
    'write-awaited-late': async ({ pool, key, ids: [id = ''] }) => {
      const writing = by.write(pool, key, id)
      // Refused meanwhile, it is a rejection that no code handles; any other error waits to be awaited.
      void writing.catch((error: unknown) => {
        if (isPrimaryRequired(error)) throw error
      })
      await sleep(5)
      return [await writing, await by.read(pool, key)]
    },
    'write-in-two': ({ pool, other, keys: [one = '', two = ''], ids }) =>
      Promise.all([by.write(pool, one, ids[0] ?? ''), by.write(other, two, ids[1] ?? '')]),
    'read-other': async ({ other, key }) => [await by.read(other, key)],
    'write-late': async ({ pool, key, ids: [id = ''], response }) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(' ')
      return [await by.write(pool, key, id)]
    },
  }
}
