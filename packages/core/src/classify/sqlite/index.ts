import type { DialectRules } from '../lexicon.ts'
import { statements } from './statements.ts'

export const sqlite: DialectRules = {
  syntax: { bodies: 'begin', backslash: 'never', backticks: true, brackets: true },
  statements,
  clauses: {},
  calls: {},
}
