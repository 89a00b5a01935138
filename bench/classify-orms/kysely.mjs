import Database from 'better-sqlite3'
import { Kysely, MysqlDialect, PostgresDialect, SqliteDialect, sql } from 'kysely'
import { createPool } from 'mysql2'
import pg from 'pg'

const dialects = {
  postgres: (url) => new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
  mysql: (url) => new MysqlDialect({ pool: createPool(url) }),
  sqlite: (file) => new SqliteDialect({ database: new Database(file) }),
}

export async function run(dialect, url) {
  const db = new Kysely({ dialect: dialects[dialect](url) })
  await db.schema
    .createTable('person')
    .ifNotExists()
    .addColumn('id', dialect === 'postgres' ? 'serial' : 'integer', (column) =>
      dialect === 'mysql' ? column.primaryKey().autoIncrement() : column.primaryKey(),
    )
    .addColumn('name', 'varchar(50)', (column) => column.notNull())
    .addColumn('age', 'integer')
    .addUniqueConstraint('person_name', ['name'])
    .execute()
  await db.schema
    .createTable('pet')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('owner', 'integer')
    .execute()
  await db.schema.createIndex('person_age').on('person').column('age').execute()
  await db.schema.alterTable('pet').addColumn('species', 'varchar(20)').execute()
  await db.introspection.getTables()

  await db.insertInto('person').values({ name: 'Ada', age: 36 }).execute()
  await db
    .insertInto('person')
    .values([
      { name: 'Bob', age: 41 },
      { name: 'Cy', age: 7 },
    ])
    .execute()
  await db.insertInto('pet').values({ id: 1, owner: 1, species: 'cat' }).execute()
  const upsert = db.insertInto('person').values({ name: 'Ada', age: 37 })
  await (dialect === 'mysql'
    ? upsert.onDuplicateKeyUpdate({ age: 37 })
    : upsert.onConflict((conflict) => conflict.column('name').doUpdateSet({ age: 37 }))
  ).execute()
  if (dialect !== 'mysql') {
    await db.updateTable('person').set({ age: 38 }).where('name', '=', 'Ada').returningAll().execute()
    await db
      .insertInto('person')
      .values({ name: 'Di', age: 5 })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .execute()
  }
  if (dialect === 'mysql') await db.replaceInto('person').values({ name: 'Ed', age: 1 }).execute()

  await db.selectFrom('person').selectAll().where('age', '>', 10).orderBy('name', 'desc').limit(10).offset(1).execute()
  await db
    .selectFrom('person')
    .leftJoin('pet', 'pet.owner', 'person.id')
    .select(({ fn }) => ['person.name', fn.count('pet.id').as('pets')])
    .groupBy('person.name')
    .having(({ fn }) => fn.count('pet.id'), '>', 0)
    .execute()
  await db
    .with('adults', (qb) => qb.selectFrom('person').selectAll().where('age', '>=', 18))
    .selectFrom('adults')
    .selectAll()
    .execute()
  await db.selectFrom('person').select('name').union(db.selectFrom('pet').select('species as name')).execute()
  await sql`select ${sql.lit('for update')} as ${sql.ref('note')}`.execute(db)
  if (dialect === 'postgres') {
    await db
      .with('gone', (qb) => qb.deleteFrom('pet').where('id', '=', 9).returningAll())
      .selectFrom('gone')
      .selectAll()
      .execute()
    await db
      .mergeInto('person')
      .using('pet', 'pet.owner', 'person.id')
      .whenMatched()
      .thenUpdateSet({ age: 39 })
      .whenNotMatched()
      .thenDoNothing()
      .execute()
    await db.selectFrom('person').selectAll().explain('text', sql`analyze`)
  }
  await db.transaction().execute(async (trx) => {
    if (dialect !== 'sqlite') {
      await trx.selectFrom('person').selectAll().where('id', '=', 1).forUpdate().execute()
      await trx.selectFrom('person').selectAll().where('id', '=', 1).forUpdate().skipLocked().execute()
      if (dialect === 'postgres') await trx.selectFrom('person').selectAll().forNoKeyUpdate().noWait().execute()
    }
    await trx.updateTable('person').set({ age: 40 }).where('id', '=', 1).execute()
  })
  if (dialect !== 'sqlite') {
    await db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute((trx) => trx.selectFrom('person').selectAll().execute())
    await db
      .transaction()
      .setAccessMode('read only')
      .execute((trx) => trx.selectFrom('person').selectAll().execute())
  }
  const controlled = await db.startTransaction().execute()
  const nested = await controlled.savepoint('before').execute()
  await nested.deleteFrom('pet').execute()
  await nested.rollbackToSavepoint('before').execute()
  await nested.releaseSavepoint('before').execute()
  await controlled.rollback().execute()
  await db.deleteFrom('person').where('name', '=', 'Bob').execute()
  await db.schema
    .createView('adults')
    .as(db.selectFrom('person').selectAll().where('age', '>', sql.lit(18)))
    .execute()
  await db.schema.dropView('adults').execute()
  await db.schema.dropTable('pet').ifExists().execute()
  await db.schema.dropTable('person').execute()
  await db.destroy()
}
