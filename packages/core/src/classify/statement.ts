import { type Scanner, type StatementNotes, unknown, type Verdict } from './rules.ts'
import { WORD } from './tokens.ts'

const UNPARSED = unknown('unparsed')

/** Classifies the statement whose first token has just been read. */
export function classifyStatement(scanner: Scanner, notes: StatementNotes): Verdict {
  if (scanner.token !== WORD) return UNPARSED
  return scanner.meaning?.statement?.(scanner, notes) ?? UNPARSED
}
