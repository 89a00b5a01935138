import type { Vocabulary } from './words.ts'

/** How a dialect writes comments, quotes and names. */
export interface Syntax {
  /** Comments nest, and a carriage return ends a line comment as well. */
  readonly nestedComments?: boolean
  /** `#` begins a line comment, `--` does so only in front of white space, and the text of a comment `/*! … *​/` is code. */
  readonly mysqlComments?: boolean
  /** A backslash in a string escapes the next character: always, or only in `E'…'`. */
  readonly backslash: 'always' | 'prefixed' | 'never'
  /** `"…"` is a string. */
  readonly doubleQuotedStrings?: boolean
  readonly backticks?: boolean
  readonly brackets?: boolean
  readonly dollarQuotes?: boolean
  /** `@name` is a variable. */
  readonly atVariables?: boolean
  /** What is between these words in a CREATE holds statements of its own. */
  readonly bodies: 'begin atomic' | 'begin' | 'rest'
}

/** A dialect's syntax and vocabulary in the form the scanner reads. */
export interface Lexicon<Statement, Clause, Call> {
  readonly syntax: Syntax
  readonly classes: Uint8Array
  readonly vocabulary: Vocabulary<Statement, Clause, Call>
}

// Classes of character.
export const OTHER = 0
export const BLANK = 1
export const QUOTE = 2
export const NAME_QUOTE = 3
export const BRACKET = 4
export const PARENTHESIS_OPEN = 5
export const PARENTHESIS_CLOSE = 6
export const STATEMENT_END = 7
export const DASH = 8
export const SLASH = 9
export const STAR = 10
export const HASH_COMMENT = 11
export const VARIABLE = 12
export const DOLLAR = 13
export const DIGIT = 14
export const LETTER = 15

/** Classes of the first 128 characters; all others are letters. */
export function classesOf(syntax: Syntax): Uint8Array {
  const classes = new Uint8Array(128)
  const mark = (characters: string, kind: number): void => {
    for (const character of characters) classes[character.charCodeAt(0)] = kind
  }
  mark(' \t\n\r\f\v', BLANK)
  mark("'", QUOTE)
  mark('"', syntax.doubleQuotedStrings ? QUOTE : NAME_QUOTE)
  if (syntax.backticks) mark('`', NAME_QUOTE)
  if (syntax.brackets) mark('[', BRACKET)
  mark('(', PARENTHESIS_OPEN)
  mark(')', PARENTHESIS_CLOSE)
  mark(';', STATEMENT_END)
  mark('-', DASH)
  mark('/', SLASH)
  if (syntax.mysqlComments) {
    mark('*', STAR)
    mark('#', HASH_COMMENT)
  }
  if (syntax.atVariables) mark('@', VARIABLE)
  if (syntax.dollarQuotes) mark('$', DOLLAR)
  mark('0123456789', DIGIT)
  mark('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', LETTER)
  return classes
}

/** Letters, digits, `_` and all beyond ASCII begin a word (a digit, strictly, a number). */
export function isWordStart(code: number): boolean {
  return ((code | 32) - 97) >>> 0 < 26 || (code - 48) >>> 0 < 10 || code === 95 || code > 127
}

/** What begins a word, and `$`, go on with it. */
export function isWordPart(code: number): boolean {
  return isWordStart(code) || code === 36
}
