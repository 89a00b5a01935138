import { nameOf, stringOf } from '../content.ts'
import type { Facts } from '../facts.ts'
import { read, unknown, type Verdict } from '../rules.ts'
import type { Scanner } from '../scan.ts'
import { STRING } from '../tokens.ts'

/** `PREPARE name FROM 'text'` succeeds on a replica even for a write; its EXECUTE does not. */
export function prepare(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  const name = nameOf(scanner)
  if (scanner.accept('from')) {
    scanner.next()
    facts.prepare({ action: 'prepare', name, verdict: literal(scanner, facts) })
  }
  return read('prepare')
}

/** `EXECUTE name`, or `EXECUTE IMMEDIATE 'text'` (MariaDB). */
export function execute(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  if (scanner.is('immediate')) {
    scanner.next()
    return literal(scanner, facts)
  }
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

/** The statement in a string literal; anything else is made when it runs. */
function literal(scanner: Scanner, facts: Facts): Verdict {
  return scanner.token === STRING ? facts.classify(stringOf(scanner)) : unknown('execute')
}
