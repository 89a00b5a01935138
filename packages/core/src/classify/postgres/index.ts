import { type ClauseRule, type DialectRules, type Scanner, type Verdict, write } from '../rules.ts'
import { calls } from './functions.ts'
import { statements } from './statements.ts'

/** `FOR UPDATE`, `FOR NO KEY UPDATE`, `FOR SHARE`, `FOR KEY SHARE`. */
function locking(scanner: Scanner): Verdict | undefined {
  scanner.next()
  if (scanner.is('update') || scanner.is('share')) return write('locking-clause')
  if (scanner.is('no')) return scanner.accept('key') ? write('locking-clause') : undefined
  if (scanner.is('key')) return scanner.accept('share') ? write('locking-clause') : undefined
  scanner.unread()
  return undefined
}

/** INTO is reserved: in a query it is SELECT INTO, unless AS makes it an alias. */
function into(scanner: Scanner): Verdict | undefined {
  return scanner.isAfter('as') ? undefined : write('select-into')
}

const clauses: Record<string, ClauseRule> = { for: locking, into }

export const postgres: DialectRules = {
  syntax: { nestedComments: true, bodies: 'begin atomic', backslash: 'prefixed', dollarQuotes: true },
  statements,
  clauses,
  calls,
}
