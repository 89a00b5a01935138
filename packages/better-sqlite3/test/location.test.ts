import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '@flyroute/better-sqlite3'
import { readSqliteError } from '@flyroute/core/adapter'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flyroute-sqlite-'))
  path = join(folder, 'app.db')
  new Database(path).exec('create table post (id integer primary key)').close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('It was to be refused, and was not')
}

test("without LiteFS it is the driver's database, in whichever region", () => {
  const db = openDatabase(path, { env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' } })
  expect(Object.getPrototypeOf(db)).toBe(Database.prototype)
  expect(db.prepare('insert into post values (1) returning id').pluck().get()).toBe(1)
  expect(db.replication.topology.role).toBe('primary')
  db.close()
  openDatabase(':memory:', { env: {} }).close()
})

test.each([
  ['LITEFS_DIR and DATABASE_FILENAME', () => ({ LITEFS_DIR: folder, DATABASE_FILENAME: 'app.db' })],
  ['DATABASE_PATH', () => ({ DATABASE_PATH: path })],
  ['DATABASE_URL', () => ({ DATABASE_URL: `file:${path}?mode=rwc` })],
])('the environment says where it is: %s', (_, env) => {
  const db = openDatabase(undefined, { env: env() })
  expect(db.name).toBe(path)
  db.close()
})

test('or nobody does', () => {
  expect(thrown(() => openDatabase(undefined, { env: {} }))).toMatchObject({
    code: 'ERR_CONFIGURATION',
    problems: [{ setting: 'DATABASE_FILENAME' }],
  })
})

test('only the absence of .primary means that none is named; another error is an error', () => {
  const primary = join(folder, '.primary')
  symlinkSync(primary, primary)
  try {
    expect(thrown(() => openDatabase(path, { env: { LITEFS_DIR: folder } }))).toMatchObject({ code: 'ELOOP' })
  } finally {
    rmSync(primary)
  }
})

test('a database that a replica would have to create is refused', () => {
  const mount = mkdtempSync(join(folder, 'mount-'))
  writeFileSync(join(mount, '.primary'), 'ord\n')
  symlinkSync(join(mount, 'nowhere', 'app.db'), join(mount, 'app.db'))
  expect(thrown(() => openDatabase(join(mount, 'app.db'), { env: {} }))).toMatchObject({
    code: 'ERR_PRIMARY_REQUIRED',
    reason: 'refused',
    target: { instance: 'ord' },
    cause: { code: 'SQLITE_CANTOPEN' },
  })
})

test("SQLite's words for a write that the file system does not allow", () => {
  const db = new Database(path)
  db.pragma('query_only = on')
  const readonly = thrown(() => db.exec('delete from post'))
  expect([readonly, readSqliteError(readonly)]).toEqual([
    expect.objectContaining({ code: 'SQLITE_READONLY' }),
    'refusal',
  ])
  db.close()
  // In WAL mode, in a process that may not make files longer: the "disk I/O error" of LiteFS.
  const script = `
    const Database = require('better-sqlite3')
    const db = new Database(${JSON.stringify(join(folder, 'wal.db'))})
    try { db.exec('insert into post values (1)') } catch (error) { process.stderr.write(error.code) }`
  const wal = new Database(join(folder, 'wal.db'))
  wal.pragma('journal_mode = wal')
  wal.exec('create table post (id integer primary key)')
  const { stderr } = spawnSync('sh', ['-c', 'ulimit -f 12; exec "$0" -e "$1"', process.execPath, script], {
    cwd: 'packages/better-sqlite3',
    encoding: 'utf8',
  })
  wal.close()
  expect(stderr).toBe('SQLITE_IOERR_WRITE')
  expect(readSqliteError({ code: stderr })).toBe('refusal')
  expect(readSqliteError({ code: 'SQLITE_CONSTRAINT' })).toBeUndefined()
})
