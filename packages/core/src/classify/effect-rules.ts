import type { Scanner } from './rules.ts'
import { DOT, NAME, VALUE, WORD } from './tokens.ts'
import type { Leaves, SettingFacts } from './types.ts'

/** Where the rules note what a text leaves in its session. */
export interface EffectNotes {
  /** The answer tells what the session did before. */
  dependsOnSession: boolean
  /** The text is for a session that outlives its transaction. */
  needsSession: boolean
  /** Something is left: the strongest counts. */
  leave(what: Leaves): void
  /** A setting is left: `facts` says what differs from one of the server's own for the session. */
  set(facts?: Partial<SettingFacts>): void
  /** A temporary table is made, which the session keeps unless ON COMMIT DROP follows. */
  makesTemporary(): void
  /** Reads the statement whose first token is the current one, to its end. */
  statement(scanner: Scanner): void
  /** A text that EXECUTE will run: what it calls, the text calls. */
  prepares(sql: string): void
}

/** Says what a statement leaves, or a call. Its first word, or its parenthesis, has just been read; it may stop anywhere: the rest is walked. */
export type EffectRule = (scanner: Scanner, notes: EffectNotes) => void

/** What a dialect's statements and functions leave in a session. What stands in none of the tables leaves `something`. */
export interface EffectRules {
  /** By the first word of a statement. */
  readonly statements: Readonly<Record<string, Leaves | EffectRule>>
  /** Statements that begin or end a transaction. */
  readonly control: ReadonlySet<string>
  /** Functions of the server's that are known to leave nothing. */
  readonly known: ReadonlySet<string>
  readonly knownPrefixes: readonly string[]
  /** Functions of the server's that tell what the session did before, or keep something for it; by name. */
  readonly functions: Readonly<Record<string, EffectRule>>
  /** Functions of the server's that lock something for the session. */
  readonly sessionLocks: ReadonlySet<string>
  /** Variables of the server's that tell what the session did before. */
  readonly variables: ReadonlySet<string>
}

/** A table of statements that all leave the same. */
export function all(words: string, leaves: Leaves): Record<string, Leaves> {
  return Object.fromEntries(words.split(' ').map((word) => [word, leaves]))
}

/**
 * Reads the rest of a CREATE up to its list of columns or its query, or to the ON COMMIT of a temporary table, and says whether it is
 * temporary. The first list is no call's.
 */
export function readCreate(scanner: Scanner): boolean {
  scanner.next()
  while (IN_FRONT.some((word) => scanner.is(word))) scanner.next()
  const isTemporary = scanner.is('temp') || scanner.is('temporary')
  for (let { token } = scanner; token === WORD || token === NAME || token === DOT; token = scanner.next()) {
    if (scanner.is('as') || scanner.is('select') || (isTemporary && scanner.is('on'))) break
  }
  return isTemporary
}

const IN_FRONT = ['or', 'replace', 'local', 'global']

/** The answer is the session's: `lastval()`, FETCH. */
export const depends: EffectRule = (_, notes) => {
  notes.dependsOnSession = true
}

/** `@name`, and not `@@name`. */
export function isUserVariable({ text, token, start }: Scanner): boolean {
  return token === VALUE && text.charCodeAt(start) === AT && text.charCodeAt(start + 1) !== AT
}

const AT = 64
