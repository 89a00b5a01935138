import type { Facts } from '../facts.ts'
import { walkCtes } from '../query.ts'
import { read, type StatementRule, type Verdict, write } from '../rules.ts'
import { END, EQUALS, OPEN, type Scanner } from '../scan.ts'
import { always, ddl, inner, query } from '../shared.ts'

const DML = new Set(['select', 'insert', 'replace', 'update', 'delete', 'values'])

function withQuery(scanner: Scanner, facts: Facts): Verdict {
  const found = walkCtes(scanner, read('select'))
  if (found.access === 'write' || scanner.token === END) return found
  return inner(scanner, facts, DML)
}

/** DEFERRED is the default; IMMEDIATE and EXCLUSIVE take the write lock at once. */
function begin(scanner: Scanner, facts: Facts): Verdict {
  facts.control('begin')
  scanner.next()
  return scanner.is('immediate') || scanner.is('exclusive') ? write('begin-immediate') : read('begin')
}

function commit(_: Scanner, facts: Facts): Verdict {
  facts.control('commit')
  return read('commit')
}

function rollback(scanner: Scanner, facts: Facts): Verdict {
  facts.control('rollback')
  while (!scanner.atEnd) {
    scanner.next()
    if (scanner.is('to')) {
      facts.control('rollback-to')
      return read('rollback-to')
    }
  }
  return read('rollback')
}

function savepoint(control: 'savepoint' | 'release'): StatementRule {
  return (_, facts) => {
    facts.control(control)
    return read(control)
  }
}

/** Pragmas that write even when they are only asked, and pragmas that write when they are set. */
const WRITING = new Set(['incremental_vacuum', 'journal_mode', 'wal_checkpoint', 'optimize'])
const WRITING_WITH_VALUE = new Set([
  'user_version',
  'application_id',
  'schema_version',
  'auto_vacuum',
  'default_cache_size',
])

function pragma(scanner: Scanner): Verdict {
  scanner.next()
  let name = scanner.name()
  if (scanner.next() === 46) {
    scanner.next()
    name = scanner.name()
    scanner.next()
  }
  const set = scanner.token === EQUALS || scanner.token === OPEN
  return WRITING.has(name) || (set && WRITING_WITH_VALUE.has(name)) ? write('pragma') : read('pragma')
}

const end = commit

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  with: withQuery,
  insert: always(write('insert')),
  replace: always(write('replace')),
  update: always(write('update')),
  delete: always(write('delete')),
  create: ddl('create'),
  drop: ddl('drop'),
  alter: ddl('alter'),
  reindex: always(write('reindex')),
  analyze: always(write('analyze')),
  vacuum: always(write('vacuum')),
  attach: always(read('attach')),
  detach: always(read('detach')),
  explain: always(read('explain')),
  begin,
  commit,
  end,
  rollback,
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  pragma,
}
