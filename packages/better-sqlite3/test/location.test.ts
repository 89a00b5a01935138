import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type FlyrouteDatabaseOptions, openDatabase } from '@flyroute/better-sqlite3'
import { readSqliteError } from '@flyroute/core/adapter'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
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

test.each([
  ['on a laptop', {}, {}],
  ['in the primary region', { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }, {}],
  ['in the one region there is', { FLY_REGION: 'ams' }, {}],
  ['in another region that asks for it', { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }, { unreplicated: true }],
] as [string, Record<string, string>, object][])(
  "without LiteFS it is the driver's database: %s",
  (_, env, options) => {
    const db = openDatabase(path, { env, ...options })
    expect(Object.getPrototypeOf(db)).toBe(Database.prototype)
    expect(db.prepare('insert or replace into post values (1) returning id').pluck().get()).toBe(1)
    expect(db.replication.topology.role).toBe('primary')
    db.close()
  },
)

test('a file that nothing replicates is refused in another region than the primary one, unless it is only read', () => {
  const env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
  expect(thrown(() => openDatabase(path, { env }))).toMatchObject({
    code: 'ERR_CONFIGURATION',
    problems: [{ setting: 'app.db', message: expect.stringContaining('replicated by nothing') }],
  })
  openDatabase(path, { env, readonly: true }).close()
  openDatabase(':memory:', { env }).close()
})

describe("every form of the driver's constructor", () => {
  test.each([
    ['the bytes of a database', () => readFileSync(path)],
    ['in memory', () => ' :memory: '],
    ['a temporary database', () => ''],
    ['null, which is the same', () => null],
    ['white space around the name', () => ` ${path} `],
  ])('%s', (_, filename) => {
    const bare = new Database(filename() as string)
    const db = openDatabase(filename(), { env: { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }, unreplicated: true })
    expect([db.name, db.memory, db.open, db.readonly]).toEqual([bare.name, bare.memory, bare.open, bare.readonly])
    const tables = (of: Database.Database) => of.prepare('select name from sqlite_schema').pluck().all()
    expect(tables(db)).toEqual(tables(bare))
    db.close()
    bare.close()
  })

  test('a file descriptor', () => {
    const [file, journal] = [openSync(path, 'r'), openSync(join(folder, 'fd-journal'), 'w+')]
    const options = { journalFd: journal, readonly: true }
    const db = openDatabase(file, { env: {}, ...options } as FlyrouteDatabaseOptions)
    expect(db.prepare('select name from sqlite_schema').pluck().all()).toEqual(['post'])
    db.close()
    closeSync(file)
    closeSync(journal)
  })

  test('options of null, and an in-memory copy that may only be read', () => {
    openDatabase(':memory:', null).close()
    const db = openDatabase(readFileSync(path), { readonly: true })
    expect(thrown(() => db.exec('delete from post'))).toMatchObject({ code: 'SQLITE_READONLY' })
    db.close()
  })

  test.each([
    ['a name that is none', 7.5, {}],
    ['an object', new URL('file:///tmp/app.db'), {}],
    ['options that are none', ':memory:', 'readonly'],
    ['an option of older versions', ':memory:', { memory: true }],
    ['a folder that does not exist', '/nowhere/at/all.db', {}],
    ['what is no function', ':memory:', { verbose: 1 }],
  ] as [string, never, never][])("misuse has the driver's own words: %s", (_, filename, options) => {
    const { name, message } = thrown(() => new Database(filename, options)) as Error
    expect(thrown(() => openDatabase(filename, options))).toMatchObject({ name, message })
  })
})

test('a link into the mount is the file that it leads to', () => {
  const mount = mkdtempSync(join(folder, 'mount-'))
  const link = join(folder, 'link.db')
  new Database(join(mount, 'app.db')).exec('create table post (id integer primary key)').close()
  writeFileSync(join(mount, '.primary'), 'ord\n')
  symlinkSync(join(mount, 'app.db'), link)
  const linked = join(folder, 'linked')
  symlinkSync(mount, linked)
  for (const [given, env] of [
    [link, {}],
    [link, { LITEFS_DIR: linked }],
    [join(linked, 'app.db'), { LITEFS_DIR: mount }],
    [relative(process.cwd(), link), {}],
    [`file:${link}`, {}],
  ] as const) {
    const url = given.startsWith('file:') ? { DATABASE_URL: given } : {}
    const db = openDatabase(given.startsWith('file:') ? undefined : given, { env: { ...env, ...url } })
    expect(thrown(() => db.exec('insert into post values (1)'))).toMatchObject({ target: { instance: 'ord' } })
    db.close()
  }
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
    expect(thrown(() => openDatabase(path, { env: { LITEFS_DIR: folder } }))).toMatchObject({
      code: 'ERR_CONFIGURATION',
      problems: [{ setting: primary, message: 'cannot be read (ELOOP)' }],
      cause: { code: 'ELOOP' },
    })
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
