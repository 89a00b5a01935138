import type { Facts } from '../facts.ts'
import { read, unknown, type Verdict } from '../rules.ts'
import { type Scanner, STRING } from '../scan.ts'

/** `PREPARE name FROM 'text'` succeeds on a replica even for a write; its EXECUTE does not. */
export function prepare(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  const name = scanner.name()
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
  facts.prepare({ action: 'execute', name: scanner.name() })
  return unknown('execute')
}

/** `DEALLOCATE PREPARE name`, `DROP PREPARE name`. */
export function deallocate(scanner: Scanner, facts: Facts): Verdict {
  scanner.next()
  scanner.next()
  facts.prepare({ action: 'deallocate', name: scanner.name() })
  return read('deallocate')
}

/** The statement in a string literal; anything else is made when it runs. */
function literal(scanner: Scanner, facts: Facts): Verdict {
  return scanner.token === STRING ? facts.classify(scanner.string()) : unknown('execute')
}
