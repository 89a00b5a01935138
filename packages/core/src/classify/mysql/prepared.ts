import { nameOf } from '../content.ts'
import { read, type Scanner, type StatementNotes, unknown, type Verdict } from '../rules.ts'
import { madeStatement } from '../shared.ts'
import { END } from '../tokens.ts'

/** `PREPARE name FROM 'text'` succeeds on a replica even for a write; its EXECUTE does not. */
export function prepare(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  const name = nameOf(scanner)
  if (scanner.accept('from')) notes.prepare({ action: 'prepare', name, verdict: text(scanner, notes) })
  return read('prepare')
}

/** `EXECUTE name`, or `EXECUTE IMMEDIATE 'text'` (MariaDB). */
export function execute(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  if (scanner.is('immediate')) return text(scanner, notes)
  notes.prepare({ action: 'execute', name: nameOf(scanner) })
  return unknown('execute')
}

/** `DEALLOCATE PREPARE name`, `DROP PREPARE name`. */
export function deallocate(scanner: Scanner, notes: StatementNotes): Verdict {
  scanner.next()
  scanner.next()
  notes.prepare({ action: 'deallocate', name: nameOf(scanner) })
  return read('deallocate')
}

/** A text as the server is given it: one that goes on with what is made when it runs may end as anything, unless it writes already. */
function text(scanner: Scanner, notes: StatementNotes): Verdict {
  const verdict = madeStatement(scanner, notes) ?? unknown('execute')
  const isWhole = scanner.next() === END || scanner.is('using')
  return isWhole || verdict.access === 'write' ? verdict : unknown('execute')
}
