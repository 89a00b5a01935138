// The release command: runs once, on the primary, before the app starts anywhere.
import { assertPrimary } from '@flyroute/core'
import { sql } from 'kysely'
import { db, dialect } from './database.ts'

await sql`select 1`.execute(db)
await assertPrimary(dialect)
for (const [table, column] of [
  ['post', 'title'],
  ['report', 'posts'],
] as const) {
  await db.schema
    .createTable(table)
    .ifNotExists()
    .addColumn('id', 'integer', (id) => id.generatedAlwaysAsIdentity().primaryKey())
    .addColumn(column, table === 'post' ? 'text' : 'integer', (one) => one.notNull())
    .addColumn('views', 'integer', (views) => views.notNull().defaultTo(0))
    .execute()
}
await db.destroy()
