import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { FlyrouteDialect } from '@flyroute/kysely'
import { startMariadb, startPostgres } from '@flyroute/testkit'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { type Dialect, type Generated, type Kysely, WithSchemaPlugin } from 'kysely'
import type { Migration } from 'kysely/migration'
import { mysqlDialect, postgresDialect } from './support/dialects.ts'
import { type Version, versions } from './support/subject.ts'

interface Tables {
  person: { id: Generated<number>; name: string; age: number }
  pet: { id: Generated<number>; owner: number; name: string }
}

interface Ground {
  dialect(version: Version): Dialect
  readonly returning: boolean
  dispose(): Promise<unknown>
}

const grounds: Record<string, () => Promise<Ground>> = {
  async Postgres() {
    const cluster = await startPostgres()
    return {
      dialect: (version) => postgresDialect(version, cluster.primary.url),
      returning: true,
      dispose: () => cluster.dispose(),
    }
  },
  async MariaDB() {
    const cluster = await startMariadb()
    return {
      dialect: (version) => mysqlDialect(version, cluster.primary.url),
      returning: false,
      dispose: () => cluster.dispose(),
    }
  },
  async SQLite() {
    const folder = await mkdtemp(join(tmpdir(), 'flyroute-kysely-'))
    return {
      dialect: (version) => new version.SqliteDialect({ database: async () => new Database(join(folder, 'app.db')) }),
      returning: true,
      dispose: () => rm(folder, { recursive: true }),
    }
  },
}

/** Recipes of Kysely's documentation. Each is run without flyroute and with it, and has to give the same. */
const recipes: Record<string, (db: Kysely<Tables>, version: Version, ground: Ground) => Promise<unknown>> = {
  'select, join, aliases': (db) =>
    db
      .selectFrom('person')
      .innerJoin('pet', 'pet.owner', 'person.id')
      .select(['person.name', 'pet.name as pet'])
      .orderBy('pet.id')
      .execute(),
  'insert, update, delete': async (db) => [
    await db.insertInto('person').values({ name: 'Eve', age: 7 }).executeTakeFirst(),
    await db.updateTable('person').set({ age: 8 }).where('name', '=', 'Eve').executeTakeFirst(),
    await db.deleteFrom('person').where('name', '=', 'Eve').executeTakeFirst(),
  ],
  returning: async (db, _, { returning }) =>
    returning &&
    (await db
      .insertInto('pet')
      .values({ owner: 1, name: 'Rex' })
      .returning(['owner', 'name'])
      .executeTakeFirstOrThrow()),
  'a common table expression': (db) =>
    db
      .with('old', (cte) => cte.selectFrom('person').selectAll().where('age', '>', 30))
      .selectFrom('old')
      .select((eb) => eb.fn.countAll().as('count'))
      .execute(),
  'raw SQL': async (db, { sql }) => (await sql`select name from person where age > ${30} order by id`.execute(db)).rows,
  'a transaction': (db) =>
    db.transaction().execute(async (trx) => {
      await trx.updateTable('person').set({ age: 31 }).where('id', '=', 1).execute()
      return trx.selectFrom('person').select('age').where('id', '=', 1).execute()
    }),
  'a transaction that is rolled back': async (db) => {
    const failure = db.transaction().execute(async (trx) => {
      await trx.deleteFrom('person').execute()
      throw new Error('never mind')
    })
    return [await failure.catch(String), await db.selectFrom('person').select('name').orderBy('id').execute()]
  },
  'a controlled transaction with savepoints': async (db) => {
    const trx = await db.startTransaction().execute()
    await trx.updateTable('person').set({ age: 1 }).where('id', '=', 1).execute()
    const inner = await trx.savepoint('one').execute()
    await inner.updateTable('person').set({ age: 2 }).where('id', '=', 1).execute()
    await inner.rollbackToSavepoint('one').execute()
    const seen = await trx.selectFrom('person').select('age').where('id', '=', 1).execute()
    const last = await inner.releaseSavepoint('one').execute()
    await last.rollback().execute()
    return [seen, await db.selectFrom('person').select('age').where('id', '=', 1).execute()]
  },
  'one connection': (db, { sql }) =>
    db.connection().execute(async (one) => {
      await sql`select 1`.execute(one)
      return one.selectFrom('person').select('id').orderBy('id').execute()
    }),
  'a stream': async (db) => {
    const names: string[] = []
    for await (const { name } of db.selectFrom('person').select('name').orderBy('id').stream(1)) names.push(name)
    return names
  },
  'executeQuery of a compiled query': async (db) =>
    (await db.executeQuery(db.selectFrom('person').selectAll().orderBy('id').compile())).rows,
  'an error of the database': (db, { sql }) =>
    sql`select nothing from person`.execute(db).then(
      () => 'ran',
      (error: Error) => [error.name, (error as { code?: unknown }).code],
    ),
  'schema and introspection': async (db) => {
    await db.schema.createTable('toy').addColumn('id', 'integer').execute()
    const tables = (await db.introspection.getTables()).map(({ name }) => name).sort()
    await db.schema.dropTable('toy').execute()
    return tables
  },
  migrations: async (db, { Migrator }) => {
    const migrations: Record<string, Migration> = {
      '1': { up: (on) => on.schema.createTable('house').addColumn('id', 'integer').execute() },
      '2': { up: (on) => on.schema.alterTable('house').addColumn('street', 'varchar(20)').execute() },
    }
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
    const { results, error } = await migrator.migrateToLatest()
    for (const table of ['house', 'kysely_migration', 'kysely_migration_lock'])
      await db.schema.dropTable(table).execute()
    return [results, error]
  },
  'a plugin': (db) =>
    db
      .withPlugin(new WithSchemaPlugin('nowhere'))
      .selectFrom('person')
      .selectAll()
      .execute()
      .then(
        () => 'ran',
        (error: Error) => error.message,
      ),
}

