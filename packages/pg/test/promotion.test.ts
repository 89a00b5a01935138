import { replayable } from '@flyroute/core/fetch'
import { createPool, type FlyroutePool } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'

// A process must not keep a belief that stops it from asking: a replica that was promoted is found out whatever its region is sent.

let cluster: PostgresCluster
let primary: PostgresCluster['primary']
let replica: PostgresCluster['primary']

beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
  const [first, second] = cluster.nodes as [PostgresCluster['primary'], PostgresCluster['primary']]
  ;[primary, replica] = [first, second]
  await primary.query('create table item (id serial primary key)')
  await primary.query('alter table item owner to app')
  await cluster.caughtUp()
}, 60_000)
afterAll(() => cluster.dispose())

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** The replica becomes the primary, with all that the old one has acknowledged. */
async function promote(): Promise<void> {
  await primary.stop('fast')
  await replica.promote()
  ;[primary, replica] = [replica, primary]
}

/** The app as it runs in a region: POST writes, GET reads. */
function appIn(region: 'ord' | 'ams', [ord, ams]: readonly string[]): (request: Request) => Promise<Response> {
  const env = {
    FLY_REGION: region,
    PRIMARY_REGION: 'ord',
    FLY_MACHINE_ID: `${region}00112233`,
    DATABASE_URL: ord,
    DATABASE_URL_AMS: ams,
  }
  const pool: FlyroutePool = createPool({ env, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => undefined)
  ends.push(() => pool.end())
  const run = async (request: Request): Promise<Response> => {
    const text = request.method === 'POST' ? 'insert into item default values returning id' : 'select 0 as id'
    const { rows } = await pool.query<{ id: number }>(text)
    return Response.json(rows[0]?.id)
  }
  return replayable(run, { databases: [pool] })
}

/** Sends a request until it is served here, and tells how long (ms) that took. */
async function servedAfter(app: (request: Request) => Promise<Response>, make: () => Request): Promise<number> {
  const begun = performance.now()
  for (;;) {
    const { status, headers } = await app(make())
    const tookMs = performance.now() - begun
    if ((status === 200 && !headers.has('fly-replay')) || tookMs > 5_000) return tookMs
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function get(headers: Record<string, string> = {}): Request {
  return new Request('http://app/', { headers })
}

function post(headers: Record<string, string> = {}): Request {
  return new Request('http://app/', { method: 'POST', headers })
}

/** A token as it is given where no position could be had: the primary until a time. */
function untilToken(): Record<string, string> {
  return { 'flyroute-token': `1.${Buffer.from(JSON.stringify([['app', Date.now() + 9_000]])).toString('base64url')}` }
}

describe.each(['gone', 'a standby of the new one'])('the local replica is promoted, the old primary is %s', (old) => {
  test.each([
    ['nothing but POST', () => post()],
    ['nothing but reads for which only the primary will do', () => get(untilToken())],
    ['nothing but replays that came back', () => post({ 'fly-replay-failed': 'reason=timeout' })],
  ])('%s: it is served here within a second', async (name, make) => {
    const servedAfterPromotion = async (): Promise<number> => {
      await cluster.caughtUp()
      const app = appIn('ams', [primary.url, replica.url])
      expect((await app(get())).status).toBe(200)
      expect((await app(post())).headers.has('fly-replay')).toBe(true)
      await promote()
      if (old !== 'gone') await replica.follow(primary)
      try {
        // A replay that came back may have run elsewhere, so it is never served here: what comes behind it is.
        const isBack = name.includes('came back')
        if (isBack) expect((await app(make())).status).toBe(503)
        return await servedAfter(app, isBack ? () => post() : make)
      } finally {
        if (old === 'gone') await replica.follow(primary)
      }
    }
    let tookMs = Number.POSITIVE_INFINITY
    // A busy machine makes one of them late.
    for (let attempts = 0; attempts < 3 && tookMs >= 1_000; attempts++) tookMs = await servedAfterPromotion()
    expect(tookMs).toBeLessThan(1_000)
  })
})

test('the roles change under load: each process is right within a second, and no write is lost', async () => {
  await cluster.caughtUp()
  const urls = [primary.url, replica.url]
  let [here, there] = [appIn('ord', urls), appIn('ams', urls)]
  const acknowledged: number[] = []
  let inTime = 0
  // A busy machine makes one of them late.
  for (let rounds = 0; rounds < 6 && inTime < 3; rounds++) {
    const isOver = new AbortController()
    const load = [here, there, here, there].map(async (app) => {
      while (!isOver.signal.aborted) {
        const response = await app(post())
        if (response.status === 200 && !response.headers.has('fly-replay')) {
          acknowledged.push((await response.json()) as number)
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })
    const before = acknowledged.length
    while (acknowledged.length < before + 10) await new Promise((resolve) => setTimeout(resolve, 10))
    await promote()
    await replica.follow(primary)
    ;[here, there] = [there, here]
    const hereMs = await servedAfter(here, post)
    // The other one has a replica now, and must not answer as a primary.
    const begun = performance.now()
    while ((await there(post())).status === 200 && performance.now() - begun < 5_000);
    if (Math.max(hereMs, performance.now() - begun) < 1_000) inTime++
    isOver.abort()
    await Promise.all(load)
  }
  expect(inTime).toBe(3)
  const rows = await primary.query<{ id: number }>('select id from item')
  const kept = new Set(rows.map(({ id }) => id))
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])
}, 120_000)
