import knex from 'knex'

const clients = { postgres: 'pg', mysql: 'mysql2', sqlite: 'better-sqlite3' }

export async function run(dialect, url) {
  const connection = dialect === 'sqlite' ? { filename: url } : dialect === 'mysql' ? { uri: url } : url
  const db = knex({ client: clients[dialect], connection, useNullAsDefault: true, pool: { min: 1, max: 2 } })
  const migrations = {
    getMigrations: async () => ['001_people'],
    getMigrationName: (name) => name,
    getMigration: async () => ({
      up: (schema) =>
        schema.schema.createTable('people', (table) => {
          table.increments('id')
          table.string('name').notNullable().unique()
          table.integer('age').index()
          table.json('note')
          table.timestamps(true, true)
        }),
      down: (schema) => schema.schema.dropTable('people'),
    }),
  }
  await db.migrate.latest({ migrationSource: migrations })
  await db.schema.hasTable('people')
  await db.schema.hasColumn('people', 'age')
  await db('people').columnInfo()
  await db.schema.alterTable('people', (table) => void table.string('email'))

  await db('people').insert({ name: 'Ada', age: 36 })
  await db('people').insert([
    { name: 'Bob', age: 41 },
    { name: 'Cy', age: 7 },
  ])
  await db('people').insert({ name: 'Ada', age: 37 }).onConflict('name').merge()
  await db('people').insert({ name: 'Ada', age: 37 }).onConflict('name').ignore()
  await db.batchInsert(
    'people',
    [
      { name: 'Di', age: 1 },
      { name: 'Ed', age: 2 },
    ],
    1,
  )
  if (dialect !== 'mysql') await db('people').insert({ name: 'Flo' }).returning(['id', 'name'])
  await db('people').select('*').where('age', '>', 10).orderBy('name', 'desc').limit(10).offset(1)
  await db('people as a')
    .leftJoin('people as b', 'a.age', 'b.id')
    .countDistinct('a.id as n')
    .groupBy('a.name')
    .havingRaw('count(*) > ?', [0])
  await db
    .with('adults', db('people').where('age', '>=', 18))
    .select('*')
    .from('adults')
  await db('people').where({ name: 'Ada' }).first()
  await db.raw('select ? as a', ['for update'])
  await db('people')
    .select('name')
    .whereRaw('name like ?', ['%insert into%'])
    .union(db('people').select('name').where('id', 1))
  await db('people').where({ name: 'Ada' }).update({ age: 38 })
  await db('people').where({ name: 'Ada' }).increment('age', 1)
  await db.transaction(async (trx) => {
    if (dialect !== 'sqlite') {
      await trx('people').where({ id: 1 }).forUpdate()
      await trx('people').where({ id: 1 }).forShare()
      await trx('people').where({ id: 1 }).forUpdate().skipLocked()
    }
    await trx.transaction((inner) => inner('people').where({ id: 1 }).update({ age: 39 }))
  })
  await db.transaction(
    (trx) => trx('people').select('id'),
    dialect === 'sqlite' ? undefined : { isolationLevel: 'repeatable read', readOnly: dialect === 'postgres' },
  )
  await db('people').where({ name: 'Bob' }).del()
  await db('people').truncate()
  await db.schema.renameTable('people', 'folk')
  await db.schema.renameTable('folk', 'people')
  await db.migrate.rollback({ migrationSource: migrations })
  await db.schema.dropTableIfExists('knex_migrations')
  await db.schema.dropTableIfExists('knex_migrations_lock')
  await db.destroy()
}
