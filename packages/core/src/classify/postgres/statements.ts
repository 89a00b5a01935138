import type { Facts } from '../facts.ts'
import { walkCtes, walkQuery } from '../query.ts'
import { read, type StatementRule, unknown, type Verdict, write } from '../rules.ts'
import { END, EQUALS, NAME, OPEN, type Scanner, STRING, VALUE, WORD } from '../scan.ts'
import { always, ddl, inner, query } from '../shared.ts'
import { closing, readModes, savepoint } from '../transaction.ts'
import { anonymousBlock } from './block.ts'

/** What a Boolean setting takes for off; a unique beginning of a word will do. */
const OFF = new Set(['off', 'of', 'false', 'fals', 'fal', 'fa', 'f', 'no', 'n', '0'])

const MAIN = ['select', 'insert', 'update', 'delete', 'merge', 'values', 'table']
/** What the CTEs behind WITH may be in front of; not another WITH. */
const BEHIND_CTES = new Set(MAIN)
const DML = new Set([...MAIN, 'with'])

function withQuery(scanner: Scanner, facts: Facts): Verdict {
  const found = walkCtes(scanner, read('select'))
  if (found.access === 'write' || scanner.token === END) return found
  return inner(scanner, facts, BEHIND_CTES)
}

/** MERGE writes by its actions: one that only does nothing is a read. */
function merge(scanner: Scanner): Verdict {
  while (scanner.token !== END) {
    scanner.next()
    if (!scanner.is('then')) continue
    scanner.next()
    if (scanner.is('insert') || scanner.is('update') || scanner.is('delete')) return write('merge')
  }
  return read('merge-nothing')
}

const EXPLAINABLE = new Set([...DML, 'declare', 'create', 'refresh', 'execute'])

/** EXPLAIN plans; EXPLAIN ANALYZE executes. */
function explain(scanner: Scanner, facts: Facts): Verdict {
  let analyze = false
  scanner.next()
  if (scanner.token === OPEN && !opensQuery(scanner)) {
    analyze = analyzeOption(scanner)
    scanner.next()
  } else {
    while (scanner.is('analyze') || scanner.is('analyse') || scanner.is('verbose')) {
      analyze ||= !scanner.is('verbose')
      scanner.next()
    }
  }
  return analyze ? inner(scanner, facts, EXPLAINABLE) : read('explain')
}

/** `EXPLAIN (SELECT …)` has no options. */
function opensQuery(scanner: Scanner): boolean {
  scanner.next()
  const opens = scanner.token === OPEN || (scanner.token === WORD && DML.has(scanner.meaning?.word ?? ''))
  scanner.unread()
  return opens
}

/** Reads `ANALYZE [value], …)`: whether it is on; the last one counts. */
function analyzeOption(scanner: Scanner): boolean {
  const { depth } = scanner
  let analyze = false
  while (scanner.next() !== END && scanner.depth >= depth) {
    if (!scanner.is('analyze') && !scanner.is('analyse')) continue
    scanner.next()
    analyze =
      !(scanner.token === WORD || scanner.token === STRING || scanner.token === VALUE || scanner.token === NAME) ||
      !OFF.has(scanner.value())
    if (scanner.depth < depth) break
  }
  return analyze
}

/** COPY … TO reads; COPY … FROM writes, and so does COPY of a statement that does. */
function copy(scanner: Scanner, facts: Facts): Verdict {
  if (scanner.next() === OPEN) {
    scanner.next()
    const found = inner(scanner, facts, DML)
    return found.access === 'read' ? read('copy-to') : found
  }
  while (scanner.token !== END) {
    if (scanner.depth <= 0 && scanner.is('from')) return write('copy-from')
    if (scanner.depth <= 0 && scanner.is('to')) return read('copy-to')
    scanner.next()
  }
  return unknown('unparsed')
}

/** Up to ROW EXCLUSIVE a table lock can be had on a standby; the default is ACCESS EXCLUSIVE. */
function lock(scanner: Scanner): Verdict {
  let exclusive = true
  while (scanner.token !== END) {
    scanner.next()
    if (!scanner.is('in')) continue
    scanner.next()
    if (scanner.is('row') || scanner.is('access')) {
      const row = scanner.is('row')
      scanner.next()
      exclusive = !(scanner.is('share') || (row && scanner.is('exclusive')))
      // SHARE ROW EXCLUSIVE begins with SHARE, and so never comes here.
    }
    break
  }
  return exclusive ? write('lock') : read('lock')
}

