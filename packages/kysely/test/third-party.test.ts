import { PGlite } from '@electric-sql/pglite'
import { runOnPrimary } from '@flyroute/core'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { FlyrouteDialect } from '@flyroute/kysely'
import { startPostgres } from '@flyroute/testkit'
import { type AdapterUnderTest, describeAdapter, type Group, groupNames, postgres } from '@flyroute/testkit/conformance'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Dialect, Kysely, PGliteDialect, sql } from 'kysely'
import { PostgresJSDialect } from 'kysely-postgres-js'
import postgresJs from 'postgres'
import { subjectOf, versions, withoutPool } from './support/subject.ts'

/**
 * The dialect over postgres.js: its driver makes a new object for each connection that it lends.
 *
 * @param prepare whether each statement has a name, so that its text is sent once
 */
const postgresJsDialect =
  (prepare: boolean) =>
  (url: string, max = 10): Dialect =>
    new PostgresJSDialect({
      postgres: () => postgresJs(url, { max, prepare, backoff: () => 0.1, onnotice: () => undefined }),
    })

const overPostgresJs: Omit<AdapterUnderTest, 'name' | 'open'> = {
  dialect: postgres,
  hasLog: true,
  startCluster: () => startPostgres({ replicas: 1 }),
  without: {
    ...withoutPool,
    dying:
      'postgres.js 3.4 itself throws where nobody can catch it: it writes to the socket of a server that was killed',
    'lost-answer': 'postgres.js 3.4 itself neither connects again nor ends once a connection that it has lent is lost',
    promotion: 'postgres.js itself does not end behind a server that was killed and stays away',
  },
}
/** In which the suite counts the texts that cross an ocean. */
const counted: Group[] = ['distance', 'remote outages']

describeAdapter({
  ...overPostgresJs,
  name: 'Kysely over postgres.js',
  open: (options) => subjectOf(versions['0.29']!, options, postgresJsDialect(true)),
  shownElsewhere: counted,
})

describeAdapter({
  ...overPostgresJs,
  name: 'Kysely over postgres.js without named statements',
  open: (options) => subjectOf(versions['0.29']!, options, postgresJsDialect(false)),
  shownElsewhere: groupNames.filter((group) => !counted.includes(group)),
})

describe('PGlite: one connection, in this process', () => {
  interface Tables {
    post: { id: number; title: string }
  }
  let pglite: PGlite
  let dialect: FlyrouteDialect
  let db: Kysely<Tables>
  beforeAll(async () => {
    pglite = await PGlite.create()
    dialect = new FlyrouteDialect({ dialect: new PGliteDialect({ pglite }), env: {} })
    db = new Kysely<Tables>({ dialect })
    await sql`create table post (id int primary key, title text)`.execute(db)
  }, 60_000)
  afterAll(() => db?.destroy())

  test('is a primary that says so, reads, writes, and gives tokens', async () => {
    await db.insertInto('post').values({ id: 1, title: 'one' }).execute()
    expect(await db.selectFrom('post').selectAll().execute()).toEqual([{ id: 1, title: 'one' }])
    expect(await dialect.replication.status()).toMatchObject({ role: 'primary' })
    await dialect.replication.waitFor(await dialect.replication.currentToken())
    const scope = createScope(createRequestState('request'))
    await runInScope(scope, () => db.updateTable('post').set({ title: 'uno' }).execute())
    expect(scope.request).toMatchObject({ committed: true, writesUnderWay: 0 })
    expect(scope.request.positions.size).toBe(1)
  })

  test('is asked nothing outside of a request, and what it is behind a write in one', async () => {
    const asked: string[] = []
    const { query } = pglite
    pglite.query = (text, ...more) => {
      asked.push(text)
      return query.call(pglite, text, ...more) as never
    }
    // It is not ended: that would end the instance.
    const other = new Kysely<Tables>({
      dialect: new FlyrouteDialect({ dialect: new PGliteDialect({ pglite }), env: {} }),
    })
    const scope = createScope(createRequestState('request'))
    await other.connection().execute(async (connection) => {
      await sql`create table note (id int primary key)`.execute(connection)
      expect(asked).toEqual(['create table note (id int primary key)'])
      await runInScope(scope, () => sql`insert into note values (1)`.execute(connection))
    })
    Reflect.deleteProperty(pglite, 'query')
    expect([...scope.request.positions.values()]).toEqual([expect.objectContaining({ at: expect.any(String) })])
  })

  test('what is asked of it meanwhile is not asked in the middle of a transaction', async () => {
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('post').values({ id: 2, title: 'two' }).execute()
      // Inside the transaction a question that fails would abort it, and one that waited for its end would wait for ever.
      const [status, token] = await Promise.all([dialect.replication.status(), dialect.replication.currentToken()])
      expect(status).toMatchObject({ role: 'primary', position: undefined })
      expect(token).toEqual(expect.any(String))
    })
    expect(await db.selectFrom('post').select('id').orderBy('id').execute()).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('transactions with savepoints, streams and rollbacks', async () => {
    const trx = await db.startTransaction().execute()
    const inner = await trx.savepoint('here').execute()
    await inner.deleteFrom('post').execute()
    await inner.rollbackToSavepoint('here').execute()
    await trx.commit().execute()
    const failure = db.transaction().execute(async (one) => {
      await one.deleteFrom('post').execute()
      throw new Error('never mind')
    })
    await expect(failure).rejects.toThrow('never mind')
    expect(await db.selectFrom('post').select('id').execute()).toHaveLength(2)
    expect(await runOnPrimary(() => db.selectFrom('post').select('id').execute())).toHaveLength(2)
  })
})
