import { setTimeout as sleep } from 'node:timers/promises'
import { encodeToken } from '@flyroute/core/adapter'
import type { FlyroutePool } from '@flyroute/pg'
import { whyNoPostgres } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Bench } from './support/open.ts'
import { Wire } from './support/wire.ts'

// From Postgres 19 on a standby waits by itself until it has replayed what is wanted. Older ones: see observer.test.ts.

const missing = await whyNoPostgres(19)
if (missing !== undefined) console.warn(`Skipped: ${missing}`)
const whereItIs = missing === undefined ? describe : describe.skip

const isWait = (sql: string): boolean =>
  /^wait for lsn '[0-9A-F]+\/[0-9A-F]+' with \(timeout '\d+ms', no_throw\); select /i.test(sql.replaceAll('\n', ''))

whereItIs('a server that waits by itself', () => {
  const bench = new Bench('create table item (id int)', { replicas: 1, version: 19 })
  let wire: Wire
  let far: FlyroutePool
  let near: FlyroutePool
  beforeEach(async () => {
    wire = await Wire.to(bench.replica.port)
    far = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: wire.url(bench.replica.url) } })
    near = bench.near()
  })
  afterEach(() => wire[Symbol.asyncDispose]())

  /** Writes, and gives the token. */
  async function write(): Promise<string> {
    const { state } = await inRequest(() => near.query('insert into item values (1)'))
    return encodeToken(state.positions)
  }

  /** How many connections stand at the server that wait for replay, and how many are there at all, of those that ask. */
  async function asking(): Promise<{ waiting: number; all: number }> {
    const [row] = await bench.replica.query<{ waiting: number; all: number }>(
      `select count(*) filter (where wait_event = 'WaitForWalReplay')::int as waiting, count(*)::int as all
       from pg_stat_activity where application_name = 'flyroute'`,
    )
    return row as { waiting: number; all: number }
  }

  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAt = Date.now() + 20_000
    while (!(await condition())) {
      if (Date.now() > giveUpAt) throw new Error(`Still not: ${String(condition)}`)
      await sleep(5)
    }
  }
  const isWaiting = async (): Promise<boolean> => (await asking()).waiting === 1

  test('what is held back for half a second is asked for a few times, not every few milliseconds', async () => {
    await bench.replica.setApplyDelay(500)
    const begun = performance.now()
    const token = await write()
    await far.replication.waitFor(token, { timeoutMs: 30_000 })
    expect(performance.now() - begun).toBeGreaterThan(450)
    await bench.replica.setApplyDelay(0)
    expect(wire.statements.filter(isWait).length).toBeGreaterThan(0)
    // With pauses of up to 20 ms it would be 25 at least.
    expect(wire.statements.length).toBeLessThan(15)
  })

  test('a thousand wait by one statement at a time, on one connection', async () => {
    await bench.replica.pauseReplay()
    const tokens: string[] = []
    for (let i = 0; i < 20; i++) tokens.push(await write())
    const waits = Promise.all(
      Array.from({ length: 1_000 }, (_, i) => far.replication.waitFor(tokens[i % 20] as string, { timeoutMs: 60_000 })),
    )
    waits.catch(() => undefined)
    // Now and then it looks about, and does not wait at that moment.
    const seen: Awaited<ReturnType<typeof asking>>[] = []
    await until(async () => seen.push(await asking()) >= 20 && seen.some(({ waiting }) => waiting === 1))
    for (const { all } of seen) expect(all).toBeLessThanOrEqual(1)
    await bench.replica.resumeReplay()
    await waits
    expect(wire.connections).toBe(1)
    await until(async () => (await asking()).waiting === 0)
  })

  test('who comes later and wants less is served first', async () => {
    await bench.replica.setApplyDelay(4_000)
    const early = await write()
    await sleep(1_000)
    const late = await write()
    const order: string[] = []
    const waits = [far.replication.waitFor(late, { timeoutMs: 60_000 }).then(() => order.push('late'))]
    await until(isWaiting)
    waits.push(far.replication.waitFor(early, { timeoutMs: 60_000 }).then(() => order.push('early')))
    await Promise.all(waits)
    await bench.replica.setApplyDelay(0)
    expect(order).toEqual(['early', 'late'])
  })

  test('an abort ends a wait at once, and the server is not told to wait again', async () => {
    await bench.replica.pauseReplay()
    const controller = new AbortController()
    const waiting = far.replication.waitFor(await write(), { timeoutMs: 60_000, signal: controller.signal })
    await until(isWaiting)
    controller.abort()
    expect(await rejection(waiting)).toMatchObject({ name: 'AbortError' })
    await until(async () => !(await isWaiting()))
    const asked = wire.statements.length
    // The lag is followed on.
    await until(() => wire.statements.length > asked + 1)
    expect(wire.statements.slice(asked).filter(isWait)).toEqual([])
    await bench.replica.resumeReplay()
  })

  test('a pool ends while the server waits', async () => {
    await bench.replica.pauseReplay()
    const waiting = rejection(far.replication.waitFor(await write(), { timeoutMs: 60_000 }))
    await until(isWaiting)
    const begun = performance.now()
    await far.end()
    expect(await waiting).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED' })
    expect(performance.now() - begun).toBeLessThan(10_000)
    await bench.replica.resumeReplay()
  })

  test('a server that is killed in the middle keeps nobody waiting, and waits again when it is back', async () => {
    await bench.replica.pauseReplay()
    const token = await write()
    const waiting = rejection(far.replication.waitFor(token, { timeoutMs: 60_000 }))
    await until(isWaiting)
    const begun = performance.now()
    await bench.replica.kill()
    expect(await waiting).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'stale' })
    expect(performance.now() - begun).toBeLessThan(20_000)
    await bench.replica.start()
    await bench.replica.setApplyDelay(300)
    const asked = wire.statements.length
    await until(
      async () => !(await far.replication.status().catch(() => ({ replicaUnavailable: true }))).replicaUnavailable,
    )
    await far.replication.waitFor(await write(), { timeoutMs: 60_000 })
    expect(wire.statements.slice(asked).some(isWait)).toBe(true)
    await bench.replica.setApplyDelay(0)
  })

  test('where it is cancelled there are pauses, and it is not tried again on that connection', async () => {
    await bench.replica.pauseReplay()
    const waiting = far.replication.waitFor(await write(), { timeoutMs: 60_000 })
    await until(isWaiting)
    await until(async () => {
      await bench.replica.query(
        "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'WaitForWalReplay'",
      )
      // A cancel that comes between two waits hits none; and a wait has a plain question before it.
      return !wire.statements.slice(-6).some(isWait)
    })
    const asked = wire.statements.length
    await until(() => wire.statements.length > asked + 5)
    await bench.replica.resumeReplay()
    await waiting
    expect(wire.statements.slice(asked).filter(isWait)).toEqual([])
    expect(wire.connections).toBe(1)
  })

  test('a promotion in the middle ends the wait where it leads to what is wanted', async () => {
    const node = await bench.cluster.addReplica()
    const pool = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: node.url } })
    await node.pauseReplay()
    const waiting = pool.replication.waitFor(await write(), { timeoutMs: 60_000 })
    await until(
      async () => (await node.query("select from pg_stat_activity where wait_event = 'WaitForWalReplay'")).length === 1,
    )
    await node.promote()
    await waiting
    expect(await pool.replication.status()).toMatchObject({ role: 'primary' })
  })

  test('and where it does not, who waits goes on by pauses', async () => {
    const node = await bench.cluster.addReplica()
    await using direct = await Wire.to(node.port)
    const pool = bench.far({ env: { ...bench.env, DATABASE_URL_AMS: direct.url(node.url) } })
    const { state } = await inRequest(() => near.query('insert into item values (2)'))
    const [[name, position] = []] = state.positions
    const beyond = encodeToken(new Map([[name as string, { ...(position as object), at: 'FFFF/0' } as never]]))
    const controller = new AbortController()
    const waiting = rejection(pool.replication.waitFor(beyond, { timeoutMs: 60_000, signal: controller.signal }))
    await until(() => direct.statements.some(isWait))
    await node.promote()
    await until(() => pool.replication.topology.role === 'primary')
    const asked = direct.statements.length
    const begun = performance.now()
    await until(() => direct.statements.length > asked + 3)
    const elapsed = performance.now() - begun
    const since = direct.statements.slice(asked)
    expect(since.filter(isWait)).toEqual([])
    expect(since.length).toBeLessThan(10 + elapsed / 2)
    controller.abort()
    await waiting
  })
})
