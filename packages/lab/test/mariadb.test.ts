import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { query } from '../src/databases/mysql-client.ts'
import { type MysqlCluster, type MysqlNode, startMariadb } from '../src/databases.ts'
import { answers, eventually, processesWith, runFixture } from './support.ts'

let cluster: MysqlCluster
let near: MysqlNode
let far: MysqlNode

beforeAll(async () => {
  cluster = await startMariadb({ primary: 'ord', replicas: ['ams', 'gru'] })
  near = cluster.node('ams')
  far = cluster.node('gru')
  await query(cluster.primary.url, 'CREATE TABLE notes (text VARCHAR(100) PRIMARY KEY)')
  await cluster.caughtUp()
}, 120_000) // the first time ever, the server is fetched
afterAll(() => cluster.dispose())

async function note(text: string): Promise<void> {
  await query(cluster.primary.url, 'INSERT INTO notes VALUES (?)', [text])
}

async function has(node: MysqlNode, text: string): Promise<boolean> {
  return (await query(node.url, 'SELECT 1 FROM notes WHERE text = ?', [text])).length === 1
}

test('it is MariaDB; an application connects with a password, as an ordinary user who owns its database', async () => {
  expect(await cluster.version()).toMatch(/MariaDB/)
  const grants = await query<Record<string, string>>(cluster.primary.url, 'SHOW GRANTS')
  const text = grants.flatMap((row) => Object.values(row)).map((grant) => grant.replace(/ IDENTIFIED.*/, ''))
  expect(text).toEqual(['GRANT USAGE ON *.* TO `app`@`%`', 'GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`'])
  const wrong = cluster.primary.url.replace(/:[0-9a-f]{32}@/, ':wrong@')
  await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
  const anybody = cluster.primary.adminUrl.replace(/:[0-9a-f]{32}@/, '@')
  await expect(query(anybody, 'SELECT 1')).rejects.toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
})

test('the replicas follow by GTID and refuse what an ordinary user writes', async () => {
  for (const replica of [near, far]) {
    await expect(query(replica.url, "INSERT INTO notes VALUES ('refused')")).rejects.toMatchObject({
      errno: 1290,
      sqlMessage: expect.stringMatching(/--read-only/),
    })
    const [status] = await replica.query('SHOW REPLICA STATUS')
    expect(status).toMatchObject({ Using_Gtid: 'Slave_Pos', Slave_IO_Running: 'Yes', Slave_SQL_Running: 'Yes' })
  }
  await note('for everybody')
  await cluster.caughtUp()
  expect(await Promise.all([near, far].map((replica) => has(replica, 'for everybody')))).toEqual([true, true])
  expect(await near.position()).toBe(await cluster.primary.position())
})

test('each server has a folder of its own for temporary tables: one that starts empties it', async () => {
  const folders = await Promise.all(
    [cluster.primary, near, far].map((node) => node.query<{ at: string }>('SELECT @@tmpdir AS at')),
  )
  expect(new Set([tmpdir(), ...folders.map(([row]) => row?.at)]).size).toBe(4)
})

test('replay pauses and resumes; what waits for it says why it waits', async () => {
  await near.pauseReplay()
  await note('paused')
  await expect(cluster.caughtUp(50)).rejects.toThrow(
    /^ams stands at 0-1-\d+ and did not reach 0-1-\d+ in 50 ms \(its replay is paused\)/,
  )
  expect(await has(near, 'paused')).toBe(false)
  await near.resumeReplay()
  await cluster.caughtUp()
  expect(await has(near, 'paused')).toBe(true)
})

test('a delay applies in whole seconds, and ends at once', async () => {
  await far.setApplyDelay(700)
  await note('delayed')
  await near.reaches(await cluster.primary.position(), 5_000)
  expect(await has(far, 'delayed')).toBe(false)
  await cluster.caughtUp()
  expect(await has(far, 'delayed')).toBe(true)

  await far.setApplyDelay(60_000)
  await note('released')
  await far.setApplyDelay(0)
  await cluster.caughtUp()
  expect(await has(far, 'released')).toBe(true)
})

test('a commit waits for a replica that is to confirm it, and for nobody without one', async () => {
  await cluster.setSynchronous(['ams'])
  near.pauseProcess()
  let committed = false
  const insert = note('confirmed').then(() => (committed = true))
  await eventually('the commit waits', async () => {
    const [status] = await cluster.primary.query<{ Value: string }>(
      "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'",
    )
    return status?.Value === '1'
  })
  expect(committed).toBe(false)
  near.resumeProcess()
  await insert
  await cluster.setSynchronous('none')
  near.pauseProcess()
  await note('alone')
  near.resumeProcess()
  await expect(cluster.setSynchronous(['ams', 'gru'])).rejects.toThrow(RangeError)
})

test('a node whose process is stopped accepts connections and does not answer', async () => {
  near.pauseProcess()
  expect(await answers(near.port)).toBe(true)
  const answer = query(near.url, 'SELECT 1').then(() => 'answered')
  expect(await Promise.race([answer, sleep(100, 'silent')])).toBe('silent')
  near.resumeProcess()
  expect(await answer).toBe('answered')
})

test('a killed node comes back on its port with its data, and goes on replicating', async () => {
  const { port } = near
  await near.kill()
  expect(near.isRunning).toBe(false)
  expect(await answers(port)).toBe(false)
  await expect(near.query('SELECT 1')).rejects.toThrow('ams is not running.')
  await note('while it was dead')
  await near.start()
  await cluster.caughtUp()
  expect(near.port).toBe(port)
  expect(await has(near, 'while it was dead')).toBe(true)
})