function begin(scanner: Scanner, facts: Facts): Verdict {
  facts.control('begin')
  return readModes(scanner, facts, read('begin'))
}

/** PREPARE of a write succeeds on a standby; its EXECUTE does not. PREPARE TRANSACTION writes. */
function prepare(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('transaction')) {
    scanner.next()
    if (scanner.token === STRING) {
      facts.control('prepare')
      return write('two-phase')
    }
    scanner.unread()
  }
  const name = scanner.name()
  while (scanner.token !== END && !(scanner.depth <= 0 && scanner.is('as'))) scanner.next()
  if (scanner.token === END) return unknown('unparsed')
  scanner.next()
  facts.prepare({ action: 'prepare', name, verdict: inner(scanner, facts, DML) })
  return read('prepare')
}

function execute(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  facts.prepare({ action: 'execute', name: scanner.name() })
  return walkQuery(scanner, unknown('execute'))
}

function deallocate(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('prepare')) scanner.next()
  facts.prepare(scanner.is('all') ? { action: 'deallocate-all' } : { action: 'deallocate', name: scanner.name() })
  return read('deallocate')
}

function discard(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('all')) facts.prepare({ action: 'deallocate-all' })
  return read('discard')
}

/** SET changes the session only, but cannot make a standby's transaction writable or serializable. */
function set(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  const session = scanner.is('session')
  if (session || scanner.is('local')) scanner.next()
  if (session && scanner.is('characteristics')) {
    return read('set')
  }
  if (scanner.is('transaction')) {
    facts.control('set')
    return readModes(scanner, facts, read('set-transaction'))
  }
  const isolation = scanner.is('transaction_isolation')
  const readOnly = scanner.is('transaction_read_only')
  if (isolation || readOnly) {
    scanner.next()
    if (scanner.token === EQUALS || scanner.is('to')) scanner.next()
    const value = scanner.value()
    if (isolation && value === 'serializable') return write('serializable')
    if (readOnly && OFF.has(value)) return write('read-write')
  }
  return read('set')
}

function declare(scanner: Scanner, facts: Facts): Verdict {
  while (scanner.token !== END && !scanner.is('for')) scanner.next()
  if (scanner.token === END) return unknown('unparsed')
  scanner.next()
  return inner(scanner, facts, DML)
}

function alter(scanner: Scanner, facts: Facts): Verdict {
  // ALTER SYSTEM writes a file of this server, replica or not.
  if (scanner.accept('system')) return read('alter-system')
  facts.schema = true
  return write('alter')
}

const commit = closing('commit')
const rollback = closing('rollback')

/** What a statement means, by its first word. */
export const statements: Record<string, StatementRule> = {
  select: query(read('select')),
  values: query(read('values')),
  table: query(read('table')),
  with: withQuery,
  insert: always(write('insert')),
  update: always(write('update')),
  delete: always(write('delete')),
  merge,
  explain,
  copy,
  lock,
  begin,
  start: begin,
  commit,
  end: commit,
  rollback,
  abort: rollback,
  savepoint: savepoint('savepoint'),
  release: savepoint('release'),
  prepare,
  execute,
  deallocate,
  discard,
  set,
  declare,
  alter,
  create: ddl('create'),
  drop: ddl('drop'),
  import: ddl('import'),
  truncate: always(write('truncate')),
  comment: always(write('comment')),
  security: always(write('security-label')),
  grant: always(write('grant')),
  revoke: always(write('revoke')),
  reassign: always(write('reassign')),
  refresh: always(write('refresh')),
  vacuum: always(write('vacuum')),
  analyze: always(write('analyze')),
  analyse: always(write('analyze')),
  reindex: always(write('reindex')),
  cluster: always(write('cluster')),
  listen: always(write('listen')),
  notify: always(write('notify')),
  unlisten: always(read('unlisten')),
  call: query(unknown('call')),
  do: anonymousBlock,
  show: always(read('show')),
  reset: always(read('reset')),
  fetch: always(read('fetch')),
  move: always(read('move')),
  close: always(read('close')),
  load: always(read('load')),
  checkpoint: always(read('checkpoint')),
  wait: always(read('wait')),
}
