import { setTimeout as sleep } from 'node:timers/promises'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import type { Step } from '@flyroute/testkit/checker'
import type { AppRequests } from '@flyroute/testkit/consistency/app'
import type { ResultSetHeader, RowDataPacket } from 'mysql2'
import type { Pool, PoolConnection } from 'mysql2/promise'
import {
  appendToList,
  readList,
  readRegister,
  writeByFunction,
  writeRegister,
  writeRegisterReturning,
} from './schema.ts'

/** Something that runs statements: a pool, or one connection. */
type Queryable = Pick<Pool | PoolConnection, 'query' | 'execute'>

/** How the app does what the workload asks for. */
export function requestsOf(server: 'mariadb' | 'mysql'): AppRequests<Pool> {
  return server === 'mariadb' ? requests : { ...requests, 'write-by-get': writeByGet }
}

const requests: AppRequests<Pool> = {
  read: async ({ pool, key }) => [await read(pool, key)],
  'read-list': ({ pool, key }) =>
    inTransaction(pool, 'start transaction read only', async (connection) => [await readItems(connection, key)]),
  write: async ({ pool, key, ids }) => [await write(pool, key, ids[0])],
  append: async ({ pool, key, ids: [id = ''] }) => {
    const [[rows]] = await unlessDeadlocked(() => pool.query<RowDataPacket[][]>(appendToList, [key, id]))
    return [{ kind: 'write', key, id, version: rows?.[0]?.['version'] }]
  },
  'write-by-get': async ({ pool, key, ids: [id = ''] }) => {
    const [rows] = await unlessDeadlocked(() => pool.query<RowDataPacket[]>(writeRegisterReturning, [key, id]))
    return [{ kind: 'write', key, id, version: rows[0]?.['version'] }, await read(pool, key)]
  },
  transaction: ({ pool, key, ids }) =>
    inTransaction(pool, 'start transaction', async (connection) => [
      await read(connection, key),
      await write(connection, key, ids[0]),
      await read(connection, key),
    ]),
  'transaction-by-get': ({ pool, key, ids }) =>
    inTransaction(pool, 'begin', async (connection) => {
      await connection.query('select 1')
      return [await write(connection, key, ids[0])]
    }),
  // Without a statement that begins it.
  'write-asynchronously': ({ pool, key, ids }) =>
    inTransaction(pool, 'set autocommit = 0', async (connection) => [await write(connection, key, ids[0])]),
  'write-slowly': async ({ pool, key, ids }) => {
    const written = await write(pool, key, ids[0])
    await sleep(50 + 350 * Math.random())
    return [written]
  },
  'write-on-primary': async ({ pool, key, ids }) => {
    const steps = await runOnPrimary(async () => [await write(pool, key, ids[0]), await read(pool, key)])
    return [...steps, await read(pool, key)]
  },
  'write-twice': async ({ pool, key, ids }) => {
    const first = await runOnPrimary(() => write(pool, key, ids[0]))
    return [first, await write(pool, key, ids[1]), await read(pool, key)]
  },
  'write-in-parallel': ({ pool, key, ids }) =>
    // Where its request is replayed for the first, the second is on its way all the same.
    Promise.all([write(pool, key, ids[0]), sleep(30).then(() => write(pool, key, ids[1]))]),
  'write-by-function': async ({ pool, key, ids: [first = '', second] }) => {
    await runOnPrimary(() => unlessDeadlocked(() => pool.query(writeByFunction, [key, first])))
    return [{ kind: 'write', key, id: first }, await write(pool, key, second), await read(pool, key)]
  },
  'write-awaited-late': async ({ pool, key, ids }) => {
    const writing = write(pool, key, ids[0])
    // Refused meanwhile, it is a rejection that no code handles; any other error waits to be awaited.
    void writing.catch((error: unknown) => {
      if (isPrimaryRequired(error)) throw error
    })
    await sleep(5)
    return [await writing, await read(pool, key)]
  },
  'write-in-two': ({ pool, other, keys: [one = '', two = ''], ids }) =>
    Promise.all([write(pool, one, ids[0]), write(other, two, ids[1])]),
  'read-other': async ({ other, key }) => [await read(other, key)],
  'write-late': async ({ pool, key, ids, response }) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(' ')
    return [await write(pool, key, ids[0])]
  },
}

/** MySQL returns no rows of what it writes. */
const writeByGet: AppRequests<Pool>['write-by-get'] = async ({ pool, key, ids: [id = ''] }) => {
  await unlessDeadlocked(() => pool.query(writeRegister, [key, id]))
  return [{ kind: 'write', key, id }, await read(pool, key)]
}

async function write(on: Queryable, key: string, id = ''): Promise<Step> {
  const run = (): Promise<[ResultSetHeader, unknown]> => on.execute<ResultSetHeader>(writeRegister, [key, id])
  const [{ affectedRows }] = await ('getConnection' in on ? unlessDeadlocked(run) : run())
  return { kind: 'write', key, id, version: affectedRows === 1 ? 1 : undefined }
}

async function read(on: Queryable, key: string): Promise<Step> {
  const [[row]] = await on.execute<RowDataPacket[]>(readRegister, [key])
  return { kind: 'read', key, version: row?.['version'] ?? 0, last: row?.['last'] }
}

async function readItems(on: Queryable, key: string): Promise<Step> {
  const [[row]] = await on.query<RowDataPacket[]>(readList, [key])
  const items: string[] = row?.['items']?.split(',') ?? []
  return { kind: 'read', key, version: row?.['version'] ?? 0, last: items.at(-1), items }
}

function inTransaction(
  pool: Pool,
  begin: string,
  work: (connection: PoolConnection) => Promise<Step[]>,
): Promise<Step[]> {
  return unlessDeadlocked(async () => {
    const connection = await pool.getConnection()
    try {
      await connection.query(begin)
      const steps = await work(connection)
      await connection.commit()
      if (begin.startsWith('set')) await connection.query('set autocommit = 1')
      connection.release()
      return steps
    } catch (error) {
      // Whatever state it is in, nobody else is to get it.
      await connection.rollback().catch(() => undefined)
      connection.destroy()
      throw error
    }
  })
}

/** The server has rolled back the whole transaction: it may be tried again, as every app does. */
async function unlessDeadlocked<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ER_LOCK_DEADLOCK') throw error
    }
  }
}
