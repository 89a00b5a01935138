import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { FlyrouteDialect } from '@flyroute/kysely'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { eventually } from '@flyroute/testkit/eventually'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { postgresDialect } from './support/dialects.ts'
import { type Version, versions } from './support/subject.ts'

interface Tables {
  post: { id: number; title: string }
}

const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
let cluster: PostgresCluster
const opened: Kysely<Tables>[] = []
const unhandled: unknown[] = []
const onUnhandled = (error: unknown): unknown => unhandled.push(error)
beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
  const { db } = open('0.29')
  await runOnPrimary(async () => {
    await sql`create table post (id int primary key, title text)`.execute(db)
    await sql`insert into post select id, 'Post ' || id from generate_series(1, 500) id`.execute(db)
  })
  await cluster.caughtUp()
}, 60_000)
beforeEach(() => {
  process.on('unhandledRejection', onUnhandled)
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.destroy()))
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled.splice(0)).toEqual([])
})
afterAll(() => cluster?.dispose())

/** The app on a replica. Each pool has as many connections as said: what is not given back is missed. */
function open(number: string, max = 2): { db: Kysely<Tables>; dialect: FlyrouteDialect } {
  const version = versions[number] as Version
  const dialect = new FlyrouteDialect({
    primary: postgresDialect(version, cluster.primary.url, max),
    replica: postgresDialect(version, cluster.replicas[0]!.url, max),
    env,
  })
  const db = new version.Kysely<Tables>({ dialect })
  opened.push(db)
  return { db, dialect }
}

const onReplica = sql<{ r: boolean }>`select pg_is_in_recovery() as r`
const inRequest = <T>(run: () => Promise<T>): Promise<T> => runInScope(createScope(createRequestState('request')), run)
/** A request that cannot be replayed: its writes go to the primary from here. */
const inUpgrade = <T>(run: () => Promise<T>): Promise<T> =>
  runInScope(createScope(createRequestState('request', { obstacle: 'upgrade' })), run)
const failure = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    (value) => expect(value).toBe('a failure'),
    (error: unknown) => error,
  )

async function isUsable(db: Kysely<Tables>, max = 2): Promise<void> {
  const all = Array.from({ length: max }, () =>
    db.connection().execute(async (one) => (await onReplica.execute(one)).rows),
  )
  expect(await Promise.all(all)).toEqual(Array.from({ length: max }, () => [{ r: true }]))
}

/** What a server has so many of. */
async function count(url: string, from: string, values: unknown[] = []): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(`select count(*)::int as n from ${from}`, values)
  await client.end()
  return rows[0].n as number
}

/** How many statements with this text a server is at. */
const running = (url: string, text: string): Promise<number> =>
  count(url, "pg_stat_activity where state = 'active' and query = $1", [text])
/** How many tables are locked on a server against all reads, and how many statements wait for a lock. */
const locked = (url: string): Promise<number> => count(url, "pg_locks where mode = 'AccessExclusiveLock' and granted")
const waiting = (url: string): Promise<number> => count(url, "pg_stat_activity where wait_event_type = 'Lock'")