describe.each(Object.keys(grounds))('%s', (name) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await (grounds[name] as () => Promise<Ground>)()
  }, 60_000)
  afterAll(() => ground?.dispose())

  test.each(Object.keys(versions))('recipes of the documentation give the same with Kysely %s', async (number) => {
    const version = versions[number] as Version
    const outside = <T>(run: () => T): T => run()
    const inRequest = <T>(run: () => T): T => runInScope(createScope(createRequestState('request')), run)
    const bare = await tell(version, ground, name, (dialect) => dialect, outside)
    const wrap = (dialect: Dialect): Dialect => new FlyrouteDialect({ dialect, env: {} })
    expect(await tell(version, ground, name, wrap, outside)).toEqual(bare)
    expect(await tell(version, ground, name, wrap, inRequest)).toEqual(bare)
    expect(Object.values(bare)).not.toContain(undefined)
  })
})

async function tell(
  version: Version,
  ground: Ground,
  name: string,
  wrap: (dialect: Dialect) => Dialect,
  scoped: <T>(run: () => T) => T,
): Promise<Record<string, unknown>> {
  const db = new version.Kysely<Tables>({ dialect: wrap(ground.dialect(version)) })
  await setUp(db, name)
  const results: Record<string, unknown> = {}
  for (const [title, run] of Object.entries(recipes)) results[title] = await scoped(() => run(db, version, ground))
  for (const table of ['person', 'pet']) await db.schema.dropTable(table).execute()
  await db.destroy()
  return results
}

async function setUp(db: Kysely<Tables>, name: string): Promise<void> {
  for (const [table, column] of [
    ['person', 'age'],
    ['pet', 'owner'],
  ] as const) {
    await db.schema
      .createTable(table)
      .addColumn('id', name === 'Postgres' ? 'serial' : 'integer', (one) =>
        (name === 'MariaDB' ? one.autoIncrement() : one).primaryKey(),
      )
      .addColumn('name', 'varchar(20)')
      .addColumn(column, 'integer')
      .execute()
  }
  await db
    .insertInto('person')
    .values([
      { name: 'Ann', age: 40 },
      { name: 'Bob', age: 20 },
    ])
    .execute()
  await db.insertInto('pet').values({ owner: 1, name: 'Tom' }).execute()
}
