import { readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { type PostgresCluster, type PostgresNode, startPostgres } from '../src/databases.ts'
import { answers, eventually, processesWith, runFixture } from './support.ts'

let cluster: PostgresCluster
let near: PostgresNode
let far: PostgresNode

beforeAll(async () => {
  cluster = await startPostgres({ primary: 'ord', replicas: ['ams', 'gru'] })
  near = cluster.node('ams')
  far = cluster.node('gru')
  await cluster.primary.query('CREATE TABLE notes (text text); ALTER TABLE notes OWNER TO app')
  await cluster.caughtUp()
})
afterAll(() => cluster.dispose())

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

async function count(node: PostgresNode, text: string): Promise<number> {
  return (await node.query('SELECT FROM notes WHERE text = $1', [text])).length
}

test('an application connects with a password, as an ordinary user who owns its database', async () => {
  const { rows } = await query(
    cluster.primary.url,
    'SELECT rolsuper, rolreplication, pg_get_userbyid(datdba) AS owner FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()',
  )
  expect(rows).toEqual([{ rolsuper: false, rolreplication: false, owner: 'app' }])
  await expect(query(cluster.primary.url.replace(/:[0-9a-f]{32}@/, ':wrong@'), 'SELECT 1')).rejects.toMatchObject({
    code: '28P01',
  })
})

test('the replicas are hot standbys that stream from the primary', async () => {
  await expect(query(near.url, 'CREATE TABLE refused ()')).rejects.toMatchObject({ code: '25006' })
  const streaming = await cluster.primary.query<{ application_name: string }>(
    "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'",
  )
  expect(streaming.map((row) => row.application_name).toSorted()).toEqual(['ams', 'gru'])
})

test('replay pauses and resumes; what waits for it says why it waits', async () => {
  await near.pauseReplay()
  await cluster.primary.query("INSERT INTO notes VALUES ('paused')")
  await expect(cluster.caughtUp(400)).rejects.toThrow(
    /^ams stands at .* did not reach .* in 400 ms \(its replay is paused\)/,
  )
  expect(await count(near, 'paused')).toBe(0)
  await near.resumeReplay()
  await cluster.caughtUp()
  expect(await count(near, 'paused')).toBe(1)
})

test('a delay applies to each transaction, and ends at once', async () => {
  await far.setApplyDelay(250)
  const start = performance.now()
  await cluster.primary.query("INSERT INTO notes VALUES ('delayed')")
  expect(await count(far, 'delayed')).toBe(0)
  await cluster.caughtUp()
  expect(performance.now() - start).toBeGreaterThan(245)
  expect(await count(far, 'delayed')).toBe(1)

  await far.setApplyDelay(60_000)
  await cluster.primary.query("INSERT INTO notes VALUES ('released')")
  await far.setApplyDelay(0)
  await cluster.caughtUp()
  expect(await count(far, 'released')).toBe(1)
})

test('a commit waits for a synchronous standby, and for nobody without one', async () => {
  await cluster.setSynchronous(['ams'])
  near.pauseProcess()
  let committed = false
  const insert = cluster.primary.query("INSERT INTO notes VALUES ('synchronous')").then(() => (committed = true))
  await eventually('the commit waits', async () => {
    const waiting = await query(cluster.primary.adminUrl, "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return waiting.rowCount === 1
  })
  expect(committed).toBe(false)
  near.resumeProcess()
  await insert
  await cluster.setSynchronous('none')
  near.pauseProcess()
  await cluster.primary.query("INSERT INTO notes VALUES ('alone')")
  near.resumeProcess()
})

test('a node whose processes are stopped accepts connections and does not answer', async () => {
  near.pauseProcess()
  expect(await answers(near.port)).toBe(true)
  const answer = query(near.url, 'SELECT 1').then(() => 'answered')
  expect(await Promise.race([answer, sleep(100, 'silent')])).toBe('silent')
  near.resumeProcess()
  expect(await answer).toBe('answered')
})

test('a killed node comes back on its port with its data', async () => {
  const { port } = near
  await near.kill()
  expect(near.isRunning).toBe(false)
  expect(await answers(port)).toBe(false)
  await expect(near.query('SELECT 1')).rejects.toThrow('ams is not running.')
  await cluster.primary.query("INSERT INTO notes VALUES ('while it was dead')")
  await near.start()
  await cluster.caughtUp()
  expect(near.port).toBe(port)
  expect(await count(near, 'while it was dead')).toBe(1)
})

test('settings take effect, those that need a restart too, and go back', async () => {
  await far.settings({ max_connections: 120, work_mem: '5MB' })
  expect(await far.query("SELECT current_setting('max_connections') AS a, current_setting('work_mem') AS b")).toEqual([
    { a: '120', b: '5MB' },
  ])
  await far.settings({ max_connections: null, work_mem: null })
  expect(await far.query("SELECT current_setting('max_connections') AS a, current_setting('work_mem') AS b")).toEqual([
    { a: '100', b: '4MB' },
  ])
})

test('a replica can be added while the primary runs', async () => {
  const added = await cluster.addReplica('syd')
  await cluster.primary.query("INSERT INTO notes VALUES ('for the newcomer')")
  await cluster.caughtUp()
  expect(await count(added, 'for the newcomer')).toBe(1)
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ams', 'gru', 'syd'])
})

test('a replica can be taken away', async () => {
  const added = await cluster.addReplica('sin')
  await cluster.removeReplica('sin')
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ams', 'gru', 'syd'])
  await expect(added.query('SELECT 1')).rejects.toThrow()
})

test('a replica is promoted, the others follow it, and the old primary returns as a replica', async () => {
  const old = cluster.primary
  await old.kill()
  await near.promote()
  expect(cluster.primary).toBe(near)
  await far.follow(near)
  await cluster.node('syd').follow(near)
  await query(near.url, "INSERT INTO notes VALUES ('new reign')")
  await old.follow(near)
  await cluster.caughtUp()
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ord', 'gru', 'syd'])
  for (const replica of cluster.replicas) expect(await count(replica, 'new reign')).toBe(1)
})

test('two clusters have identities and passwords of their own; a disposed one leaves nothing', async () => {
  const identity = 'SELECT system_identifier FROM pg_control_system()'
  const other = await startPostgres()
  expect(await other.primary.query(identity)).not.toEqual(await cluster.primary.query(identity))
  expect(new URL(other.primary.url).password).not.toBe(new URL(cluster.primary.url).password)
  const [{ data_directory: data }] = (await other.primary.query(
    "SELECT current_setting('data_directory') AS data_directory",
  )) as [{ data_directory: string }]
  expect(processesWith(data)).not.toEqual([])
  const workspace = data.split('/').find((part) => part.startsWith('flyroute-lab-')) as string
  expect(readdirSync(tmpdir())).toContain(workspace)
  await other.dispose()
  expect(processesWith(data)).toEqual([])
  expect(readdirSync(tmpdir())).not.toContain(workspace)
})

const workspacesOf = (pid: number): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`flyroute-lab-${pid}-`))

