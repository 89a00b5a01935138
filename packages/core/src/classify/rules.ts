import type { Facts } from './facts.ts'
import type { Scanner } from './scan.ts'
import type { Access, Classification } from './types.ts'

/** A verdict; each is made once and shared. */
export type Verdict = Classification

/** Judges a statement whose first word has just been read. May stop anywhere within the statement. */
export type StatementRule = (scanner: Scanner, facts: Facts) => Verdict

/** Judges a clause whose first word has just been read inside a query. `undefined`: nothing to say; the token read last has not been judged. */
export type ClauseRule = (scanner: Scanner) => Verdict | undefined

/** Judges the call of a function; the parenthesis has just been read. */
export type CallRule = (scanner: Scanner) => Verdict | undefined

/** All verdicts there are; each reason is made once an access. */
const made: Record<Access, Map<string, Verdict>> = { read: new Map(), write: new Map(), unknown: new Map() }

function verdict(access: Access, reason: string): Verdict {
  let found = made[access].get(reason)
  if (found === undefined) {
    found = Object.freeze({ access, reason })
    made[access].set(reason, found)
  }
  return found
}

export const read = (reason: string): Verdict => verdict('read', reason)
export const write = (reason: string): Verdict => verdict('write', reason)
export const unknown = (reason: string): Verdict => verdict('unknown', reason)

const STRENGTH: Record<Access, number> = { read: 0, unknown: 1, write: 2 }

/** The one that decides when both are in one text; the first of equals. */
export function stronger(first: Verdict, second: Verdict): Verdict {
  return STRENGTH[second.access] > STRENGTH[first.access] ? second : first
}
