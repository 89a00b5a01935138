import type { Step } from '@flyroute/testkit/checker'
import { type AppRequests, requestsBy } from '@flyroute/testkit/consistency/app'
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
  return requestsBy<Pool, PoolConnection>({
    beginReading: 'start transaction read only',
    ping: (connection) => connection.query('select 1'),
    async read(on, key) {
      const [[row]] = await on.execute<RowDataPacket[]>(readRegister, [key])
      return { kind: 'read', key, version: row?.['version'] ?? 0, last: row?.['last'] }
    },
    async readItems(connection, key) {
      const [[row]] = await connection.query<RowDataPacket[]>(readList, [key])
      const items: string[] = row?.['items']?.split(',') ?? []
      return { kind: 'read', key, version: row?.['version'] ?? 0, last: items.at(-1), items }
    },
    write,
    async append(pool, key, id) {
      const [[rows]] = await unlessDeadlocked(() => pool.query<RowDataPacket[][]>(appendToList, [key, id]))
      return { kind: 'write', key, id, version: rows?.[0]?.['version'] }
    },
    async writeByGet(pool, key, id) {
      // MySQL returns no rows of what it writes.
      const text = server === 'mariadb' ? writeRegisterReturning : writeRegister
      const [rows] = await unlessDeadlocked(() => pool.query<RowDataPacket[]>(text, [key, id]))
      return { kind: 'write', key, id, version: rows[0]?.['version'] }
    },
    async writeByFunction(pool, key, id) {
      await unlessDeadlocked(() => pool.query(writeByFunction, [key, id]))
      return { kind: 'write', key, id }
    },
    // Without a statement that begins it.
    writeAsynchronously: (pool, key, id) =>
      inTransaction(pool, 'set autocommit = 0', async (connection) => [await write(connection, key, id)]),
    inTransaction,
  })
}

async function write(on: Queryable, key: string, id: string): Promise<Step> {
  const run = (): Promise<[ResultSetHeader, unknown]> => on.execute<ResultSetHeader>(writeRegister, [key, id])
  const [{ affectedRows }] = await ('getConnection' in on ? unlessDeadlocked(run) : run())
  return { kind: 'write', key, id, version: affectedRows === 1 ? 1 : undefined }
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
      // In whatever state it is, it serves no other request.
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