test('the servers die with a parent that was killed', async () => {
  const { child, line } = await runFixture('cluster-owner.ts')
  const ports = JSON.parse(line) as number[]
  child.kill('SIGKILL')
  await eventually('the workspace is gone', () => workspacesOf(child.pid).length === 0)
  expect(await Promise.all(ports.map(answers))).toEqual([false, false])
  expect(processesWith(`flyroute-lab-${child.pid}-`)).toEqual([])
})

test('where the guard was killed as well, the next start sweeps', async () => {
  const { child, line } = await runFixture('cluster-owner.ts')
  const ports = JSON.parse(line) as number[]
  for (const guard of processesWith('flyroute-guard').filter((text) => text.includes(`flyroute-lab-${child.pid}-`))) {
    process.kill(Number.parseInt(guard, 10), 'SIGKILL')
  }
  child.kill('SIGKILL')
  await eventually('the parent is dead', () => child.signalCode !== null)
  expect(await Promise.all(ports.map(answers))).toEqual([true, true])
  await using _next = await startPostgres()
  expect(await Promise.all(ports.map(answers))).toEqual([false, false])
  expect(workspacesOf(child.pid)).toEqual([])
})

test('data that are kept are there for the next cluster, which has the same users and new replicas', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flyroute-kept-'))
  await chmod(folder, 0o755)
  try {
    const first = await startPostgres({ data: folder })
    await query(first.primary.url, "CREATE TABLE kept AS SELECT 'still here' AS text")
    await first.dispose()
    await using second = await startPostgres({ data: folder, replicas: 1 })
    expect(new URL(second.primary.url).password).toBe(new URL(first.primary.url).password)
    for (const node of second.nodes) expect(await node.query('SELECT * FROM kept')).toEqual([{ text: 'still here' }])
    await second.primary.kill()
    await second.primary.start()
  } finally {
    await rm(folder, { recursive: true })
  }
})