describe.each(Object.keys(versions))('Kysely %s', (number) => {
  test('streams that are left before their end give their connections back, here and on the primary', async () => {
    const { db } = open(number, 1)
    for (let i = 0; i < 3; i++) {
      for await (const { id } of db.selectFrom('post').select('id').orderBy('id').stream(5)) {
        if (id === 3) break
      }
      await inUpgrade(async () => {
        for await (const { id } of db.updateTable('post').set({ title: 'x' }).returning('id').stream(5)) {
          if (id > 0) break
        }
      })
    }
    await isUsable(db, 1)
  })

  test('a stream of a request that is replayed reads no further, and its connection comes back', async () => {
    const { db } = open(number)
    const scope = createScope(createRequestState('request'))
    const { request } = scope
    const late = new Promise((resolve) => subscribe('flyroute:late-statement', resolve))
    const read = runInScope(scope, async () => {
      const rows = db.selectFrom('post').select('id').orderBy('id').stream(1)
      await rows.next()
      const write = await failure(db.updateTable('post').set({ title: 'x' }).execute())
      expect(isPrimaryRequired(write)).toBe(true)
      expect(request.answerReplay()).toBe(true)
      return rows.next()
    })
    expect(await Promise.race([read, late])).toEqual({ database: 'default' })
    await isUsable(db, 2)
  })

  test('a connection that was left in an aborted transaction can be had, as it is', async () => {
    const version = versions[number] as Version
    const pool = new pg.Pool({ connectionString: cluster.replicas[0]!.url, max: 2 })
    const primary = postgresDialect(version, cluster.primary.url)
    const dialect = new FlyrouteDialect({ primary, replica: new version.PostgresDialect({ pool }), env })
    const db = new version.Kysely<Tables>({ dialect })
    opened.push(db)
    await db.connection().execute(async (first) => {
      // The second one is taken for what the first one has just said, and has to say it itself a second later.
      await onReplica.execute(first)
      await db.connection().execute((second) => failure(sql`begin; select 1 / 0`.execute(second)))
      await sleep(1_100)
      await db.connection().execute(async (second) => {
        expect(await failure(onReplica.execute(second))).toMatchObject({ code: '25P02' })
        await sql`rollback`.execute(second)
      })
    })
    await isUsable(db, 2)
  })

  test('a write whose rows nobody wants all of is written, and has a position', async () => {
    const { db } = open(number)
    const scope = createScope(createRequestState('request', { obstacle: 'upgrade' }))
    await runInScope(scope, async () => {
      for await (const row of db.updateTable('post').set({ title: 'left' }).returning('id').stream(1)) {
        if (row.id > 0) break
      }
    })
    expect(scope.request).toMatchObject({ committed: true, writesUnderWay: 0 })
    expect([...scope.request.positions.values()]).toEqual([expect.objectContaining({ at: expect.any(String) })])
    expect(await runOnPrimary(() => db.selectFrom('post').select('title').where('id', '=', 7).execute())).toEqual([
      { title: 'left' },
    ])
    await cluster.caughtUp()
  })

  test('what was refused in a transaction that nobody ends is not there for the next one', async () => {
    const { db } = open(number, 1)
    for (const begin of ['begin', 'start transaction']) {
      await db.connection().execute(async (one) => {
        await sql.raw(begin).execute(one)
        await onReplica.execute(one)
        expect(isPrimaryRequired(await failure(one.deleteFrom('post').execute()))).toBe(true)
      })
      await isUsable(db, 1)
    }
  })

  test('a forgotten controlled transaction keeps its connection, as without us, and no other', async () => {
    const { db } = open(number, 2)
    const trx = await db.startTransaction().execute()
    await onReplica.execute(trx)
    expect(isPrimaryRequired(await failure(trx.deleteFrom('post').execute()))).toBe(true)
    await isUsable(db, 1)
    await trx.rollback().execute()
    await isUsable(db, 2)
  })

  test('COMMIT AND CHAIN goes on in the next transaction', async () => {
    const { db } = open(number, 1)
    await db.connection().execute(async (one) => {
      await sql`begin`.execute(one)
      await sql`commit and chain`.execute(one)
      expect(isPrimaryRequired(await failure(one.deleteFrom('post').execute()))).toBe(true)
      expect(isPrimaryRequired(await failure(onReplica.execute(one)))).toBe(true)
      await sql`rollback`.execute(one)
      expect((await onReplica.execute(one)).rows).toEqual([{ r: true }])
    })
    await isUsable(db, 1)
  })

  test('a COMMIT of what has failed on the primary is no write', async () => {
    const { db } = open(number)
    const scope = createScope(createRequestState('request', { obstacle: 'upgrade' }))
    await runInScope(scope, () =>
      failure(
        db.transaction().execute(async (trx) => {
          await trx.insertInto('post').values({ id: 9_999, title: 'no' }).execute()
          await failure(sql`select nothing`.execute(trx))
          // Swallowed: PostgreSQL answers the COMMIT with ROLLBACK.
          if (number === '0.28') throw new Error('as 0.29 does')
        }),
      ),
    )
    expect(scope.request).toMatchObject({ committed: false, writesUnderWay: 0 })
    expect(scope.request.positions.size).toBe(0)
    await isUsable(db)
  })
})

