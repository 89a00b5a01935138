import { type ClauseRule, type Scanner, type Verdict, write } from '../rules.ts'

/** FOR UPDATE is refused; FOR SHARE and LOCK IN SHARE MODE run on a replica. */
function locking(scanner: Scanner): Verdict | undefined {
  if (scanner.accept('update')) return write('locking-clause')
  return undefined
}

/** `NEXT VALUE FOR sequence` (MariaDB). */
function next(scanner: Scanner): Verdict | undefined {
  if (scanner.accept('value') && scanner.accept('for')) return write('function:nextval')
  return undefined
}

export const clauses: Record<string, ClauseRule> = { for: locking, next }
