import { read, type Scanner, type StatementNotes, unknown, type Verdict, write } from '../rules.ts'
import { inner } from '../shared.ts'
import { END, OPEN } from '../tokens.ts'
import { DML } from './verbs.ts'

/** MERGE writes by its actions: one that only does nothing is a read. */
export function merge(scanner: Scanner): Verdict {
  while (scanner.token !== END) {
    scanner.next()
    if (!scanner.is('then')) continue
    scanner.next()
    if (scanner.is('insert') || scanner.is('update') || scanner.is('delete')) return write('merge')
  }
  return read('merge-nothing')
}

/** COPY … TO reads; COPY … FROM writes, and so does COPY of a statement that does. */
export function copy(scanner: Scanner, notes: StatementNotes): Verdict {
  if (scanner.next() === OPEN) {
    scanner.next()
    const found = inner(scanner, notes, DML)
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
export function lock(scanner: Scanner): Verdict {
  while (scanner.token !== END && !scanner.accept('in')) scanner.next()
  scanner.next()
  const row = scanner.is('row')
  // SHARE ROW EXCLUSIVE and SHARE UPDATE EXCLUSIVE begin with SHARE.
  if (!row && !scanner.is('access')) return write('lock')
  scanner.next()
  return scanner.is('share') || (row && scanner.is('exclusive')) ? read('lock') : write('lock')
}

export function declare(scanner: Scanner, notes: StatementNotes): Verdict {
  while (scanner.token !== END && !scanner.is('for')) scanner.next()
  if (scanner.token === END) return unknown('unparsed')
  scanner.next()
  return inner(scanner, notes, DML)
}