test('settings take effect, those that need a restart too, and go back; a wrong one changes nothing', async () => {
  const read = async (): Promise<unknown> =>
    (await far.query('SELECT @@GLOBAL.long_query_time AS a, @@back_log AS b, @@read_only AS c'))[0]
  const before = await read()
  await far.settings({ long_query_time: 5, back_log: 33, read_only: 'OFF' })
  expect(await read()).toEqual({ a: 5, b: 33, c: 0 })
  await far.settings({ long_query_time: null, back_log: null, read_only: null })
  expect(await read()).toEqual(before)
  await expect(far.settings({ no_such_setting: 1 })).rejects.toMatchObject({ code: 'ER_UNKNOWN_SYSTEM_VARIABLE' })
  await expect(far.settings({ log_bin: '/nowhere/binlog' })).rejects.toThrow(/^gru did not start:/)
  await cluster.caughtUp()
})

test('a replica can be added while the primary runs', async () => {
  const added = await cluster.addReplica('syd')
  expect(await has(added, 'for everybody')).toBe(true)
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ams', 'gru', 'syd'])
})

test('a replica can be taken away', async () => {
  const added = await cluster.addReplica('sin')
  await cluster.removeReplica('sin')
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ams', 'gru', 'syd'])
  await expect(added.query('SELECT 1')).rejects.toThrow()
})

test('a replica is promoted with all it has received, the others follow it, and the old primary returns', async () => {
  const old = cluster.primary
  await near.pauseReplay()
  await note('received, not applied')
  await far.reaches(await old.position(), 5_000)
  await eventually('it is received', async () => {
    const [status] = await near.query<{ Gtid_IO_Pos: string }>('SHOW REPLICA STATUS')
    return status?.Gtid_IO_Pos === (await old.position())
  })
  await old.kill()
  await near.promote()
  expect(cluster.primary).toBe(near)
  await far.follow(near)
  await cluster.node('syd').follow(near)
  await note('new reign')
  await old.follow(near)
  await cluster.caughtUp()
  expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ord', 'gru', 'syd'])
  for (const replica of cluster.replicas) {
    expect(await has(replica, 'received, not applied')).toBe(true)
    expect(await has(replica, 'new reign')).toBe(true)
    await expect(query(replica.url, 'DELETE FROM notes')).rejects.toMatchObject({ errno: 1290 })
  }
})

test('servers of one’s own are used, and left as they were', async () => {
  const [primary, replica] = [cluster.primary, cluster.replicas[0]] as [MysqlNode, MysqlNode]
  process.env['FLYROUTE_TEST_MARIADB_PRIMARY'] = primary.adminUrl
  process.env['FLYROUTE_TEST_MARIADB_REPLICA'] = replica.adminUrl
  try {
    await expect(startMariadb({ replicas: 1 })).rejects.toMatchObject({ code: 'ER_DB_CREATE_EXISTS' })
    await primary.query("DROP USER app@'%'")
    await primary.query('DROP DATABASE app')
    // An administrator's URL names no database, or not one of ours.
    process.env['FLYROUTE_TEST_MARIADB_PRIMARY'] = primary.adminUrl.replace(/app$/, '')
    const own = await startMariadb({ replicas: 1 })
    const [follower] = own.replicas as [MysqlNode]
    await query(own.primary.url, 'CREATE TABLE mine (id INT)')
    await own.caughtUp()
    expect(await query(follower.url, 'SELECT * FROM mine')).toEqual([])
    for (const deed of [follower.kill(), follower.stop(), follower.promote(), follower.follow(own.primary)])
      await expect(deed).rejects.toThrow(/your own/)
    await expect(own.addReplica()).rejects.toThrow(/FLYROUTE_TEST_MARIADB_REPLICA names 1/)
    await own.dispose()
    expect(await query(primary.adminUrl.replace(/app$/, ''), "SHOW DATABASES LIKE 'app'")).toEqual([])
  } finally {
    delete process.env['FLYROUTE_TEST_MARIADB_PRIMARY']
    delete process.env['FLYROUTE_TEST_MARIADB_REPLICA']
  }
})

const workspacesOf = (pid: number): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`flyroute-lab-${pid}-`))

test('the servers die with a parent that was killed', async () => {
  const { child, line } = await runFixture('mariadb-owner.ts')
  const ports = JSON.parse(line) as number[]
  child.kill('SIGKILL')
  await eventually('the workspace is gone', () => workspacesOf(child.pid).length === 0)
  expect(await Promise.all(ports.map(answers))).toEqual([false, false])
  expect(processesWith(`flyroute-lab-${child.pid}-`)).toEqual([])
})

test('where the guard was killed as well, the next start sweeps', async () => {
  const { child, line } = await runFixture('mariadb-owner.ts')
  const ports = JSON.parse(line) as number[]
  for (const guard of processesWith('flyroute-guard').filter((text) => text.includes(`flyroute-lab-${child.pid}-`)))
    process.kill(Number.parseInt(guard, 10), 'SIGKILL')
  child.kill('SIGKILL')
  await eventually('the parent is dead', () => child.signalCode !== null)
  expect(await Promise.all(ports.map(answers))).toEqual([true, true])
  const next = await startMariadb()
  await next.dispose()
  expect(await Promise.all(ports.map(answers))).toEqual([false, false])
  expect(workspacesOf(child.pid)).toEqual([])
})
