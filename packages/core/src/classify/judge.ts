import type { Facts } from './facts.ts'
import { unknown, type Verdict } from './rules.ts'
import type { Scanner } from './scan.ts'
import { WORD } from './tokens.ts'

const UNPARSED = unknown('unparsed')

/** The verdict on the statement whose first token has just been read. */
export function judge(scanner: Scanner, facts: Facts): Verdict {
  if (scanner.token !== WORD) return UNPARSED
  return scanner.meaning?.statement?.(scanner, facts) ?? UNPARSED
}
