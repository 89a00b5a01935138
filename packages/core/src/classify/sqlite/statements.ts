import { valueOf } from '../content.ts'
import { read, type Scanner, type StatementNotes, type StatementRule, unknown, type Verdict, write } from '../rules.ts'
import { always, ddl, inner, query, withQuery } from '../shared.ts'
import { DOT, EQUALS, OPEN } from '../tokens.ts'
import { closing, savepoint } from '../transaction.ts'

const DML = new Set(['select', 'insert', 'replace', 'update', 'delete', 'values'])

const EXPLAINABLE = new Set<string>()

/** DEFERRED is the default; IMMEDIATE and EXCLUSIVE take the write lock at once. */
function begin(scanner: Scanner, notes: StatementNotes): Verdict {
  notes.control('begin')
  scanner.next()
  return scanner.is('immediate') || scanner.is('exclusive') ? write('begin-immediate') : read('begin')
}

/** Writes even when they are only asked. */
const WRITING = new Set(['incremental_vacuum', 'journal_mode', 'wal_checkpoint'])
/** Write when they are set. */
const WRITING_WHEN_SET = new Set(['user_version', 'application_id', 'schema_version', 'default_cache_size'])
/** Writes when it is set to one of these. */
const AUTO_VACUUM = new Set(['1', '2', 'full', 'incremental'])

function pragma(scanner: Scanner): Verdict {
  let name = pragmaName(scanner)
  if (scanner.next() === DOT) {
    name = pragmaName(scanner)
    scanner.next()
  }
  if (WRITING.has(name)) return write('pragma')
  // It runs ANALYZE where that is worth its while.
  if (name === 'optimize') return unknown('pragma')
  if (scanner.token !== EQUALS && scanner.token !== OPEN) return read('pragma')
  scanner.next()
  const writes = WRITING_WHEN_SET.has(name) || (name === 'auto_vacuum' && AUTO_VACUUM.has(valueOf(scanner)))
  return writes ? write('pragma') : read('pragma')
}

function pragmaName(scanner: Scanner): string {
  scanner.next()
  return valueOf(scanner)
}

/** As `sqlite3_stmt_readonly()`: EXPLAIN is classified by what it explains, although it does not run it. */
function explain(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('query')) {
    scanner.next()
    scanner.next()
  }
  return inner(scanner, notes, EXPLAINABLE).access === 'write' ? write('explain-write') : read('explain')
}

const commit = closing('commit')

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  with: withQuery(DML),
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
  explain,
  begin,
  commit,
  end: commit,
  rollback: closing('rollback'),
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  pragma,
}

for (const verb of Object.keys(statements)) if (verb !== 'explain') EXPLAINABLE.add(verb)
