import type { DialectRules } from '../rules.ts'
import { statements } from './statements.ts'

export const sqlite: DialectRules = {
  syntax: { bodies: 'begin', backslash: 'never', backticks: true, brackets: true },
  statements,
  clauses: {},
  calls: {},
}
