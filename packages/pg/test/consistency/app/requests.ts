import type { Step, WriteStep } from '@flyroute/testkit/checker'
import { type AppRequests, requestsBy } from '@flyroute/testkit/consistency/app'
import type { Pool, PoolClient } from 'pg'
import { appendToList, readList, readRegister, writeByFunction, writeRegister, writeRegisterText } from './schema.ts'

/** Something that runs statements: a pool, or one connection. */
type Queryable = Pick<Pool | PoolClient, 'query'>

/** How the app does what the workload asks for. */
export const requests: AppRequests<Pool> = requestsBy<Pool, PoolClient>({
  beginReading: 'begin isolation level repeatable read read only',
  ping: (client) => client.query('select 1'),
  async read(on, key) {
    const { rows } = await on.query(readRegister, [key])
    return { kind: 'read', key, version: rows[0]?.version ?? 0, last: rows[0]?.last }
  },
  async readItems(client, key) {
    const { rows } = await client.query(readList, [key])
    const items: string[] = rows[0]?.items ?? []
    return { kind: 'read', key, version: rows[0]?.version ?? 0, last: items.at(-1), items }
  },
  write,
  append: async (pool, key, id) =>
    written(await pool.query({ name: 'append', text: appendToList, values: [key, id] }), key, id),
  writeByGet: async (pool, key, id) => written(await pool.query(writeRegisterText(key, id)), key, id),
  writeByFunction: async (pool, key, id) => written(await pool.query(writeByFunction, [key, id]), key, id),
  writeAsynchronously: (pool, key, id) =>
    inTransaction(pool, 'begin', async (client) => {
      await client.query('set local synchronous_commit = off')
      return [{ ...(await write(client, key, id)), isAsynchronous: true }]
    }),
  inTransaction,
})

async function write(on: Queryable, key: string, id: string): Promise<WriteStep> {
  return written(await on.query(writeRegister, [key, id]), key, id)
}

function written({ rows }: { rows: readonly { version: number }[] }, key: string, id: string): WriteStep {
  return { kind: 'write', key, id, version: rows[0]?.version }
}

async function inTransaction(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<Step[]>,
): Promise<Step[]> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query(begin)
    const steps = await work(client)
    await client.query('commit')
    return steps
  } catch (error) {
    failure = error as Error
    await client.query('rollback').then(
      () => (failure = undefined),
      () => undefined,
    )
    throw error
  } finally {
    client.release(failure)
  }
}
