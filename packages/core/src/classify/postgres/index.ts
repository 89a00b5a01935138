import type { DialectRules } from '../lexicon.ts'
import { clauses } from './clauses.ts'
import { calls } from './functions.ts'
import { statements } from './statements.ts'

export const postgres: DialectRules = {
  syntax: { nestedComments: true, backslash: 'prefixed', dollarQuotes: true },
  statements,
  clauses,
  calls,
}
