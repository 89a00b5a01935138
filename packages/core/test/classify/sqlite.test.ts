import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { schema, sqlite } from './cases/sqlite.ts'
import { disagreements, type Outcome, testVerdicts } from './verdicts.ts'

testVerdicts(sqlite)

test('SQLite judges each statement as the table says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flyroute-classify-'))
  const file = join(folder, 'app.db')
  const writable = new Database(file)
  try {
    writable.exec(schema)
    expect(await disagreements(sqlite, async ({ sql }) => ask(writable, file, sql))).toEqual([])
  } finally {
    writable.close()
    await rm(folder, { recursive: true })
  }
})

/** `sqlite3_stmt_readonly()`; of several statements at once it cannot be asked, so they run where nothing can be written. */
function ask(database: Database.Database, file: string, sql: string): Outcome | Error {
  try {
    return database.prepare(sql).readonly ? 'ran' : 'refused'
  } catch (error) {
    if (!String(error).includes('more than one statement')) return error as Error
  }
  const readonly = new Database(file, { readonly: true })
  try {
    readonly.exec(sql)
    return 'ran'
  } catch (error) {
    return (error as { code?: string }).code === 'SQLITE_READONLY' ? 'refused' : (error as Error)
  } finally {
    readonly.close()
  }
}
