import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { query } from '../src/databases/mysql-client.ts'
import { type MysqlCluster, type MysqlNode, startMysql, whyNoMysql } from '../src/databases.ts'

// What MySQL shares with MariaDB is tested there; here is what is its own, and that the steps of a failover work on it too.
const missing = await whyNoMysql()
if (missing !== undefined) console.warn(`Skipped: ${missing}`)
const whereThereIsMysql = missing === undefined ? describe : describe.skip

whereThereIsMysql('MySQL', () => {
  let cluster: MysqlCluster
  let near: MysqlNode
  let far: MysqlNode

  beforeAll(async () => {
    cluster = await startMysql({ primary: 'ord', replicas: ['ams', 'gru'] })
    near = cluster.node('ams')
    far = cluster.node('gru')
    await query(cluster.primary.url, 'CREATE TABLE notes (text VARCHAR(100) PRIMARY KEY)')
    await cluster.caughtUp()
  }, 60_000)
  afterAll(() => cluster.dispose())

  async function note(text: string): Promise<void> {
    await query(cluster.primary.url, 'INSERT INTO notes VALUES (?)', [text])
  }

  async function has(node: MysqlNode, text: string): Promise<boolean> {
    return (await query(node.url, 'SELECT 1 FROM notes WHERE text = ?', [text])).length === 1
  }

  test('it is MySQL, 8 at least; an application is an ordinary user who owns its database', async () => {
    expect(await cluster.version()).toMatch(/^(8|9|[1-9]\d)\.\d+\.\d+(?!.*MariaDB)/)
    const grants = await query<Record<string, string>>(cluster.primary.url, 'SHOW GRANTS')
    expect(grants.flatMap((row) => Object.values(row))).toEqual([
      'GRANT USAGE ON *.* TO `app`@`%`',
      'GRANT ALL PRIVILEGES ON `app`.* TO `app`@`%`',
    ])
    const users = await cluster.primary.query("SELECT user, host FROM mysql.user WHERE user NOT LIKE 'mysql.%'")
    expect(users).toEqual([
      { user: 'app', host: '%' },
      { user: 'root', host: '%' },
    ])
  })

  test('the replicas follow by GTID and refuse what an ordinary user writes, or anybody', async () => {
    await expect(query(near.url, "INSERT INTO notes VALUES ('refused')")).rejects.toMatchObject({
      errno: 1290,
      sqlMessage: expect.stringMatching(/--read-only/),
    })
    await near.settings({ super_read_only: 'ON' })
    await expect(query(near.adminUrl, "INSERT INTO notes VALUES ('refused')")).rejects.toMatchObject({
      errno: 1290,
      sqlMessage: expect.stringMatching(/--super-read-only/),
    })
    const [status] = await near.query('SHOW REPLICA STATUS')
    expect(status).toMatchObject({ Auto_Position: 1, Replica_IO_Running: 'Yes', Replica_SQL_Running: 'Yes' })
    expect(await near.position()).toBe(await cluster.primary.position())
  })

  test('replay pauses and resumes, and a delay applies in whole seconds', async () => {
    await near.pauseReplay()
    await far.setApplyDelay(700)
    await note('late')
    expect(await has(far, 'late')).toBe(false)
    await far.reaches(await cluster.primary.position(), 5_000)
    expect(await has(far, 'late')).toBe(true)
    await far.setApplyDelay(0)
    await expect(cluster.caughtUp(50)).rejects.toThrow(
      /^ams stands at \S+ and did not reach \S+ in 50 ms \(its replay is paused\)/,
    )
    expect(await has(near, 'late')).toBe(false)
    await near.resumeReplay()
    await cluster.caughtUp()
    expect(await has(near, 'late')).toBe(true)
  })

  test('a killed replica comes back; a promoted one is followed by the others and by the old primary', async () => {
    const old = cluster.primary
    await far.kill()
    await note('while it was dead')
    await far.start()
    await cluster.caughtUp()
    expect(await has(far, 'while it was dead')).toBe(true)

    await old.kill()
    await near.promote() // although it was super_read_only
    await far.follow(near)
    await note('new reign')
    await old.follow(near)
    await cluster.caughtUp()
    expect(cluster.replicas.map((replica) => replica.name)).toEqual(['ord', 'gru'])
    for (const replica of cluster.replicas) {
      expect(await has(replica, 'while it was dead')).toBe(true)
      expect(await has(replica, 'new reign')).toBe(true)
    }
  })

  test('a commit waits for as many replicas as are to confirm it', async () => {
    await cluster.setSynchronous(['ord', 'gru'])
    await note('confirmed twice')
    const [status] = await cluster.primary.query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_yes_tx'")
    expect(status).toMatchObject({ Value: '1' })
    await cluster.setSynchronous('none')
  })
})
