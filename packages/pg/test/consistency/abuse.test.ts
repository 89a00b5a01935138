import { setTimeout as sleep } from 'node:timers/promises'
import { encodeToken } from '@flyroute/core/adapter'
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Bench } from '../support/open.ts'
import { Wire } from '../support/wire.ts'
import { AppInProcess } from './app-in-process.ts'

const bench = new Bench('create table one (value int); insert into one values (0)')
const work = {
  read: async (pool: { query(sql: string): Promise<{ rows: unknown[] }> }) =>
    (await pool.query('select value from one')).rows.length,
  write: (pool: { query(sql: string): Promise<unknown> }) =>
    pool.query('update one set value = value + 1').then(() => null),
}
const secret = 'a secret of thirty-two characters'
const requests = 500

const asksForRoutines = (text: string): boolean => text.startsWith('with recursive writer')

/** What it costs the primary that a client sends 500 requests to a replica's region: statements, and connections. */
async function flood(
  send: (app: AppInProcess, index: number) => Promise<{ status: number; way: readonly string[] }>,
  secrets?: string,
) {
  await using wire = await Wire.to(bench.cluster.primary.port)
  const env = { ...bench.env, DATABASE_URL: wire.url(bench.cluster.primary.url) }
  const [far, near] = [bench.far({ env, replayCostMs: 100 }), bench.near({ env: { ...env, FLY_REGION: 'ord' } })]
  const app = new AppInProcess({ ord: near, ams: far }, work, secrets === undefined ? {} : { secret: secrets })
  await Promise.all(
    Array.from({ length: 10 }, () =>
      Promise.all([near.query('select pg_sleep(0.1)'), far.query('select pg_sleep(0.1)')]),
    ),
  )
  await Promise.all([near.replication.status(), far.replication.status()])
  // All that is asked in the background: which routines there are, once by each.
  while (wire.statements.filter(asksForRoutines).length < 2) await sleep(5)
  const before = { statements: wire.statements.length, connections: wire.connections }
  const ways: number[] = []
  for (let batch = 0; batch < requests; batch += 50) {
    const visits = await Promise.all(Array.from({ length: 50 }, (_, index) => send(app, batch + index)))
    for (const { status, way } of visits) {
      expect(status).toBe(200)
      ways.push(way.length)
    }
  }
  return {
    statements: wire.statements.length - before.statements,
    connections: wire.connections - before.connections,
    replayed: ways.filter((length) => length > 1).length,
  }
}

// Otherwise a replica's status is asked with a question to the primary behind it, when that was last heard.
beforeAll(() => bench.cluster.primary.query('grant pg_monitor to app').then(() => bench.cluster.caughtUp()))

describe('a client that sends 500 tokens', () => {
  let cluster = ''
  beforeEach(async () => {
    const [row] = await bench.cluster.primary.query<{ id: string }>(
      'select system_identifier::text as id from pg_control_system()',
    )
    cluster = row?.id ?? ''
  })
  const token = (more = {}, secrets: string[] = []) =>
    encodeToken(new Map([['app', { cluster, epoch: 1, at: 'FFFFFFF/0', time: Date.now(), ...more }]]), secrets)

  test('without the secret: the primary hears nothing of them', async () => {
    const signed = token({}, [secret])
    const kinds = [
      () => token(),
      () => token({}, ['another secret of the same length']),
      () => `${signed.slice(0, -1)}${signed.endsWith('A') ? 'B' : 'A'}`,
      () => token({ time: Date.now() - 2 * 86_400_000 }, [secret]),
      () => token({ time: Date.now() + 3_600_000 }, [secret]),
      () => 'x'.repeat(1_000_000),
      (index: number) => `1.${'A'.repeat(index)}`,
      () => Array.from({ length: 500 }, () => token()).join(','),
    ]
    const cost = await flood(
      (app, index) => app.send('ams', { token: kinds[index % kinds.length]?.(index) ?? '' }),
      secret,
    )
    expect(cost).toEqual({ statements: 0, connections: 0, replayed: 0 })
  })

  test('of others, which are signed and have been reached: nothing either', async () => {
    const near = bench.near()
    const app = new AppInProcess({ ord: near }, work, { secret })
    const { token: others } = await app.send('ord', { method: 'POST' })
    await bench.cluster.caughtUp()
    const cost = await flood((under) => under.send('ams', { token: others ?? '' }), secret)
    expect(cost).toEqual({ statements: 0, connections: 0, replayed: 0 })
  })

  test.each([
    ['of the far future', () => token()],
    ['of another cluster', () => token({ cluster: '1' })],
    ['of a timeline to come', () => token({ epoch: 9 })],
  ])('%s, where nothing is signed: no more than writes would cost', async (kind, forge) => {
    const writes = await flood((app) => app.send('ams', { method: 'POST' }))
    const forged = await flood(async (app) => {
      const visit = await app.send('ams', { token: forge() })
      // What only a later primary could have given is not for this one to answer.
      return kind === 'of a timeline to come' ? { ...visit, status: visit.status === 503 ? 200 : visit.status } : visit
    })
    expect(forged.statements).toBeLessThanOrEqual(writes.statements)
    // Our own connection is made anew, once: the name it was made by may lead to a later primary by now.
    const anew = kind === 'of a timeline to come' ? 1 : 0
    expect(forged.connections).toBeLessThanOrEqual(writes.connections + anew)
  })
})
