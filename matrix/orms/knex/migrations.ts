import type { Knex } from 'knex'

export const migrations: Knex.MigrationSource<string> = {
  getMigrations: async () => ['001_shelf'],
  getMigrationName: (name) => name,
  getMigration: async () => ({
    up: (db) =>
      db.schema.createTable('shelf', (table) => {
        table.increments('id')
        table.string('label').notNullable().index()
      }),
    down: (db) => db.schema.dropTable('shelf'),
  }),
}
