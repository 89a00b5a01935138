import { walkQuery } from '../query.ts'
import { read, type Scanner, type StatementNotes, type StatementRule, unknown, type Verdict, write } from '../rules.ts'
import { always, ddl, inner, query, withQuery } from '../shared.ts'
import { END, WORD } from '../tokens.ts'
import { closing, readModes, savepoint } from '../transaction.ts'
import { compound, NESTING } from './compound.ts'
import { deallocate, execute, prepare } from './prepared.ts'

const MAIN = ['select', 'values', 'table', 'insert', 'replace', 'update', 'delete']
/** What the CTEs after WITH may be in front of; not another WITH. */
const BEHIND_CTES = new Set(MAIN)
const DML = new Set([...MAIN, 'with'])

/** What SET STATEMENT may be in front of; no other SET, and no block. */
const ANY = new Set<string>()

/** EXPLAIN and ANALYZE of a write are refused, whether they execute it or only plan. DESCRIBE is the same word. */
function explain(scanner: Scanner, notes: StatementNotes): Verdict {
  while (scanner.next() !== END) {
    const word = scanner.token === WORD ? scanner.meaning?.word : undefined
    if (word === undefined || !DML.has(word)) continue
    if (word === 'table') return read('explain')
    return inner(scanner, notes, DML).access === 'write' ? write('explain-write') : read('explain')
  }
  return read('explain')
}

/** ANALYZE TABLE is refused, except for histograms (MySQL) and PERSISTENT statistics (MariaDB). ANALYZE of a statement is MariaDB's EXPLAIN ANALYZE. */
function analyze(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('local') || scanner.is('no_write_to_binlog')) scanner.next()
  if (!scanner.is('table') && !scanner.is('tables')) {
    scanner.unread()
    return explain(scanner, notes)
  }
  while (scanner.next() !== END) {
    if (scanner.is('histogram') || scanner.is('persistent')) return read('statistics')
  }
  return write('analyze')
}

/** START TRANSACTION READ WRITE is refused. START REPLICA is a matter of the replica. */
function start(scanner: Scanner, notes: StatementNotes): Verdict {
  if (!scanner.accept('transaction')) return read('replication')
  notes.control('begin')
  return readModes(scanner, notes, read('begin'))
}

function begin(scanner: Scanner, notes: StatementNotes): Verdict {
  const block = scanner.next() !== END && !scanner.is('work')
  scanner.unread()
  if (block) return compound(scanner, notes)
  notes.control('begin')
  return read('begin')
}

/** LOCK TABLES … READ runs on a replica; one WRITE among the locks is refused. */
function lock(scanner: Scanner): Verdict {
  while (scanner.next() !== END) if (scanner.is('write')) return write('lock')
  return read('lock')
}

/** Temporary tables can be made on a replica, unless what fills them takes locks; temporary sequences cannot. */
function create(scanner: Scanner, notes: StatementNotes): Verdict {
  if (scanner.accept('or')) scanner.next()
  if (scanner.accept('temporary')) {
    return scanner.accept('sequence') ? write('create') : walkQuery(scanner, read('temporary-table'))
  }
  notes.schema = true
  notes.creates = true
  return write('create')
}

function drop(scanner: Scanner, notes: StatementNotes): Verdict {
  if (scanner.accept('temporary')) return scanner.accept('sequence') ? write('drop') : read('temporary-table')
  if (scanner.accept('prepare')) {
    scanner.unread()
    return deallocate(scanner, notes)
  }
  notes.schema = true
  return write('drop')
}

/** LOAD INDEX INTO CACHE only reads. */
function load(scanner: Scanner): Verdict {
  return scanner.accept('index') ? read('load-index') : write('load')
}

/** SET changes the session, except for passwords and default roles. `SET STATEMENT … FOR` (MariaDB) is what follows it. */
function set(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('password')) return write('set-password')
  if (scanner.is('default') && scanner.accept('role')) return write('set-default-role')
  if (scanner.is('statement')) {
    while (scanner.next() !== END) {
      if (!scanner.is('for')) continue
      scanner.next()
      return inner(scanner, notes, ANY)
    }
    return unknown('unparsed')
  }
  // With SESSION it is a setting like any other.
  if (scanner.is('transaction')) notes.control('set')
  scanner.unread()
  return walkQuery(scanner, read('set'))
}

const ADMINISTRATION = always(read('administration'))
const REPLICATION = always(read('replication'))
const DIAGNOSTICS = always(read('diagnostics'))

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  table: query(read('table')),
  with: withQuery(BEHIND_CTES),
  insert: always(write('insert')),
  replace: always(write('replace')),
  update: always(write('update')),
  delete: always(write('delete')),
  load,
  import: always(write('import')),
  explain,
  describe: explain,
  desc: explain,
  analyze,
  start,
  begin,
  commit: closing('commit'),
  rollback: closing('rollback'),
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  xa: always(read('xa')),
  lock,
  unlock: always(read('unlock')),
  create,
  drop,
  alter: ddl('alter'),
  rename: ddl('rename'),
  truncate: always(write('truncate')),
  optimize: always(write('optimize')),
  grant: always(write('grant')),
  revoke: always(write('revoke')),
  install: always(write('install')),
  uninstall: always(write('uninstall')),
  prepare,
  execute,
  deallocate,
  set,
  call: query(unknown('call')),
  do: query(read('do')),
  show: query(read('show')),
  use: always(read('use')),
  handler: always(read('handler')),
  check: always(read('check')),
  checksum: always(read('check')),
  repair: always(read('repair')),
  help: always(read('help')),
  get: DIAGNOSTICS,
  signal: DIAGNOSTICS,
  resignal: DIAGNOSTICS,
  flush: ADMINISTRATION,
  kill: ADMINISTRATION,
  cache: ADMINISTRATION,
  backup: ADMINISTRATION,
  clone: ADMINISTRATION,
  shutdown: ADMINISTRATION,
  restart: ADMINISTRATION,
  binlog: REPLICATION,
  change: REPLICATION,
  purge: REPLICATION,
  reset: REPLICATION,
  stop: REPLICATION,
}

for (const verb of Object.keys(statements)) if (verb !== 'set' && verb !== 'begin') ANY.add(verb)
for (const word of NESTING) if (word !== 'begin') statements[word] = compound
