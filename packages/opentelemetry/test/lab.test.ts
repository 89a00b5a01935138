import { join } from 'node:path'
import type { ReplicationStatus } from '@flyroute/core'
import { type Lab, startLab } from '@flyroute/lab'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { type Scrape, scrape } from './support/scrape.ts'

// What each Machine has counted is what the lab's proxy has seen.

const command = [process.execPath, '--conditions=@flyroute/source', join(import.meta.dirname, 'app/main.ts')]
const regions = ['ord', 'ams', 'gru']
let lab: Lab

beforeAll(async () => {
  lab = await startLab({ regions, replicas: ['ams', 'gru'], command, rtt: { 'ord-ams': 90 } })
  const admin = new pg.Client(lab.databases.primary.adminUrl)
  await admin.connect()
  await admin.query('create table visit (id serial primary key); grant all on visit, visit_id_seq to app')
  await admin.end()
  await lab.databases.caughtUp()
}, 120_000)
afterAll(() => lab?.dispose())

const scrapeIn = (region: string): Promise<Scrape> => scrape(`http://127.0.0.1:${lab.machine(region).port}/-/metrics`)

async function statusIn(region: string): Promise<ReplicationStatus> {
  return (await (await fetch(`http://127.0.0.1:${lab.machine(region).port}/-/lag`)).json()) as ReplicationStatus
}

async function send(region: string, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await lab.fetch(region, path, init)
  await response.text()
  return response
}

/** How often each of these came, by its words. */
function tally(all: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const one of all) if (one !== undefined) counts[one] = (counts[one] ?? 0) + 1
  return counts
}

/** Each visit of a Machine in a region, as the proxy saw it. */
function hopsIn(region: string): { path: string; kind: string; replays: boolean; why: string; answered: boolean }[] {
  return lab.journal.entries.flatMap(({ path, hops }) =>
    hops
      .filter((hop) => hop.region === region)
      .map(({ kind, replays, why = '', status }) => ({ path, kind, replays, why, answered: status !== undefined })),
  )
}

/** The outcome and the reason of a visit: of the header `flyroute-debug`, or of the state of a replay. */
function outcomeOf(region: string, { replays, why, answered }: ReturnType<typeof hopsIn>[number]): string | undefined {
  if (!answered) return undefined
  if (replays) return `replayed ${/^flyroute:([\w-]+)/.exec(why)?.[1]}`
  const [, role, reason] = /role=(\w+); reason=([\w-]+)/.exec(why) ?? []
  return `${role === 'primary' && region !== lab.primaryRegion ? 'primary' : 'local'} ${reason}`
}

test('requests, replays and statements are those of the journal', async () => {
  const work: [string, string, RequestInit, number][] = [
    ['ams', '/read', {}, 20],
    ['gru', '/read', {}, 7],
    ['ord', '/read', {}, 3],
    ['ams', '/write', {}, 5],
    ['gru', '/write', {}, 2],
    ['ams', '/post', { method: 'POST', body: 'a' }, 4],
    ['ord', '/post', { method: 'POST', body: 'a' }, 2],
    // Too long for a replay.
    ['ams', '/long', { method: 'POST', body: 'a'.repeat(1_000_001) }, 3],
    ['ams', '/late', {}, 2],
    ['ams', '/fault', {}, 2],
  ]
  for (const [region, path, init, times] of work)
    for (let n = 0; n < times; n++) expect((await send(region, path, init)).status).toBe(200)

  for (const region of regions) {
    const found = await scrapeIn(region)
    const hops = hopsIn(region)
    expect(found.of('flyroute_requests_total')).toEqual(tally(hops.map((hop) => outcomeOf(region, hop))))
    const replayed = hops.filter(({ replays }) => replays)
    expect(found.of('flyroute_replays_total')).toEqual(
      tally(replayed.map(({ why }) => `${/^flyroute:([\w-]+)/.exec(why)?.[1]} ${region} ord`)),
    )
    expect(found.sum('flyroute_replay_cost_count')).toBe(replayed.length)
    expect(found.sum('flyroute_token_missed_total')).toBe(hops.filter(({ path }) => path === '/late').length)

    // Each visit whose handler runs has one statement: refused with the visit, or sent.
    const served = hops.filter(({ replays }) => !replays)
    const refused = replayed.filter(({ why }) => why.startsWith('flyroute:write'))
    const reads = served.filter(({ path }) => path === '/read' || path === '/fault')
    const writes = served.filter(({ path }) => path !== '/read' && path !== '/fault')
    const statements = {
      'local read select': reads.length,
      [`${region === 'ord' ? 'local' : 'primary'} write insert`]: writes.length,
      'nowhere write insert': refused.length,
    }
    const present = Object.fromEntries(Object.entries(statements).filter(([, count]) => count > 0))
    expect(found.of('flyroute_statements_total')).toEqual(present)
    expect(found.sum('db_client_operation_duration_count')).toBe(reads.length + writes.length)
    expect(found.of('db_client_operation_duration_count')['postgresql local 22012'] ?? 0).toBe(
      hops.filter(({ path }) => path === '/fault').length,
    )
  }
  // An ocean away, and not.
  const far = await scrapeIn('ams')
  const seconds = (route: string): number =>
    (far.of('db_client_operation_duration_sum')[route] ?? 0) /
    (far.of('db_client_operation_duration_count')[route] ?? 1)
  expect(seconds('postgresql primary')).toBeGreaterThan(0.08)
  expect(seconds('postgresql local')).toBeLessThan(0.08)
})

