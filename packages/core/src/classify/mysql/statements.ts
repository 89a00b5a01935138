import type { Facts } from '../facts.ts'
import { walkCtes } from '../query.ts'
import { read, type StatementRule, unknown, type Verdict, write } from '../rules.ts'
import { END, type Scanner, STRING, WORD } from '../scan.ts'
import { always, ddl, inner, query } from '../shared.ts'

const DML = new Set(['select', 'insert', 'replace', 'update', 'delete', 'values', 'table', 'with'])

function withQuery(scanner: Scanner, facts: Facts): Verdict {
  const found = walkCtes(scanner, read('select'))
  if (found.access === 'write' || scanner.token === END) return found
  return inner(scanner, facts, DML)
}

/** EXPLAIN of a write is refused, whether it executes or only plans. */
function explain(scanner: Scanner, facts: Facts): Verdict {
  while (!scanner.atEnd) {
    scanner.next()
    const { meaning } = scanner
    if (scanner.token === WORD && meaning?.statement !== undefined && DML.has(meaning.word)) {
      const found = meaning.statement(scanner, facts)
      return found.access === 'write' ? write('explain-write') : read('explain')
    }
  }
  return read('explain')
}

function start(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (!scanner.is('transaction')) return write('replication')
  facts.control('begin')
  let verdict = read('begin')
  while (!scanner.atEnd) {
    scanner.next()
    if (!scanner.is('read')) continue
    scanner.next()
    facts.readOnly = scanner.is('only')
    if (!facts.readOnly) verdict = write('read-write')
  }
  return verdict
}

function begin(_: Scanner, facts: Facts): Verdict {
  facts.control('begin')
  return read('begin')
}

function close(control: 'commit' | 'rollback'): StatementRule {
  return (scanner, facts) => {
    facts.control(control)
    while (!scanner.atEnd) {
      scanner.next()
      if (control === 'rollback' && scanner.is('to')) {
        facts.control('rollback-to')
        return read('rollback-to')
      }
      if (scanner.is('and')) facts.chain = !scanner.accept('no')
    }
    return read(control)
  }
}

function savepoint(control: 'savepoint' | 'release'): StatementRule {
  return (_, facts) => {
    facts.control(control)
    return read(control)
  }
}

/** LOCK TABLES … WRITE is refused. */
function lock(scanner: Scanner): Verdict {
  while (!scanner.atEnd) {
    scanner.next()
    if (scanner.is('write')) return write('lock')
  }
  return read('lock')
}

/** Temporary tables may be made on a replica. */
function create(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('or')) {
    scanner.next()
    scanner.next()
  }
  if (scanner.is('temporary')) return read('temporary-table')
  facts.schema = true
  return write('create')
}

function drop(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('temporary')) return read('temporary-table')
  if (scanner.is('prepare')) {
    scanner.next()
    facts.prepare({ action: 'deallocate', name: scanner.name() })
    return read('deallocate')
  }
  facts.schema = true
  return write('drop')
}

function prepare(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  const name = scanner.name()
  if (scanner.accept('from')) {
    scanner.next()
    const verdict = scanner.token === STRING ? facts.classify(scanner.string()) : unknown('execute')
    facts.prepare({ action: 'prepare', name, verdict })
  }
  return read('prepare')
}

function execute(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('immediate')) {
    scanner.next()
    return scanner.token === STRING ? facts.classify(scanner.string()) : unknown('execute')
  }
  facts.prepare({ action: 'execute', name: scanner.name() })
  return unknown('execute')
}

function deallocate(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  scanner.next()
  facts.prepare({ action: 'deallocate', name: scanner.name() })
  return read('deallocate')
}

const commit = close('commit')
const rollback = close('rollback')

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  table: query(read('table')),
  with: withQuery,
  insert: always(write('insert')),
  replace: always(write('replace')),
  update: always(write('update')),
  delete: always(write('delete')),
  load: always(write('load')),
  explain,
  describe: explain,
  desc: explain,
  analyze: explain,
  start,
  begin,
  commit,
  rollback,
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  lock,
  unlock: always(read('unlock')),
  create,
  drop,
  alter: ddl('alter'),
  rename: ddl('rename'),
  truncate: always(write('truncate')),
  grant: always(write('grant')),
  revoke: always(write('revoke')),
  prepare,
  execute,
  deallocate,
  set: query(read('set')),
  show: always(read('show')),
  use: always(read('use')),
  handler: always(read('handler')),
  check: always(read('check')),
  checksum: always(read('checksum')),
  flush: always(read('flush')),
  kill: always(read('kill')),
  help: always(read('help')),
  do: query(read('do')),
  call: query(unknown('call')),
}
