import { join } from 'node:path'
import { type FlyrouteDatabase, openDatabase } from '@flyroute/better-sqlite3'
import { healthResponse, isPrimaryRequired, runOnPrimary, runWithToken } from '@flyroute/core'
import { replayable } from '@flyroute/core/fetch'
import { eventually } from '@flyroute/testkit/eventually'
import { type LitefsCluster, startLitefs } from '@flyroute/testkit/litefs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { App, openOn } from './support/app.ts'

let cluster: LitefsCluster
let app: App
let lastId = 0
beforeAll(async () => {
  cluster = await startLitefs({ nodes: ['ord', 'ams', 'nrt'] })
})
beforeEach(async () => {
  app?.[Symbol.dispose]()
  await cluster.promote('ord')
  app = new App(cluster, ['ord', 'ams', 'nrt'], { replayBeforeHandler: [] })
  app.on('ord').exec('create table if not exists post (id integer primary key, title text)')
  await cluster.caughtUp()
})
afterAll(async () => {
  app?.[Symbol.dispose]()
  await cluster?.dispose()
})

const nextId = (): number => ++lastId
const insert = "insert into post values (?, 'new')"
const titles = (db: Database.Database, id: number): unknown[] =>
  db.prepare('select title from post where id = ?').pluck().all(id)

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('It was to be refused, and was not')
}

describe('routing', () => {
  test("it is the driver's own database, and reads what its node has", async () => {
    const [far, near] = [app.on('ams'), app.on('ord')]
    expect(far).toBeInstanceOf(Database)
    expect(far.constructor).toBe(Database)
    expect(Object.keys(far)).toEqual([...Object.keys(new Database(':memory:')), 'replication'])
    const id = nextId()
    near.prepare(insert).run(id)
    await cluster.caughtUp()
    expect(titles(far, id)).toEqual(['new'])
    expect([far, near].map(({ replication }) => replication.topology.role)).toEqual(['replica', 'primary'])
  })

  test("a write on a replica is replayed on the primary's machine, once", async () => {
    const id = nextId()
    const answer = await app.send('ams', (db) => db.prepare(insert).run(id).changes)
    expect(answer).toMatchObject({ status: 200, value: 1, way: ['ams', 'ord'], token: expect.any(String) })
    expect(titles(app.on('ord'), id)).toEqual(['new'])
  })

  test('… even if somebody swallows the refusal', async () => {
    const id = nextId()
    const answer = await app.send('ams', (db) => {
      try {
        db.prepare(insert).run(id)
      } catch {}
    })
    expect(answer.way).toEqual(['ams', 'ord'])
    expect(titles(app.on('ord'), id)).toEqual(['new'])
  })

  test('status() and health tell role, position and region', async () => {
    const { position } = await app.on('ord').replication.status()
    expect(position).toMatch(/^[0-9a-f]{16}$/)
    expect(await app.on('ams').replication.status()).toMatchObject({ role: 'replica', region: 'ams', position })
    expect(await healthResponse({ databases: [app.on('ams')] })).toMatchObject({ status: 200 })
  })
})