test('a wait in vain, and how far the replica is behind', async () => {
  await lab.databases.node('ams').pauseReplay()
  const written = await send('ord', '/post', { method: 'POST', body: 'a' })
  const cookie = String(written.headers.get('set-cookie')).split(';')[0] ?? ''
  lab.journal.clear()
  const before = await scrapeIn('ams')
  expect((await send('ams', '/read', { headers: { cookie } })).status).toBe(200)
  let status: ReplicationStatus
  do status = await statusIn('ams')
  while (!status.lagBytes || !status.lagSeconds)
  const after = await scrapeIn('ams')
  await lab.databases.node('ams').resumeReplay()
  const stale = hopsIn('ams').filter(({ why }) => why.startsWith('flyroute:stale'))
  expect(stale).toHaveLength(1)
  const grown = (name: string, series: string): number => (after.of(name)[series] ?? 0) - (before.of(name)[series] ?? 0)
  expect(grown('flyroute_replays_total', 'stale ams ord')).toBe(1)
  expect(grown('flyroute_wait_duration_count', 'false')).toBe(1)
  expect(after.of('flyroute_wait_pending')).toEqual({ app: 0 })
  expect(after.of('flyroute_replication_lag_bytes')['app']).toBe(status.lagBytes)
  expect(after.of('flyroute_replication_lag')['app']).toBeGreaterThanOrEqual(status.lagSeconds)
  expect(after.of('flyroute_replica_available')).toEqual({ app: 1 })
  // Known once the replica has what its primary had.
  let contact: number | undefined
  while (contact === undefined) {
    const { lastContactSeconds } = await statusIn('ams')
    contact = (await scrapeIn('ams')).of('flyroute_replication_last_contact')['app']
    expect(contact).toBe(lastContactSeconds)
  }
})

test('a replay that comes back, and a replica that is gone', async () => {
  lab.journal.clear()
  const before = await scrapeIn('gru')
  await lab.kill('ord')
  expect((await send('gru', '/write')).status).toBe(200)
  await lab.restart('ord')
  const after = await scrapeIn('gru')
  const fallbacks = hopsIn('gru').filter(({ kind }) => kind === 'fallback')
  expect(fallbacks.length).toBeGreaterThan(0)
  expect(after.sum('flyroute_replay_failed_total') - before.sum('flyroute_replay_failed_total')).toBe(fallbacks.length)

  await lab.databases.node('gru').kill()
  expect((await send('gru', '/read')).status).toBe(200)
  for (;;) if ((await scrapeIn('gru')).of('flyroute_replica_available')['app'] === 0) break
  await lab.databases.node('gru').start()
  for (;;) if ((await scrapeIn('gru')).of('flyroute_replica_available')['app'] === 1) break
})