// What waits for a server that hangs does so for seconds: here with both versions at once.
describe('Kysely, both versions', () => {
  const numbers = Object.keys(versions)
  const withEach = <T>(run: (number: string) => Promise<T>): Promise<T[]> => Promise.all(numbers.map(run))

  test('a replica that hangs: in a transaction, in a stream, on one connection; its connections come back with it', async () => {
    const replica = cluster.replicas[0]!
    const all = await withEach(async (number) => {
      const { db, dialect } = open(number, 3)
      await isUsable(db, 3)
      const trx = await db.startTransaction().execute()
      await onReplica.execute(trx)
      return { db, dialect, trx }
    })
    replica.pauseProcess()
    try {
      await Promise.all(
        all.map(async ({ db, trx }) => {
          const stream = inRequest(async () => {
            for await (const row of db.selectFrom('post').selectAll().stream(5)) if (row.id < 0) throw new Error('none')
          })
          const onOne = inRequest(() =>
            db.connection().execute(async (one) => {
              await failure(onReplica.execute(one))
              // Not behind the one that hangs.
              return onReplica.execute(one)
            }),
          )
          const inTransaction = inRequest(() => onReplica.execute(trx))
          for (const error of await Promise.all([stream, inTransaction, onOne].map(failure))) {
            expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
          }
          await trx.rollback().execute()
          // Outside of a request there is the primary, at once.
          expect((await onReplica.execute(db)).rows).toEqual([{ r: false }])
        }),
      )
    } finally {
      replica.resumeProcess()
    }
    for (const { db, dialect } of all) {
      await eventually(() => isUsable(db, 3))
      expect(dialect.replication.topology.role).toBe('replica')
    }
    expect(await count(replica.url, "pg_stat_activity where state like 'idle in%'")).toBe(0)
  })

  test('a long statement on a replica that answers is left alone', async () => {
    await withEach(async (number) => {
      const { db } = open(number, 2)
      const long = inRequest(() => sql<{ done: boolean }>`select pg_sleep(4) is not null as done`.execute(db))
      expect((await long).rows).toEqual([{ done: true }])
    })
  })

  test('everything may be ended while the replica hangs', async () => {
    const replica = cluster.replicas[0]!
    const all = await withEach(async (number) => {
      const { db } = open(number, 1)
      await isUsable(db, 1)
      return db
    })
    replica.pauseProcess()
    try {
      await Promise.all(
        all.map(async (db) => {
          expect(await failure(inRequest(() => onReplica.execute(db)))).toMatchObject({ reason: 'unavailable' })
          await db.destroy()
        }),
      )
    } finally {
      replica.resumeProcess()
    }
    opened.splice(0)
  })

  test('a question of ours that gets no answer keeps nothing: neither the reads nor the end', async () => {
    const primary = new pg.Pool({ connectionString: cluster.primary.url })
    const locking = await primary.connect()
    try {
      await locking.query('create or replace view held as select 1')
      // The replica replays the lock, and of all that is asked only the catalogue's question, for the view's text, meets it.
      await locking.query('begin; lock table held in access exclusive mode')
      // A commit takes the lock along to the replica.
      await primary.query('update post set title = title where id = 1')
      await eventually(async () => expect(await locked(cluster.replicas[0]!.url)).toBe(1))
      const all = await withEach(async (number) => {
        const { db } = open(number, 1)
        expect(await inRequest(async () => (await onReplica.execute(db)).rows)).toEqual([{ r: true }])
        return db
      })
      await eventually(async () => expect(await waiting(cluster.replicas[0]!.url)).toBe(all.length))
      await Promise.all(
        all.map(async (db) => {
          expect(await failure(inRequest(() => onReplica.execute(db)))).toMatchObject({ reason: 'unavailable' })
          await db.destroy()
        }),
      )
    } finally {
      locking.release(true)
      await primary.end()
    }
    opened.splice(0)
  })
})

describe('AbortSignal (0.29)', () => {
  const long = 'select pg_sleep(30)'

  test.each(['ignore query', 'cancel query', 'kill session'] as const)('%s', async (inflightQueryAbortStrategy) => {
    const { db } = open('0.29', 1)
    const places: [place: typeof inRequest, url: string][] = [
      [inRequest, cluster.replicas[0]!.url],
      [runOnPrimary, cluster.primary.url],
    ]
    for (const [place, url] of places) {
      const controller = new AbortController()
      const { signal } = controller
      const text = inflightQueryAbortStrategy === 'ignore query' ? 'select pg_sleep(1)' : long
      const query = () => sql.raw(text).execute(db, { signal, inflightQueryAbortStrategy })
      const failed = failure(place(query))
      await eventually(async () => expect(await running(url, text)).toBe(1))
      controller.abort(new Error('enough'))
      expect(await failed).toMatchObject({ message: 'enough' })
      await eventually(async () => expect(await running(url, text)).toBe(0))
    }
    await eventually(() => isUsable(db, 1))
  })

  test('cancels what runs on the primary in the place of a connection to the replica', async () => {
    const { db } = open('0.29', 2)
    const text =
      'with gone as (delete from post where id < 0 returning id) select pg_sleep(30) from (select count(*) from gone) g'
    const controller = new AbortController()
    const options = { signal: controller.signal, inflightQueryAbortStrategy: 'cancel query' } as const
    const failed = failure(inUpgrade(() => db.connection().execute((one) => sql.raw(text).execute(one, options))))
    await eventually(async () => expect(await running(cluster.primary.url, text)).toBe(1))
    controller.abort(new Error('enough'))
    expect(await failed).toMatchObject({ message: 'enough' })
    await eventually(async () => expect(await running(cluster.primary.url, text)).toBe(0))
    await isUsable(db)
  })
})

test('a replica whose pool cannot even be made is one that is down', async () => {
  const down = new PostgresDialect({
    pool: async () => {
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    },
  })
  const primary = postgresDialect(versions['0.29']!, cluster.primary.url)
  const db = new Kysely<Tables>({ dialect: new FlyrouteDialect({ primary, replica: down, env }) })
  opened.push(db)
  expect((await onReplica.execute(db)).rows).toEqual([{ r: false }])
  expect(await failure(inRequest(() => onReplica.execute(db)))).toMatchObject({ reason: 'unavailable' })
})
