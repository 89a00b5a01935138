import { isPrimaryRequired, runOnPrimary } from '@flyroute/core'
import { FlyrouteDialect } from '@flyroute/kysely'
import { createPool } from '@flyroute/pg'
import { type PostgresCluster, startPostgres } from '@flyroute/testkit'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Dialect, Kysely, type LogEvent, PostgresDialect, sql } from 'kysely'
import { postgresDialect } from './support/dialects.ts'
import { versions } from './support/subject.ts'

interface Tables {
  post: { id: number; title: string }
}

const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
let cluster: PostgresCluster
let db: Kysely<Tables>
const logged: LogEvent[] = []
beforeAll(async () => {
  cluster = await startPostgres({ replicas: 1 })
  const dialect = new FlyrouteDialect({ primary: to(cluster.primary.url), replica: to(replicaUrl()), env })
  db = new Kysely<Tables>({ dialect, log: (event) => void logged.push(event) })
  await runOnPrimary(async () => {
    await sql`create table post (id int primary key, title text)`.execute(db)
    await sql`create sequence counter`.execute(db)
    await db.insertInto('post').values({ id: 1, title: 'one' }).execute()
  })
  await cluster.caughtUp()
}, 60_000)
afterAll(async () => {
  await db?.destroy()
  await cluster?.dispose()
})

const to = (url: string): Dialect => postgresDialect(versions['0.29']!, url)
const replicaUrl = (): string => cluster.replicas[0]!.url
const onReplica = sql<{ r: boolean }>`select pg_is_in_recovery() as r`

async function refusal(run: () => Promise<unknown>): Promise<unknown> {
  const error = await run().catch((reason: unknown) => reason)
  expect(isPrimaryRequired(error)).toBe(true)
  return error
}

describe('on a replica', () => {
  test('what only looks like a read is refused: FOR UPDATE, nextval(), a CTE that writes', async () => {
    await refusal(() => db.selectFrom('post').selectAll().forUpdate().execute())
    await refusal(() => sql`select nextval('counter')`.execute(db))
    await refusal(() =>
      db
        .with('gone', (cte) => cte.deleteFrom('post').returningAll())
        .selectFrom('gone')
        .selectAll()
        .execute(),
    )
    await refusal(async () => {
      for await (const row of db.deleteFrom('post').returningAll().stream()) throw new Error(`${row.id} was deleted`)
    })
  })

  test('a read-only transaction stays there, and what it refuses is its own error', async () => {
    const reading = db.transaction().setAccessMode('read only').setIsolationLevel('repeatable read')
    expect(await reading.execute(async (trx) => (await onReplica.execute(trx)).rows)).toEqual([{ r: true }])
    const error = await reading.execute((trx) => trx.deleteFrom('post').execute()).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: '25006' })
    expect(isPrimaryRequired(error)).toBe(false)
  })

  test('a refused write behind a savepoint is undone with it', async () => {
    const trx = await db.startTransaction().execute()
    await trx.selectFrom('post').selectAll().execute()
    const inner = await trx.savepoint('here').execute()
    await refusal(() => inner.deleteFrom('post').execute())
    await refusal(() => inner.selectFrom('post').selectAll().execute())
    await inner.rollbackToSavepoint('here').execute()
    expect(await trx.selectFrom('post').select('title').execute()).toEqual([{ title: 'one' }])
    await trx.rollback().execute()
  })

  test('each statement is logged once, wherever it ran', async () => {
    logged.length = 0
    await runOnPrimary(() => db.updateTable('post').set({ title: 'one' }).execute())
    await db.selectFrom('post').selectAll().execute()
    expect(logged.map(({ query }) => query.sql.split(' ')[0])).toEqual(['update', 'select'])
  })
})

test('one dialect: writes are refused, and what cannot be replayed says that there is no way', async () => {
  const dialect = new FlyrouteDialect({ dialect: to(replicaUrl()), env })
  const one = new Kysely<Tables>({ dialect })
  try {
    expect((await onReplica.execute(one)).rows).toEqual([{ r: true }])
    expect(await refusal(() => one.deleteFrom('post').execute())).toMatchObject({ target: { region: 'ord' } })
    const error = await runOnPrimary(() => onReplica.execute(one)).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'no-connection' })
  } finally {
    await one.destroy()
  }
})

test('a pool of ours is guarded already: its replication is the dialect’s', async () => {
  const pool = createPool({ env: { ...env, DATABASE_URL: cluster.primary.url, DATABASE_URL_AMS: replicaUrl() } })
  const inner = new PostgresDialect({ pool })
  const dialect = new FlyrouteDialect({ dialect: inner, database: pool })
  expect(dialect.replication).toBe(pool.replication)
  const ours = new Kysely<Tables>({ dialect })
  expect((await onReplica.execute(ours)).rows).toEqual([{ r: true }])
  await refusal(() => ours.deleteFrom('post').execute())
  expect((await runOnPrimary(() => onReplica.execute(ours))).rows).toEqual([{ r: false }])
  await ours.destroy()
})
