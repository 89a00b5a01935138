import { nameOf, valueOf } from '../content.ts'
import { walkQuery } from '../query.ts'
import { read, type Scanner, type StatementNotes, unknown, type Verdict, write } from '../rules.ts'
import { inner } from '../shared.ts'
import { END, EQUALS, STRING } from '../tokens.ts'
import { readModes } from '../transaction.ts'
import { DML, OFF } from './verbs.ts'

export function begin(scanner: Scanner, notes: StatementNotes): Verdict {
  notes.control('begin')
  return readModes(scanner, notes, read('begin'))
}

/** SET changes the session only, but it cannot make a standby's transaction writable or serializable. */
export function set(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  const session = scanner.is('session')
  if (session || scanner.is('local')) scanner.next()
  // As defaults they bind no transaction yet.
  if (session && scanner.is('characteristics')) return read('set')
  if (scanner.is('transaction')) {
    notes.control('set')
    return readModes(scanner, notes, read('set-transaction'))
  }
  const isolation = scanner.is('transaction_isolation')
  const readOnly = scanner.is('transaction_read_only')
  if (isolation || readOnly) {
    scanner.next()
    if (scanner.token === EQUALS || scanner.is('to')) scanner.next()
    const value = valueOf(scanner)
    if (isolation && value === 'serializable') return write('serializable')
    if (readOnly && OFF.has(value)) return write('read-write')
  }
  return read('set')
}

/** PREPARE of a write succeeds on a standby; its EXECUTE does not. PREPARE TRANSACTION writes. */
export function prepare(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('transaction')) {
    scanner.next()
    if (scanner.token === STRING) {
      notes.control('prepare')
      return write('two-phase')
    }
    scanner.unread()
  }
  const name = nameOf(scanner)
  while (scanner.token !== END && !(scanner.depth <= 0 && scanner.is('as'))) scanner.next()
  if (scanner.token === END) return unknown('unparsed')
  scanner.next()
  notes.prepare({ action: 'prepare', name, verdict: inner(scanner, notes, DML) })
  return read('prepare')
}

export function execute(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  notes.prepare({ action: 'execute', name: nameOf(scanner) })
  return walkQuery(scanner, unknown('execute'))
}

export function deallocate(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('prepare')) scanner.next()
  notes.prepare(scanner.is('all') ? { action: 'deallocate-all' } : { action: 'deallocate', name: nameOf(scanner) })
  return read('deallocate')
}

export function discard(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('all')) notes.prepare({ action: 'deallocate-all' })
  return read('discard')
}
