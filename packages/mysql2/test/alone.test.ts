import { runOnPrimary } from '@flyroute/core'
import { createDriver } from '@flyroute/mysql2'
import { startMariadb } from '@flyroute/testkit'
import { expect, test } from '@jest/globals'
import type { Connection } from 'mysql2/promise'
import { Bench } from './support/open.ts'

// A connection by itself is of a library's own pool, and never seen to be given back. What is set in its session holds for all of it,
// on whichever server.

const bench = new Bench(
  () => startMariadb({ replicas: 1 }),
  [
    'create database other',
    "grant all on other.* to 'app'@'%'",
    'create table app.item (note text)',
    'create table other.item (note text)',
  ],
)

const insert = "insert into item values (concat_ws('/', database(), @tenant, @@time_zone))"
const here = "select concat_ws('/', database(), @tenant, @@time_zone) as note"

const settings: [string, (connection: Connection) => Promise<unknown>][] = [
  [
    'one by one',
    async (connection) => {
      await connection.query('use other')
      await connection.query("set @tenant = 'b'")
      await connection.query("set time_zone = '+03:00'")
    },
  ],
  [
    'in a transaction that writes',
    async (connection) => {
      await connection.query('start transaction')
      await connection.query(insert)
      await connection.query("set @tenant = 'b', time_zone = '+03:00'")
      await connection.query('use other')
      await connection.query('commit')
    },
  ],
]

test.each(settings)('a setting holds where it was made, and where its session goes: %s', async (_, steps) => {
  await bench.primary.query('delete from other.item')
  const driver = createDriver({ env: bench.env, outsideRequest: 'primary' })
  const connection = driver.createConnection({}).promise()
  try {
    await runOnPrimary(async () => {
      await steps(connection)
      await connection.query(insert)
    })
    await connection.query(insert)
    const expected = { note: 'other/b/+03:00' }
    expect(await bench.primary.query('select note from other.item')).toEqual([expected, expected])
    const [rows] = await connection.query(`${here}, @@server_id as server`)
    const [{ server }] = (await bench.replica.query('select @@server_id as server')) as [{ server: number }]
    expect(rows).toEqual([{ ...expected, server }])
  } finally {
    await connection.end()
  }
})

test('what can be set by a value that is sent beside its text stays where it was set', async () => {
  await bench.primary.query('delete from app.item')
  const driver = createDriver({ env: bench.env, outsideRequest: 'primary' })
  const connection = driver.createConnection({}).promise()
  try {
    await runOnPrimary(() => connection.execute('set @tenant = ?', ['x']))
    await connection.query(insert)
    await connection.query(insert)
    expect(await bench.primary.query('select note from app.item')).toEqual([
      { note: expect.stringContaining('app/x/') },
      { note: expect.stringContaining('app/x/') },
    ])
  } finally {
    await connection.end()
  }
})
