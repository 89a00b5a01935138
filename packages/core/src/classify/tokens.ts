// Kinds of token. Punctuation has its character code as its kind.
/** The end of the statement: a semicolon outside of parentheses, or the end of the text. */
export const END = 0
/** A key word or a name without quotes. */
export const WORD = 1
/** A quoted name. */
export const NAME = 2
export const STRING = 3
/** A number, a parameter or a variable. */
export const VALUE = 4
export const OPEN = 40
export const CLOSE = 41
export const COMMA = 44
export const DOT = 46
export const EQUALS = 61
