import { expect, test } from '@jest/globals'
import { type HealthOptions, healthResponse } from '../src/health.ts'
import type { ReplicationStatus } from '../src/replication/types.ts'
import { FakeDatabase } from './support/fake-database.ts'
import { Regions } from './support/postgres.ts'

const regions = new Regions('create table note (id serial primary key, text text)')
const insert = "insert into note (text) values ('x')"

type Database = HealthOptions['databases'][number]

async function health(given: Database | readonly Database[], options: Omit<HealthOptions, 'databases'> = {}) {
  const all = [given].flat() as Database[]
  const { status, headers, body } = await healthResponse({ databases: all, ...options })
  expect(headers).toEqual({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  const { healthy, databases } = JSON.parse(body) as {
    healthy: boolean
    databases: { name: string; healthy: boolean; problem?: string; [fact: string]: unknown }[]
  }
  expect(healthy).toBe(status === 200)
  return { status, databases, database: databases[0] as (typeof databases)[0] }
}

async function until(status: number, check: () => Promise<{ status: number }>): Promise<void> {
  while ((await check()).status !== status) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('says role, region and lag of each database', async () => {
  await using home = regions.pool('ord')
  await using away = regions.pool('ams', { name: 'far' })
  expect(await health(home)).toEqual({
    status: 200,
    database: { name: 'app', healthy: true, role: 'primary', region: 'ord', lagSeconds: 0 },
    databases: [expect.anything()],
  })
  const both = await health([home, away])
  expect(both.status).toBe(200)
  expect(both.databases[1]).toEqual({
    name: 'far',
    healthy: true,
    role: 'replica',
    region: 'ams',
    lagBytes: expect.any(Number),
    lagSeconds: expect.any(Number),
  })
})

test('fails until the replica has first caught up, then lag is no failure unless asked for', async () => {
  await regions.replica.pauseReplay()
  try {
    await regions.primary.query(insert)
    // What a machine finds that has been away for a while.
    const age = 'select extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8 as age'
    while (((await regions.replica.query<{ age: number }>(age))[0]?.age ?? 0) <= 2) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await using pool = regions.pool('ams')
    expect((await health(pool)).database).toMatchObject({
      healthy: false,
      problem: 'the replica has not caught up yet',
    })
    await regions.replica.resumeReplay()
    await until(200, () => health(pool))
    await regions.replica.pauseReplay()
    await regions.primary.query(insert)
    await until(503, () => health(pool, { maxLagSeconds: 0.5 }))
    expect((await health(pool)).status).toBe(200)
    await until(503, () => health(pool, { maxLagBytes: 10 }))
    expect((await health(pool, { maxLagBytes: 1e9, maxLagSeconds: 1e9 })).status).toBe(200)
  } finally {
    await regions.replica.resumeReplay()
  }
})

test('an idle primary is no lag', async () => {
  await using pool = regions.pool('ams')
  await regions.cluster.caughtUp()
  await until(200, () => health(pool))
  // Longer than the threshold, without a write.
  await new Promise((resolve) => setTimeout(resolve, 120))
  expect((await health(pool, { maxLagSeconds: 0.1 })).database).toMatchObject({ healthy: true, lagSeconds: 0 })
})

test('passes while only the replica is gone, fails while nobody can be reached, within its time-out', async () => {
  await using pool = regions.pool('ams')
  await until(200, () => health(pool))
  await regions.replica.kill()
  const gone = await health(pool)
  expect(gone.status).toBe(200)
  expect(gone.database.problem).toMatch(/^the replica cannot be reached( \(\w+\))?; its requests are replayed$/)
  regions.primary.pauseProcess()
  try {
    const begun = performance.now()
    const dead = await health(pool, { timeoutMs: 200 })
    // By itself it would wait for two seconds, of the replica and of the primary.
    expect(performance.now() - begun).toBeLessThan(3_500)
    expect(dead).toMatchObject({ status: 503, database: { healthy: false, region: 'ams' } })
    expect(dead.database.problem).toMatch(/^no member can be reached \(\w+\)$/)
    expect(JSON.stringify(dead)).not.toMatch(/password|postgres:/)
  } finally {
    regions.primary.resumeProcess()
    await regions.replica.start()
  }
  await until(200, async () => ({ status: (await health(pool)).database.problem === undefined ? 200 : 503 }))
})

test.each([
  ['seconds of lag', { lagSeconds: 600 }, 503],
  ['no seconds, and bytes that are missing', { lagBytes: 1 }, 503],
  ['no seconds, and no bytes missing', { lagBytes: 0 }, 200],
  ['nothing at all', {}, 200],
])('a server that tells %s', async (_, told, status) => {
  const { replication } = new FakeDatabase()
  const answer = {
    role: 'replica',
    region: 'ams',
    position: '0/1',
    replicaUnavailable: false,
    ...told,
  } as ReplicationStatus
  expect(await health({ replication: { ...plain(replication), status: async () => answer } })).toMatchObject({ status })
})

function plain({ topology, currentToken, waitFor }: FakeDatabase['replication']) {
  return { topology, currentToken, waitFor }
}
