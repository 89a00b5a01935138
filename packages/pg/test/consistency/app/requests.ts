import { setTimeout as sleep } from 'node:timers/promises'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import type { Step, WriteStep } from '@flyroute/testkit/checker'
import type { AppRequests } from '@flyroute/testkit/consistency/app'
import type { Pool, PoolClient } from 'pg'
import { appendToList, readList, readRegister, writeByFunction, writeRegister, writeRegisterText } from './schema.ts'

/** Something that runs statements: a pool, or one connection. */
type Queryable = Pick<Pool | PoolClient, 'query'>

/** How the app does what the workload asks for. */
export const requests: AppRequests<Pool> = {
  read: async ({ pool, key }) => [await read(pool, key)],
  'read-list': async ({ pool, key }) =>
    inTransaction(pool, 'begin isolation level repeatable read read only', async (client) => [
      await readItems(client, key),
    ]),
  write: async ({ pool, key, ids }) => [await write(pool, key, ids[0])],
  append: async ({ pool, key, ids: [id = ''] }) => {
    const { rows } = await pool.query({ name: 'append', text: appendToList, values: [key, id] })
    return [{ kind: 'write', key, id, version: rows[0].version }]
  },
  'write-by-get': async ({ pool, key, ids: [id = ''] }) => {
    const { rows } = await pool.query(writeRegisterText(key, id))
    return [{ kind: 'write', key, id, version: rows[0].version }, await read(pool, key)]
  },
  transaction: async ({ pool, key, ids }) =>
    inTransaction(pool, 'begin', async (client) => [
      await read(client, key),
      await write(client, key, ids[0]),
      await read(client, key),
    ]),
  'transaction-by-get': async ({ pool, key, ids }) =>
    inTransaction(pool, 'begin', async (client) => {
      await client.query('select 1')
      return [await write(client, key, ids[0])]
    }),
  'write-asynchronously': async ({ pool, key, ids }) =>
    inTransaction(pool, 'begin', async (client) => {
      await client.query('set local synchronous_commit = off')
      return [{ ...(await write(client, key, ids[0])), isAsynchronous: true }]
    }),
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
    const { rows } = await runOnPrimary(() => pool.query(writeByFunction, [key, first]))
    const written: Step = { kind: 'write', key, id: first, version: rows[0].version }
    return [written, await write(pool, key, second), await read(pool, key)]
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

async function write(on: Queryable, key: string, id = ''): Promise<WriteStep> {
  const { rows } = await on.query(writeRegister, [key, id])
  return { kind: 'write', key, id, version: rows[0].version }
}

async function read(on: Queryable, key: string): Promise<Step> {
  const { rows } = await on.query(readRegister, [key])
  return { kind: 'read', key, version: rows[0]?.version ?? 0, last: rows[0]?.last }
}

async function readItems(on: Queryable, key: string): Promise<Step> {
  const { rows } = await on.query(readList, [key])
  const items: string[] = rows[0]?.items ?? []
  return { kind: 'read', key, version: rows[0]?.version ?? 0, last: items.at(-1), items }
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