describe('refusals', () => {
  const far = (): Database.Database => app.on('ams')
  const refusal = { code: 'ERR_PRIMARY_REQUIRED', reason: 'write', target: { instance: 'ord' } }

  test.each([
    ['run', (db: Database.Database) => db.prepare(insert).run(999)],
    ['get of a RETURNING', (db) => db.prepare(`${insert} returning id`).get(999)],
    ['all of a RETURNING', (db) => db.prepare(`${insert} returning id`).all(999)],
    ['iterate of a RETURNING', (db) => [...db.prepare(`${insert} returning id`).iterate(999)]],
    ['pluck', (db) => db.prepare(`${insert} returning id`).pluck().get(999)],
    ['raw', (db) => db.prepare(`${insert} returning id`).raw().get(999)],
    ['bind', (db) => db.prepare(insert).bind(999).run()],
    ['a CTE', (db) => db.prepare('with n as (select 999 id) insert into post select id, 1 from n').run()],
    ['exec', (db) => db.exec("insert into post values (999, 'x')")],
    ['exec of several', (db) => db.exec("select 1; insert into post values (999, 'x')")],
    ['DDL', (db) => db.exec('create table other (id int)')],
    ['BEGIN IMMEDIATE', (db) => db.prepare('begin immediate').run()],
    ['transaction', (db) => db.transaction(() => db.prepare(insert).run(999))()],
    ['transaction.deferred', (db) => db.transaction(() => db.prepare(insert).run(999)).deferred()],
    ['transaction.immediate', (db) => db.transaction(() => undefined).immediate()],
    ['transaction.exclusive', (db) => db.transaction(() => undefined).exclusive()],
  ] as [string, (db: Database.Database) => unknown][])('%s', (_, write) => {
    expect(thrown(() => write(far()))).toMatchObject(refusal)
    expect(far().inTransaction).toBe(false)
    expect(titles(far(), 999)).toEqual([])
  })

  test('a pragma that writes is refused by the engine, and one that looks is not', () => {
    expect(far().pragma('journal_mode', { simple: true })).toBe('delete')
    expect(far().prepare('explain delete from post').all()).not.toEqual([])
    expect(thrown(() => far().pragma('user_version = 3'))).toMatchObject(refusal)
    const error = thrown(() => far().pragma('journal_mode = wal'))
    expect(error).toMatchObject({ ...refusal, reason: 'refused', cause: { code: 'SQLITE_CANTOPEN' } })
  })

  test('what follows in the transaction is refused too, until it ends', () => {
    const db = far()
    const swallow = db.transaction(() => {
      thrown(() => db.prepare(insert).run(999))
      return thrown(() => db.prepare('select 1').get())
    })
    expect(isPrimaryRequired(thrown(swallow))).toBe(true)
    expect(db.prepare('select 1 as x').get()).toEqual({ x: 1 })
    db.prepare('begin').run()
    thrown(() => db.prepare(insert).run(999))
    expect(isPrimaryRequired(thrown(() => db.prepare('commit').run()))).toBe(true)
    db.prepare('rollback').run()
    expect(db.prepare('select 1 as x').get()).toEqual({ x: 1 })
  })

  test('outside of a request the message says what to do, and runOnPrimary says why it cannot', () => {
    expect(String(thrown(() => far().prepare(insert).run(999)))).toMatch(
      /outside a request; run it on the primary's machine/,
    )
    const error = thrown(() => runOnPrimary(() => far().prepare('select 1').get()))
    expect(error).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'no-connection' })
  })

  test('runOnPrimary in a request is a replay', async () => {
    const work = (db: Database.Database) => runOnPrimary(() => db.prepare('select 1').pluck().get())
    expect(await app.send('ams', work)).toMatchObject({ status: 200, value: 1, way: ['ams', 'ord'] })
  })

  test('what cannot be replayed is answered as such', async () => {
    const work = (db: Database.Database) => db.prepare(insert).run(999)
    const headers = { upgrade: 'websocket' }
    expect(await app.send('ams', work, { headers })).toMatchObject({
      status: 503,
      error: { code: 'ERR_REPLAY_UNAVAILABLE', reason: 'upgrade' },
    })
  })

  test("the app's own errors pass through", () => {
    expect(thrown(() => far().prepare('select nothing from post'))).toMatchObject({ code: 'SQLITE_ERROR' })
    const id = nextId()
    app.on('ord').prepare(insert).run(id)
    expect(thrown(() => app.on('ord').prepare(insert).run(id))).toMatchObject({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
  })
})

describe('tokens', () => {
  const write = (id: number) => app.send('ord', (db) => db.prepare(insert).run(id).changes)
  const read = (id: number, token?: string) => app.send('ams', (db) => titles(db, id), { token })

  test('come from what was committed, and from nothing else', async () => {
    const token = async (work: (db: Database.Database) => unknown): Promise<boolean> =>
      (await app.send('ord', work)).token !== undefined
    const id = nextId()
    const statements = (db: Database.Database, kind: 'default' | 'deferred' | 'immediate' | 'exclusive') =>
      db.transaction(() => db.prepare(insert).run(nextId()))[kind]()
    expect(await token((db) => db.prepare(insert).run(id))).toBe(true)
    expect(await token((db) => db.prepare(`${insert} returning id`).get(nextId()))).toBe(true)
    expect(await token((db) => [...db.prepare(`${insert} returning id`).iterate(nextId())])).toBe(true)
    expect(await token((db) => db.exec(`delete from post where id = ${id}`))).toBe(true)
    expect(await token((db) => db.exec(`begin; insert into post values (${nextId()}, ''); commit`))).toBe(true)
    for (const kind of ['default', 'deferred', 'immediate', 'exclusive'] as const) {
      expect(await token((db) => statements(db, kind))).toBe(true)
    }
    expect(await token((db) => db.prepare('select 1').get())).toBe(false)
    expect(await token((db) => db.prepare('delete from post where id = -1').run())).toBe(false)
    expect(
      await token((db) => {
        db.prepare('begin').run()
        db.prepare(insert).run(nextId())
        db.prepare('rollback').run()
      }),
    ).toBe(false)
    expect(
      await token((db) => {
        db.prepare('begin').run()
        db.prepare(insert).run(nextId())
        db.prepare('commit').run()
      }),
    ).toBe(true)
  })

  test('a client reads its own write, although the replica stands still', async () => {
    await cluster.pause('ams')
    try {
      const id = nextId()
      const { token } = await write(id)
      expect(await read(id)).toMatchObject({ value: [], way: ['ams'] })
      expect(await read(id, token)).toMatchObject({ value: ['new'], way: ['ams', 'ord'] })
      await cluster.resume('ams')
      await cluster.caughtUp()
      expect(await read(id, token)).toMatchObject({ value: ['new'], way: ['ams'] })
    } finally {
      await cluster.resume('ams')
    }
  })

  test('and waits for a replica that is a little behind', async () => {
    await cluster.setLag('ams', 40)
    try {
      const id = nextId()
      const { token } = await write(id)
      expect(await read(id, token)).toMatchObject({ value: ['new'], way: ['ams'] })
    } finally {
      await cluster.setLag('ams', 0)
    }
  })

  test('again and again', async () => {
    for (let i = 0; i < 25; i++) {
      const id = nextId()
      const { token } = await app.send('ams', (db) => db.prepare(insert).run(id).changes)
      expect(await read(id, token)).toMatchObject({ value: ['new'] })
    }
  })

  test('monotonic: a client that has seen something never sees less', async () => {
    using monotonic = new App(cluster, ['ord', 'ams', 'nrt'], { consistency: 'monotonic' })
    const id = nextId()
    await cluster.pause('nrt')
    try {
      await write(id)
      const seen = await monotonic.send('ord', (db) => titles(db, id))
      expect(seen.value).toEqual(['new'])
      const again = await monotonic.send('nrt', (db) => titles(db, id), { token: seen.token })
      expect(again).toMatchObject({ value: ['new'], way: ['nrt', 'ord'] })
    } finally {
      await cluster.resume('nrt')
    }
  })

  test('jobs: currentToken, waitFor, runWithToken', async () => {
    await cluster.pause('ams')
    const [far, near] = [app.on('ams'), app.on('ord')]
    const id = nextId()
    near.prepare(insert).run(id)
    const token = await near.replication.currentToken()
    expect(thrown(() => runWithToken(token, () => titles(far, id)))).toMatchObject({ reason: 'stale' })
    const waiting = far.replication.waitFor(token)
    await cluster.resume('ams')
    await waiting
    expect(runWithToken(token, () => titles(far, id))).toEqual(['new'])
  })
})

