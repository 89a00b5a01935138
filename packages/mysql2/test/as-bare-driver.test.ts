import { createServer, connect as openSocket } from 'node:net'
import { createDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { describe, expect, test } from '@jest/globals'
import mysql from 'mysql2'
import { Bench } from './support/open.ts'

// Off Fly, and on the primary, what is made by our driver can be told from the driver's own by nothing that an app does.

const bench = new Bench(() => startMariadb(), [])

const onPrimary = { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }

type Connecting = (config: mysql.ConnectionOptions) => Promise<{ connection: mysql.Connection; end(): Promise<void> }>

describe.each([
  ['off Fly', {}],
  ['on the primary', onPrimary],
])('%s', (_, env) => {
  test('the error of a connection that cannot be made says where it was asked for', async () => {
    const server = createServer().listen(0)
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const connect = Reflect.get(createDriver({ env }), 'createConnectionPromise') as Connecting
    async function whoAsks(): Promise<unknown> {
      return connect({ host: '127.0.0.1', port }).catch((error: Error) => error.stack)
    }
    expect(await whoAsks()).toContain('whoAsks')
  })

  test('a connection has the listeners that it would have without us', async () => {
    const counts = []
    for (const driver of [mysql, createDriver({ env })]) {
      const connect = Reflect.get(driver, 'createConnectionPromise') as Connecting
      const { connection, end } = await connect({ uri: bench.primary.url }).then((promised) => ({
        connection: promised.connection,
        end: () => promised.end(),
      }))
      counts.push(['error', 'connect', 'end'].map((event) => connection.listenerCount(event)))
      await end()
    }
    expect(counts[1]).toEqual(counts[0])
  })

  test('so has the connection of a pool', async () => {
    const counts = []
    for (const driver of [mysql, createDriver({ env })]) {
      const pool = driver.createPool({ uri: bench.primary.url })
      const connection = await pool.promise().getConnection()
      counts.push(['error', 'connect', 'end'].map((event) => connection.connection.listenerCount(event)))
      connection.release()
      await pool.promise().end()
    }
    expect(counts[1]).toEqual(counts[0])
  })

  test('so has a pool', async () => {
    const counts = []
    for (const driver of [mysql, createDriver({ env })]) {
      const pool = driver.createPool({ uri: bench.primary.url })
      const connections: unknown[] = []
      pool.on('connection', (connection) => connections.push(connection))
      const connection = await pool.promise().getConnection()
      expect(connections).toEqual([connection.connection])
      counts.push(pool.eventNames())
      connection.release()
      await pool.promise().end()
    }
    expect(counts[1]).toEqual(counts[0])
  })

  test("what is put in place of a pool's method is used", async () => {
    const pool = createDriver({ env }).createPool({ uri: bench.primary.url })
    const bare = mysql.createPool({ uri: bench.primary.url })
    const prototype = Object.getPrototypeOf(bare) as mysql.Pool
    await bare.promise().end()
    const { getConnection } = prototype
    let calls = 0
    prototype.getConnection = function (this: mysql.Pool, callback) {
      calls++
      return getConnection.call(this, callback)
    }
    try {
      const connection = await pool.promise().getConnection()
      connection.release()
    } finally {
      prototype.getConnection = getConnection
      await pool.promise().end()
    }
    expect(calls).toBe(1)
  })
})

test('off Fly, outside of a request, the server is asked nothing of ours', async () => {
  const counts = []
  for (const driver of [mysql, createDriver({ env: {} })]) {
    const pool = driver.createPool({ uri: bench.primary.url }).promise()
    const [[row]] = await pool.query<mysql.RowDataPacket[]>("show session status like 'questions'")
    counts.push(row?.['Value'])
    await pool.end()
  }
  expect(counts[1]).toBe(counts[0])
})

test('promises are of the class that is asked for', async () => {
  class OwnPromise<T> extends Promise<T> {}
  const connect = Reflect.get(createDriver({ env: {} }), 'createConnectionPromise') as (options: object) => Promise<{
    query(sql: string): Promise<unknown>
    end(): Promise<void>
  }>
  const connecting = connect({ uri: bench.primary.url, Promise: OwnPromise })
  expect(connecting).toBeInstanceOf(OwnPromise)
  const connection = await connecting
  const answer = connection.query('select 1')
  expect(answer).toBeInstanceOf(OwnPromise)
  await answer
  await connection.end()
})

test('on a stream that the app has made we ask nothing of our own', async () => {
  const driver = createDriver({ env: onPrimary })
  const { hostname, port } = new URL(bench.primary.url)
  const stream = openSocket(Number(port), hostname)
  const connection = driver.createConnection({ uri: bench.primary.url, stream }).promise()
  await connection.query('select 1')
  await expect(driver.replication.status()).rejects.toThrow(TypeError)
  expect((await connection.query('select 1 as one'))[0]).toEqual([{ one: 1 }])
  await connection.end()
})
