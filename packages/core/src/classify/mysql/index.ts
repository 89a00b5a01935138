import { type CallRule, type ClauseRule, type DialectRules, type Scanner, type Verdict, write } from '../rules.ts'
import { statements } from './statements.ts'

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

const clauses: Record<string, ClauseRule> = { for: locking, next }

const ADVISORY_LOCK: CallRule = () => write('advisory-lock')

/** What a call means, by the function's name. */
const calls: Record<string, CallRule> = {
  // Locks of the server they are asked of: on a replica they keep no other server's sessions out.
  get_lock: ADVISORY_LOCK,
  release_lock: ADVISORY_LOCK,
  is_free_lock: ADVISORY_LOCK,
  is_used_lock: ADVISORY_LOCK,
  // Sequences of MariaDB.
  nextval: () => write('function:nextval'),
  setval: () => write('function:setval'),
}

export const mysql: DialectRules = {
  syntax: {
    mysqlComments: true,
    bodies: 'rest',
    backslash: 'always',
    doubleQuotedStrings: true,
    backticks: true,
    atVariables: true,
  },
  statements,
  clauses,
  calls,
}