describe('failover', () => {
  const role = (machine: string): string => app.on(machine).replication.topology.role

  test('moves the primary while the app runs', async () => {
    await cluster.promote('ams')
    const id = nextId()
    const answer = await app.send('nrt', (db) => db.prepare(insert).run(id).changes)
    expect(answer).toMatchObject({ status: 200, way: ['nrt', 'ams'] })
    await eventually(() => role('ord') === 'replica')
    const next = await app.send('ord', (db) => db.prepare(insert).run(nextId()).changes)
    expect(next).toMatchObject({ status: 200, way: ['ord', 'ams'] })
  })

  test('is noticed by whoever writes to the primary that was', async () => {
    await cluster.promote('nrt')
    // Before anybody has looked again: SQLite says it.
    expect(thrown(() => app.on('ord').prepare(insert).run(nextId()))).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      target: { instance: 'nrt' },
    })
  })

  test('a lost primary: reads go on, writes are 503 until there is one', async () => {
    await cluster.losePrimary()
    expect(await app.send('ams', (db) => db.prepare('select 1').pluck().get())).toMatchObject({ value: 1 })
    const write = (db: Database.Database) => db.prepare(insert).run(nextId()).changes
    expect(await app.send('ord', write)).toMatchObject({ status: 503, way: ['ord'] })
    expect(await app.send('ams', write)).toMatchObject({ status: 503, way: ['ams', 'ord'] })
    await cluster.promote('ams')
    // A node that could not write believes so for a second.
    await eventually(async () => (await app.send('ord', write)).status === 200)
    expect(await app.send('ord', write)).toMatchObject({ status: 200, way: ['ord', 'ams'] })
  })
})

test('a path of its own, and a host with a domain behind it', async () => {
  await cluster.setHost('ord', '148e21f7c42189.vm.app.internal')
  const db = openOn(cluster, 'ams')
  try {
    expect(thrown(() => db.exec('delete from post'))).toMatchObject({ target: { instance: '148e21f7c42189' } })
  } finally {
    db.close()
    await cluster.setHost('ord', 'ord')
  }
})

test('several databases in one mount: each has a position of its own, and one token carries them all', async () => {
  await using several = await startLitefs({ nodes: ['ord', 'ams'], databases: ['app.db', 'cache.db'] })
  const open = (region: string) =>
    ['app.db', 'cache.db'].map((file) =>
      openDatabase(join(several.node(region).dir, file), { env: { FLY_REGION: region, PRIMARY_REGION: 'ord' } }),
    ) as [FlyrouteDatabase, FlyrouteDatabase]
  const [near, far] = [open('ord'), open('ams')]
  try {
    for (const db of near) db.exec('create table post (id integer primary key)')
    await several.caughtUp()
    await several.pause('ams')
    const handler = replayable(
      async (_: Request) => {
        for (const db of near) db.prepare('insert into post values (1)').run()
        return new Response()
      },
      { databases: near },
    )
    const { headers } = await handler(new Request('http://app.test/'))
    const token = headers.get('flyroute-token') ?? ''
    const count = (db: Database.Database) => db.prepare('select count(*) from post').pluck().get()
    for (const db of far) {
      expect(count(db)).toBe(0)
      expect(thrown(() => runWithToken(token, () => count(db)))).toMatchObject({ reason: 'stale' })
    }
    await several.resume('ams')
    for (const db of far) {
      await db.replication.waitFor(token)
      expect(runWithToken(token, () => count(db))).toBe(1)
    }
  } finally {
    for (const db of [...near, ...far]) db.close()
  }
})
