import { openDatabase } from '@flyroute/better-sqlite3'
import { isPrimaryRequired } from '@flyroute/core'
import { FlyrouteDialect } from '@flyroute/kysely'
import { type LitefsCluster, startLitefs } from '@flyroute/testkit/litefs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Kysely } from 'kysely'
import { type Version, versions } from './support/subject.ts'

interface Tables {
  post: { id: number; title: string }
}

let cluster: LitefsCluster
beforeAll(async () => {
  cluster = await startLitefs({ nodes: ['ord', 'ams'] })
})
afterAll(() => cluster?.dispose())

function openOn(region: string, { Kysely, SqliteDialect }: Version): { db: Kysely<Tables>; dialect: FlyrouteDialect } {
  const database = openDatabase(cluster.node(region).path, { env: { FLY_REGION: region, PRIMARY_REGION: 'ord' } })
  const dialect = new FlyrouteDialect({ dialect: new SqliteDialect({ database }), database })
  return { db: new Kysely<Tables>({ dialect }), dialect }
}

test.each(Object.keys(versions))('Kysely %s over SQLite on LiteFS', async (name) => {
  const version = versions[name] as Version
  const [far, near] = [openOn('ams', version), openOn('ord', version)]
  try {
    await near.db.schema
      .createTable('post')
      .ifNotExists()
      .addColumn('id', 'integer')
      .addColumn('title', 'text')
      .execute()
    await near.db.insertInto('post').values({ id: 1, title: name }).execute()
    await far.dialect.replication.waitFor(await near.dialect.replication.currentToken())
    const titles = (db: Kysely<Tables>) => db.selectFrom('post').select('title').where('title', '=', name).execute()
    expect(await titles(far.db)).toEqual([{ title: name }])
    const write = far.db.insertInto('post').values({ id: 2, title: 'no' }).execute()
    const error = await write.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', target: { instance: 'ord' } })
    const transaction = far.db.transaction().execute(async (trx) => {
      await trx.selectFrom('post').selectAll().execute()
      await trx.deleteFrom('post').execute()
    })
    expect(isPrimaryRequired(await transaction.catch((reason: unknown) => reason))).toBe(true)
    expect(await titles(far.db)).toEqual([{ title: name }])
  } finally {
    await Promise.all([far.db.destroy(), near.db.destroy()])
  }
})
