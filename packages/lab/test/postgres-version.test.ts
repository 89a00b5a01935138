import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type PostgresCluster, type PostgresNode, startPostgres, whyNoPostgres } from '../src/databases.ts'

// What all versions share is tested with npm's; here is that one of Debian's does the same, with a C library of its own.
const missing = await whyNoPostgres(19)
if (missing !== undefined) console.warn(`Skipped: ${missing}`)
const whereItIs = missing === undefined ? describe : describe.skip

whereItIs('Postgres 19', () => {
  let cluster: PostgresCluster
  let near: PostgresNode

  beforeAll(async () => {
    cluster = await startPostgres({ primary: 'ord', replicas: ['ams'], version: 19 })
    near = cluster.node('ams')
    await cluster.primary.query('CREATE TABLE notes (text text)')
    await cluster.caughtUp()
  }, 120_000)
  afterAll(() => cluster?.dispose())

  async function note(text: string): Promise<void> {
    await cluster.primary.query('INSERT INTO notes VALUES ($1)', [text])
  }

  async function has(node: PostgresNode, text: string): Promise<boolean> {
    return (await node.query('SELECT FROM notes WHERE text = $1', [text])).length === 1
  }

  test('it is that version, and its replica a hot standby', async () => {
    const version = "SELECT current_setting('server_version_num')::int / 10000 AS major"
    for (const node of cluster.nodes) expect(await node.query(version)).toEqual([{ major: 19 }])
    await expect(near.query('CREATE TABLE refused ()')).rejects.toMatchObject({ code: '25006' })
  })

  test('a replica is held behind, is killed and comes back, is joined by another, and is promoted', async () => {
    await near.pauseReplay()
    await note('late')
    await expect(cluster.caughtUp(50)).rejects.toThrow(/^ams stands at .* \(its replay is paused\)/)
    expect(await has(near, 'late')).toBe(false)
    await near.resumeReplay()
    await cluster.caughtUp()
    expect(await has(near, 'late')).toBe(true)

    await near.kill()
    await note('while it was dead')
    await near.start()
    const added = await cluster.addReplica('gru')
    await cluster.caughtUp()
    for (const node of [near, added]) expect(await has(node, 'while it was dead')).toBe(true)

    const old = cluster.primary
    await old.kill()
    await near.promote()
    await added.follow(near)
    await note('new reign')
    await cluster.caughtUp()
    expect(await has(added, 'new reign')).toBe(true)
  })
})

test('where it cannot be had, the way to have it is said, and the reason', async () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor
  Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' })
  try {
    const says =
      /^No Postgres 19 could be had here; run this in a container of Debian: docker run .*\nThe reason: postgresql-19 is fetched with apt/
    expect(await whyNoPostgres(19)).toMatch(says)
    await expect(startPostgres({ version: 19 })).rejects.toThrow(says)
  } finally {
    Object.defineProperty(process, 'platform', platform)
  }
})
