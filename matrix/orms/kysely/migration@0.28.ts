export { type Migration, type MigrationProvider, Migrator } from 'kysely'
