import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isPrimaryRequired } from '@flyroute/core'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { piecesOf } from '../src/split.ts'
import { HandMadeMount, thrown } from './support/mount.ts'

let mount: HandMadeMount
beforeEach(() => {
  mount = new HandMadeMount()
})
afterEach(() => mount[Symbol.dispose]())

/** On a replica whose file system refuses writes, as LiteFS's does. */
function onReplica(options = {}): ReturnType<HandMadeMount['open']> {
  mount.namePrimary('ord\n')
  mount.refuseWrites()
  return mount.open('ams', options)
}

const refused = { code: 'ERR_PRIMARY_REQUIRED', reason: 'write', target: { instance: 'ord' } }

describe('on a replica', () => {
  test.each([
    ['a table that exists', 'create table if not exists post (id)'],
    ['an index of a table that does not', 'drop index if exists not_there'],
    ['a pragma that is so', 'pragma journal_mode = delete'],
    ['a temporary table', 'create temp table draft (id); insert into draft values (1)'],
    ['a file of its own', "attach ':memory:' as own; create table own.t (a); insert into own.t values (1)"],
    [
      'several of them',
      '-- ; a comment\nselect 1;; /* ; */; create table if not exists post (id); pragma user_version;\n',
    ],
    ['nothing at all', ' ; -- nothing'],
    ['EXPLAIN of a write', 'explain insert into post values (1, null)'],
  ])('%s is no refusal', (_, sql) => {
    const db = onReplica()
    expect(db.exec(sql)).toBe(db)
    expect(db.inTransaction).toBe(false)
    expect(mount.rows()).toEqual([])
  })

  test('what is made in a temporary table and in a file of its own is there', () => {
    const db = onReplica()
    db.exec("create temp table draft (id); attach ':memory:' as own; create table own.t (a)")
    expect(db.prepare('insert into draft values (?) returning id').pluck().get(7)).toBe(7)
    db.prepare('insert into own.t values (1)').run()
    db.transaction(() => db.prepare('insert into draft values (8)').run())()
    expect(db.prepare('select id from draft').pluck().all()).toEqual([7, 8])
    expect(db.prepare('select a from own.t').pluck().all()).toEqual([1])
  })

  test.each([
    ['a table that does not exist', 'create table if not exists other (id)'],
    ['behind what changes nothing', 'create table if not exists post (id); insert into post values (1, null)'],
    ['behind a semicolon in a string', "select ';'; insert into post values (1, null)"],
    ['behind one in a comment', 'select 1 -- ;\n; /* ; */ insert into post values (1, null)'],
    ['a trigger', 'create trigger t after insert on post begin delete from post; select 1; end; select 1'],
    ['BEGIN IMMEDIATE', 'begin immediate; insert into post values (1, null); commit'],
    ['in a transaction of the same text', 'begin; insert into post values (1, null); commit'],
    ['a file that was attached from the mount', 'attach :FILE as also; insert into also.post values (1, null)'],
    ['VACUUM', 'vacuum'],
    ['a pragma that sets', 'pragma user_version = 7'],
  ])('a write is refused: %s', (_, sql) => {
    const db = onReplica()
    expect(thrown(() => db.exec(sql.replace(':FILE', `'${mount.path}'`)))).toMatchObject(refused)
    expect(db.inTransaction).toBe(false)
    expect(mount.rows()).toEqual([])
    // And nothing of it keeps the next one from reading.
    expect(db.prepare('select count(*) from post').pluck().get()).toBe(0)
  })

  test('what the engine alone can judge is refused by it', () => {
    const db = onReplica()
    const error = { ...refused, reason: 'refused', cause: { code: 'SQLITE_CANTOPEN' } }
    expect(thrown(() => db.exec('select 1; pragma journal_mode = wal'))).toMatchObject(error)
    expect(thrown(() => db.pragma('journal_mode = wal'))).toMatchObject(error)
    expect(thrown(() => db.prepare('pragma journal_mode = wal').get())).toMatchObject(error)
  })

  test('a transaction of the app, begun before, is left to the app', () => {
    const db = onReplica()
    db.exec('begin')
    expect(thrown(() => db.exec('insert into post values (1, null)'))).toMatchObject(refused)
    expect(db.inTransaction).toBe(true)
    expect(isPrimaryRequired(thrown(() => db.exec('commit')))).toBe(true)
    expect(isPrimaryRequired(thrown(() => db.exec('savepoint later')))).toBe(true)
    db.exec('/* the end */ rollback')
    expect(db.inTransaction).toBe(false)
  })

  test('a ROLLBACK that the engine refuses takes nothing back', () => {
    const db = onReplica()
    db.exec('begin; savepoint here')
    thrown(() => db.exec('insert into post values (1, null)'))
    expect(thrown(() => db.exec('rollback to nowhere'))).toMatchObject({ code: 'SQLITE_ERROR' })
    expect(isPrimaryRequired(thrown(() => db.exec('select 1')))).toBe(true)
    db.exec('rollback to here')
    db.exec('select 1; commit')
    expect(db.inTransaction).toBe(false)
  })

  test("the engine's own errors stay its own, and what stands before them has run", () => {
    const db = onReplica()
    const error = thrown(() => db.exec('create temp table draft (id); select not_there; select 2'))
    expect(error).toMatchObject({ code: 'SQLITE_ERROR', message: 'no such column: not_there' })
    expect(db.prepare('select count(*) from draft').pluck().get()).toBe(0)
    expect(() => db.exec(1 as never)).toThrow('Expected first argument to be a string')
  })

  test('the app does not hear of what we ask the engine', () => {
    const heard: unknown[] = []
    const db = onReplica({ verbose: (sql: unknown) => heard.push(sql) })
    thrown(() => db.prepare('insert into post values (?, null)').run(1))
    thrown(() => db.pragma('user_version = 7'))
    db.exec('select 1; select 2')
    expect(heard.map((sql) => String(sql).trim())).toEqual(['select 1;', 'select 2'])
  })

  test('errors of files that LiteFS does not replicate are none of the replica', () => {
    const db = onReplica()
    const copy = db.transaction(() => db.prepare('insert into copy.t values (1)').run())
    const other = join(mount.folder, '..', `other-${process.pid}.db`)
    new Database(other).exec('create table t (a)').close()
    symlinkSync('/proc/flyroute-read-only', `${other}-journal`)
    try {
      db.exec(`attach '${other}' as copy`)
      expect(thrown(() => db.exec('insert into copy.t values (1)'))).toMatchObject({ code: 'SQLITE_CANTOPEN' })
      expect(thrown(copy)).toMatchObject({ code: 'SQLITE_CANTOPEN' })
    } finally {
      rmSync(other)
      rmSync(`${other}-journal`)
    }
  })

  test('a nested transaction that was refused leaves the one around it going', () => {
    const db = onReplica()
    const inner = db.transaction(() => db.prepare('insert into post values (1, null)').run())
    const outer = db.transaction(() => {
      expect(thrown(inner)).toMatchObject(refused)
      return db.prepare('select count(*) from post').pluck().get()
    })
    expect(outer()).toBe(0)
    expect(db.inTransaction).toBe(false)
  })

  test('numbers as the app wants them change nothing', () => {
    const db = onReplica().defaultSafeIntegers(true)
    expect(thrown(() => db.exec('insert into post values (1, null)'))).toMatchObject(refused)
    expect(thrown(() => db.prepare('vacuum').run())).toMatchObject(refused)
    db.prepare(`vacuum into '${join(mount.folder, 'copy')}'`).run()
    db.pragma('query_only = on')
    expect(thrown(() => db.pragma('journal_mode = wal'))).toMatchObject({ code: /^SQLITE_/ })
  })

  test('parameters by name, by place and bound before', () => {
    const db = onReplica()
    db.exec('create temp table draft (id)')
    db.prepare('insert into draft values (:id)').run({ id: 1 })
    db.prepare('insert into draft values (?)').run([2])
    expect(db.prepare('select id from draft').pluck().all()).toEqual([1, 2])
    // Bound before, they are not ours to explain with: SQLite's first word holds.
    expect(thrown(() => db.prepare('insert into draft values (?)').bind(3).run())).toMatchObject(refused)
  })
})

