import type { DialectRules } from '../rules.ts'
import { clauses } from './clauses.ts'
import { calls } from './functions.ts'
import { statements } from './statements.ts'

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
