import type { Migration, MigrationProvider } from './migration.ts'

const migrations: Record<string, Migration> = {
  '001_shelf': {
    async up(db) {
      await db.schema
        .createTable('shelf')
        .addColumn('id', 'serial', (column) => column.primaryKey())
        .addColumn('label', 'text')
        .execute()
      await db.schema.createIndex('shelf_label').on('shelf').column('label').execute()
    },
    async down(db) {
      await db.schema.dropTable('shelf').execute()
    },
  },
}
export const provider: MigrationProvider = { getMigrations: async () => migrations }
