import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseReplication } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'
import { Bench } from '../support/open.ts'
import { Wire } from '../support/wire.ts'
import { AppInProcess } from './app-in-process.ts'

const bench = new Bench('create table one (value int); insert into one values (0)')
const work = {
  read: async (pool: { query(sql: string): Promise<{ rows: { value: number }[] }> }) =>
    (await pool.query('select value from one')).rows[0]?.value,
  write: (pool: { query(sql: string): Promise<unknown> }) => pool.query('update one set value = 1').then(() => null),
}

test('1,000 requests wait for a replica: it is asked where it stands by one question at a time', async () => {
  const oneWayMs = 10
  await using wire = await Wire.to(bench.replica.port)
  const env = { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) }
  const [far, near] = [bench.far({ env, replayCostMs: 60_000 }), bench.near()]
  const app = new AppInProcess({ ord: near, ams: far }, work, { waitTimeoutMs: 20_000 })
  // A new connection asks as well: all of the pool are opened before.
  await Promise.all(Array.from({ length: 10 }, () => far.query('select pg_sleep(0.1)')))
  await bench.replica.pauseReplay()
  const { token = '' } = await app.send('ord', { method: 'POST' })

  wire.delay(oneWayMs)
  const asked: number[] = []
  wire.onStatement = (text) => void (text.includes('pg_last_wal_replay_lsn') && asked.push(performance.now()))
  const sent = Promise.all(Array.from({ length: 1_000 }, () => app.send('ams', { token })))
  const replication = far.replication as DatabaseReplication
  while (replication.freshness.waiting < 1_000 || asked.length < 10) await sleep(10)
  await bench.replica.resumeReplay()
  const visits = await sent
  for (const { value, way } of visits) expect([value, way]).toEqual([1, ['ams']])
  // The next question leaves when the answer to the last one has crossed the wire.
  const pauses = asked.slice(1).map((at, index) => at - (asked[index] as number))
  expect(Math.min(...pauses)).toBeGreaterThan(2 * oneWayMs - 2)
}, 30_000)
