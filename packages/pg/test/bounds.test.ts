import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOnPrimary } from '@flyroute/core'
import { createDriver, createPool } from '@flyroute/pg'
import { expect, jest, test } from '@jest/globals'
import type pg from 'pg'
import { Bench } from './support/open.ts'

// How long connections last that lead through Fly Proxy, which closes those that are old.

const bench = new Bench('create table item (id int primary key)')

const fly = { FLY_REGION: 'ams', PRIMARY_REGION: 'iad' }
const managed = { ...fly, DATABASE_URL: 'postgres://u:p@pgbouncer.abc123.flympg.net/fly-db' }

async function boundsOf(pool: pg.Pool): Promise<unknown[]> {
  const { maxLifetimeSeconds, idleTimeoutMillis } = pool.options
  await pool.end()
  return [maxLifetimeSeconds, idleTimeoutMillis]
}

test('of Managed Postgres and behind flycast: ten minutes, five idle; elsewhere as the driver has it', async () => {
  const driver = createDriver({ env: managed })
  for (const pool of [
    createPool({ env: managed }),
    createPool('postgres://u:p@direct.abc123.flympg.net/fly-db'),
    createPool({ host: 'db.flycast', env: {} }),
    new driver.Pool(),
  ])
    expect(await boundsOf(pool)).toEqual([600, 300_000])
  expect(await boundsOf(createPool({ host: 'db.example', env: {} }))).toEqual([0, 10_000])
})

test('what the app says goes before, also of never', async () => {
  const env = managed
  expect(await boundsOf(createPool({ env, maxLifetimeSeconds: 60 }))).toEqual([60, 300_000])
  expect(await boundsOf(createPool({ env, maxLifetimeSeconds: 0, idleTimeoutMillis: 0 }))).toEqual([0, 0])
})

test('a connection is closed when it is old: of the pool, and of the one to the primary', async () => {
  const { setTimeout: real } = globalThis
  // Ten minutes pass in a moment.
  const quick = jest
    .spyOn(globalThis, 'setTimeout')
    .mockImplementation(((work: () => void, ms?: number) => real(work, ms === 600_000 ? 50 : ms)) as typeof setTimeout)
  try {
    const ports = { 'near.flycast': bench.replica.port, 'home.flycast': bench.cluster.primary.port }
    const { username, password } = new URL(bench.cluster.primary.url)
    const url = (host: keyof typeof ports): string => `postgres://${username}:${password}@${host}:6432/app`
    const pool = bench.far({
      env: { ...bench.env, DATABASE_URL: url('home.flycast'), DATABASE_URL_AMS: url('near.flycast') },
      stream: () => {
        const socket = new Socket()
        const { connect } = socket
        // Names of a network that is not here.
        socket.connect = ((_: number, host: keyof typeof ports) =>
          connect.call(socket, { port: ports[host], host: '127.0.0.1' } as never)) as typeof connect
        return socket
      },
    })
    const pid = async (): Promise<number> =>
      (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid
    for (const ask of [pid, () => runOnPrimary(pid)]) {
      const first = await ask()
      while ((await ask()) === first) await sleep(10)
    }
  } finally {
    quick.mockRestore()
  }
})
