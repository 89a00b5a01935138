import type { TextScanner } from './scan.ts'
import type { Lexicon as LexiconOf, Syntax } from './syntax.ts'
import type { Access, Classification, PreparedStep, TransactionControl } from './types.ts'
import type { Meanings } from './words.ts'

/** A verdict; each is made once and shared. */
export type Verdict = Classification

/** Classifies a statement whose first word has just been read. May stop anywhere within the statement. */
export type StatementRule = (scanner: Scanner, notes: StatementNotes) => Verdict

/** Classifies a clause whose first word has just been read inside a query. `undefined`: nothing to say; the token read last has not been classified. */
export type ClauseRule = (scanner: Scanner) => Verdict | undefined

/** Classifies the call of a function; the parenthesis has just been read. */
export type CallRule = (scanner: Scanner) => Verdict | undefined

/** What rules read. */
export type Scanner = TextScanner<StatementRule, ClauseRule, CallRule>
export type Lexicon = LexiconOf<StatementRule, ClauseRule, CallRule>

/** All that is particular to a dialect. */
export interface DialectRules extends Meanings<StatementRule, ClauseRule, CallRule> {
  readonly syntax: Syntax
}

/** What rules note about a text on their way, beside the verdict. */
export interface StatementNotes {
  transaction: TransactionControl | undefined
  readOnly: boolean | undefined
  hasModes: boolean
  isSnapshot: boolean
  chain: boolean | undefined
  schema: boolean
  prepared: PreparedStep[] | undefined
  /** The statement is a CREATE, whose body may hold semicolons. */
  creates: boolean
  control(transaction: TransactionControl): void
  prepare(step: PreparedStep): void
  /** Classifies a statement that is the content of a string literal. */
  classify(sql: string): Verdict
  /** Classifies a text within the text by a rule; three levels deep at most, so that no text exhausts the stack. */
  nested(text: string, rule: StatementRule): Verdict
}

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
