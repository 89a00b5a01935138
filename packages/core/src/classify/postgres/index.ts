import type { DialectRules } from '../rules.ts'
import { clauses } from './clauses.ts'
import { calls } from './functions.ts'
import { statements } from './statements.ts'

export const postgres: DialectRules = {
  syntax: { nestedComments: true, bodies: 'begin atomic', backslash: 'prefixed', dollarQuotes: true },
  statements,
  clauses,
  calls,
}