describe('a text is taken apart as SQLite does it', () => {
  const fragments = [
    'select 1',
    "select ';' as a",
    'select 2 -- ; not the end',
    'select /* ; */ 3',
    "insert into t values ('it''s; one')",
    'create trigger tr_N after insert on t begin delete from u; insert into u values (1); end',
    'create table t_N (a)',
    'create table if not exists t (a)',
    'insert into t_N values (1)',
    'select [a;b] from (select 1 as [a;b])',
    'select `a;b` from (select 1 as `a;b`)',
    'begin',
    'commit',
    '',
    '-- ; nothing',
    '/* nothing ; */',
    'select not_there from nowhere',
    'not sql',
  ]
  const dump = (db: Database.Database): unknown[] => [
    db.inTransaction,
    db.prepare('select name, sql from sqlite_schema order by name').all(),
    db.prepare('select a from t').all(),
  ]

  function run(exec: (db: Database.Database) => void): unknown[] {
    const db = new Database(':memory:')
    db.exec('create table t (a); create table u (a)')
    let error: unknown
    try {
      exec(db)
    } catch (caught) {
      error = String(caught)
    }
    const result = [error, ...dump(db)]
    db.close()
    return result
  }

  test('any text, piece by piece, does what it does in one go', () => {
    const text = fc
      .array(fc.tuple(fc.constantFrom(...fragments), fc.constantFrom(';', ' ;\n', ';;', '\n;')), { maxLength: 8 })
      .map((parts) => parts.map(([sql, end], n) => sql.replaceAll('_N', `_${n}`) + end).join(''))
    fc.assert(
      fc.property(text, fc.boolean(), (sql, isOpen) => {
        const all = isOpen ? sql.replace(/;\s*$/, '') : sql
        const byPieces = run((db) => {
          for (const piece of piecesOf(all, (one) => db.prepare(one))) db.exec(piece.sql)
        })
        expect(byPieces).toEqual(run((db) => db.exec(all)))
      }),
      { numRuns: 300 },
    )
  })

  test('but for one with more semicolons in it than are worth trying', () => {
    const db = onReplica()
    const semicolons = `'${';'.repeat(20_000)}'`
    expect(thrown(() => db.exec(`select ${semicolons}; insert into post values (1, null)`))).toMatchObject(refused)
    expect(db.exec(`select ${semicolons}; select 1`)).toBe(db)
    expect(mount.rows()).toEqual([])
  })

  test('each statement is a piece of its own', () => {
    const db = new Database(':memory:')
    const pieces = [...piecesOf("select ';'; select 2 -- ;\n; select 3", (sql) => db.prepare(sql))]
    expect(pieces.map(({ sql }) => sql.trim())).toEqual(["select ';';", 'select 2 -- ;\n;', 'select 3'])
    expect(pieces.every(({ statement }) => statement !== 'several' && statement?.readonly)).toBe(true)
    db.close()
  })
})
