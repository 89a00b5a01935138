import { nameOf } from '../content.ts'
import type { Facts } from '../facts.ts'
import { read, unknown, type Verdict } from '../rules.ts'
import type { Scanner } from '../scan.ts'
import { madeStatement } from '../shared.ts'
import { END } from '../tokens.ts'

/** `PREPARE name FROM 'text'` succeeds on a replica even for a write; its EXECUTE does not. */
export function prepare(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  const name = nameOf(scanner)
  if (scanner.accept('from')) facts.prepare({ action: 'prepare', name, verdict: text(scanner, facts) })
  return read('prepare')
}

/** `EXECUTE name`, or `EXECUTE IMMEDIATE 'text'` (MariaDB). */
export function execute(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('immediate')) return text(scanner, facts)
  facts.prepare({ action: 'execute', name: nameOf(scanner) })
  return unknown('execute')
}

/** `DEALLOCATE PREPARE name`, `DROP PREPARE name`. */
export function deallocate(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  scanner.next()
  facts.prepare({ action: 'deallocate', name: nameOf(scanner) })
  return read('deallocate')
}

/** A text as the server is given it: one that goes on with what is made when it runs may end as anything, unless it writes already. */
function text(scanner: Scanner, facts: Facts): Verdict {
  const verdict = madeStatement(scanner, facts) ?? unknown('execute')
  const isWhole = scanner.next() === END || scanner.is('using')
  return isWhole || verdict.access === 'write' ? verdict : unknown('execute')
}
