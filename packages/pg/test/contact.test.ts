import { setTimeout as sleep } from 'node:timers/promises'
import { healthResponse } from '@flyroute/core'
import { describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'

// How old a replica's word on its lag is: a cut replica has nothing to replay, and says 0 until it notices.

const bench = new Bench('create table item (id int)')

/** Asks until the replica has been silent for so long, or is not any more. */
async function contact(pool: ReturnType<Bench['far']>, isThere: (seconds: number | undefined) => boolean) {
  for (let look = 0; look < 300; look++) {
    const status = await pool.replication.status()
    if (isThere(status.lastContactSeconds)) return status
    await sleep(50)
  }
  throw new Error(`Not so in 15 s: ${JSON.stringify(await pool.replication.status())}`)
}

describe.each([
  ['a user with pg_monitor, by the receiver', true],
  ['an ordinary user, by what the primary had', false],
])('told to %s', (_, monitors) => {
  test('a silent primary makes it grow, while there is no lag', async () => {
    const admin = bench.bare(bench.cluster.primary.adminUrl)
    const user = new URL(bench.cluster.primary.url).username
    await admin.query(`${monitors ? 'grant' : 'revoke'} pg_monitor ${monitors ? 'to' : 'from'} "${user}"`)
    await admin.query('insert into item values (1)')
    await bench.cluster.caughtUp()
    const pool = bench.far()
    await contact(pool, (seconds) => seconds !== undefined && seconds < 1)
    bench.cluster.primary.pauseProcess()
    try {
      const cut = await contact(pool, (seconds) => (seconds ?? 0) > 2)
      expect(cut).toMatchObject({ role: 'replica', lagSeconds: 0, lagBytes: 0 })
      const { status, body } = await healthResponse({ databases: [pool], maxLastContactSeconds: 1 })
      expect(status).toBe(503)
      expect(JSON.parse(body).databases[0]).toMatchObject({
        lastContactSeconds: expect.any(Number),
        problem: 'the replica has not heard from its primary for longer than the threshold',
      })
      expect((await healthResponse({ databases: [pool] })).status).toBe(200)
    } finally {
      bench.cluster.primary.resumeProcess()
    }
    await admin.query('insert into item values (2)')
    await contact(pool, (seconds) => seconds !== undefined && seconds < 1)
  })
})

test('a primary has no such age', async () => {
  expect(await bench.near().replication.status()).not.toHaveProperty('lastContactSeconds')
})
