import { connect } from 'node:net'
import { runOnPrimary } from '@flyroute/core'
import { startMariadb } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { expect, jest, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// How long connections last that lead through Fly Proxy, which closes those that are old.

const bench = new Bench(() => startMariadb({ replicas: 1 }), ['create table app.item (id int primary key)'])

/** A time of ours (ms) that passes in a moment. */
function quick(which: number): () => void {
  const { setTimeout: real } = globalThis
  const spy = jest
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation(((work: () => void, ms?: number) => real(work, ms === which ? 50 : ms)) as typeof setTimeout)
  return () => spy.mockRestore()
}

/** A pool by names of a network that is not here. */
function throughProxy(options: object = {}) {
  const ports = { 'near.flycast': bench.replica.port, 'home.flycast': bench.primary.port }
  const at = (host: string): string => bench.primary.url.replace(/@[^/]+/, `@${host}:6432`)
  const pool = bench.far({
    env: { ...bench.env, DATABASE_URL: at('home.flycast'), DATABASE_URL_AMS: at('near.flycast') },
    stream: ({ config }: { config: { host: keyof typeof ports } }) => connect(ports[config.host], '127.0.0.1'),
    ...options,
  })
  const ask = async (): Promise<number> => {
    const [rows] = await pool.query('select connection_id() as id')
    return (rows as { id: number }[])[0]!.id
  }
  const isGone = async (node: typeof bench.primary, id: number): Promise<void> => {
    expect(await node.query(`select id from information_schema.processlist where id = ${id}`)).toEqual([])
  }
  return { pool, ask, isGone }
}

test('a connection is closed when it is old: of the pool, and of the one to the primary', async () => {
  const restore = quick(600_000)
  try {
    const { ask } = throughProxy()
    for (const one of [ask, () => runOnPrimary(ask)]) {
      const first = await one()
      await eventually(async () => expect(await one()).not.toBe(first))
    }
  } finally {
    restore()
  }
})

test('one that is in use when it is old is closed when it is given back', async () => {
  const restore = quick(600_000)
  try {
    const { pool, ask, isGone } = throughProxy({ connectionLimit: 1 })
    const connection = await pool.getConnection()
    const [rows] = await connection.query('select connection_id() as id, sleep(0.2)')
    const [{ id }] = rows as [{ id: number }]
    expect((await connection.query('select connection_id() as id'))[0]).toEqual([{ id }])
    const next = ask()
    connection.release()
    expect(await next).not.toBe(id)
    await eventually(() => isGone(bench.replica, id))
  } finally {
    restore()
  }
})

test('one that is idle for five minutes is closed, unless the driver is told how to', async () => {
  const restore = quick(300_000)
  try {
    const { ask, isGone } = throughProxy()
    const id = await ask()
    await eventually(() => isGone(bench.replica, id))
    const own = throughProxy({ idleTimeout: 60_000 })
    const kept = await own.ask()
    await expect(eventually(() => own.isGone(bench.replica, kept), 300)).rejects.toThrow()
    expect(await own.ask()).toBe(kept)
  } finally {
    restore()
  }
})
