import { HASH_SEED, hashStep, type Meaning, sameWord, type Vocabulary } from './words.ts'

// Kinds of token. Punctuation has its character code as its kind (all are above 32).
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
export const SEMICOLON = 59
export const EQUALS = 61

// Classes of character.
const BLANK = 1
const LETTER = 2
const DIGIT = 3
const QUOTE = 4
const NAME_QUOTE = 5
const DASH = 6
const SLASH = 7
const DOLLAR = 8
const PARENTHESIS = 9
const HASH_COMMENT = 10
const STAR = 11
const VARIABLE = 12
const BRACKET = 13
const PERIOD = 14

const NEWLINE = 10
const RETURN = 13
const BANG = 33
const DOLLAR_SIGN = 36
const SINGLE_QUOTE = 39
const ASTERISK = 42
const HYPHEN = 45
const SOLIDUS = 47
const BACKSLASH = 92
const BYTE_ORDER_MARK = 0xfeff

/** How a dialect writes comments, quotes and names. */
export interface Syntax {
  /** Comments nest. */
  readonly nestedComments?: boolean
  /** A carriage return ends a line comment too. */
  readonly returnEndsComment?: boolean
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
}

/** A dialect's syntax and vocabulary in the form the scanner reads. */
export interface Lexicon {
  readonly syntax: Syntax
  readonly classes: Uint8Array
  readonly vocabulary: Vocabulary
}

/** Classes of the first 128 characters. */
export function classesOf(syntax: Syntax): Uint8Array {
  const classes = new Uint8Array(128)
  const mark = (characters: string, kind: number): void => {
    for (const character of characters) classes[character.charCodeAt(0)] = kind
  }
  mark(' \t\n\r\f\v', BLANK)
  mark('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', LETTER)
  mark('0123456789', DIGIT)
  mark("'", QUOTE)
  mark('"', syntax.doubleQuotedStrings ? QUOTE : NAME_QUOTE)
  mark('-', DASH)
  mark('/', SLASH)
  mark('()', PARENTHESIS)
  mark('.', PERIOD)
  mark('$', syntax.dollarQuotes ? DOLLAR : LETTER)
  if (syntax.backticks) mark('`', NAME_QUOTE)
  if (syntax.brackets) mark('[', BRACKET)
  if (syntax.mysqlComments) {
    mark('#', HASH_COMMENT)
    mark('*', STAR)
  }
  if (syntax.atVariables) mark('@', VARIABLE)
  return classes
}

/** Whether a character goes on with a word: letters, digits, `$` and all beyond ASCII. */
function continuesWord(classes: Uint8Array, code: number): boolean {
  if (code > 127) return true
  const kind = classes[code]!
  return kind === LETTER || kind === DIGIT || code === DOLLAR_SIGN
}

/**
 * SQL text → tokens, one at a time and in one pass. White space, comments and what is inside quotes are passed over; the
 * meaning of a word is looked up while it is read. Never throws: what is not closed ends with the text.
 */
export class Scanner {
  readonly text: string
  /** Kind of the current token. */
  token: number = SEMICOLON
  /** Kinds of the two tokens before it. */
  previous: number = SEMICOLON
  beforePrevious: number = SEMICOLON
  /** The current token is `text[start, end)`. */
  start = 0
  end = 0
  /** What the last word means, if anything. */
  meaning: Meaning | undefined = undefined
  /** Open parentheses. */
  depth = 0
  /** The last quoted name is `text[nameStart, nameEnd)`. */
  nameStart = 0
  nameEnd = 0
  /** The token in front of the last `.` is `text[qualifierStart, qualifierEnd)`. */
  qualifierStart = 0
  qualifierEnd = 0

  readonly #syntax: Syntax
  readonly #classes: Uint8Array
  readonly #vocabulary: Vocabulary
  /** Inside a comment whose text is code. */
  #executable = false

  constructor(text: string, lexicon: Lexicon) {
    this.text = text
    this.#syntax = lexicon.syntax
    this.#classes = lexicon.classes
    this.#vocabulary = lexicon.vocabulary
    if (text.charCodeAt(0) === BYTE_ORDER_MARK) this.end = 1
  }

  /** Reads the next token and returns its kind. */
  next(): number {
    const text = this.text
    const length = text.length
    const classes = this.#classes
    this.beforePrevious = this.previous
    this.previous = this.token
    let i = this.end
    while (i < length) {
      const code = text.charCodeAt(i)
      switch (code < 128 ? classes[code] : LETTER) {
        case BLANK:
          i++
          continue
        case LETTER: {
          const start = i
          let hash = hashStep(HASH_SEED, code)
          i++
          while (i < length) {
            const next = text.charCodeAt(i)
            if (!continuesWord(classes, next)) break
            hash = hashStep(hash, next)
            i++
          }
          if (
            i === start + 1 &&
            this.#syntax.backslash === 'prefixed' &&
            (code | 32) === 101 &&
            text.charCodeAt(i) === SINGLE_QUOTE
          ) {
            return this.#take(STRING, start, this.#escapeString(i))
          }
          this.meaning = this.#vocabulary.lookUp(text, start, i, hash)
          return this.#take(WORD, start, i)
        }
        case QUOTE:
          return this.#take(STRING, i, this.#quoted(i + 1, code, this.#syntax.backslash === 'always'))
        case NAME_QUOTE:
          return this.#takeName(i, this.#quoted(i + 1, code, false))
        case BRACKET: {
          const end = text.indexOf(']', i)
          return this.#takeName(i, end < 0 ? length : end + 1)
        }
        case DIGIT: {
          const start = i
          do i++
          while (i < length && (continuesWord(classes, text.charCodeAt(i)) || text.charCodeAt(i) === DOT))
          return this.#take(VALUE, start, i)
        }
        case PARENTHESIS:
          this.depth += code === OPEN ? 1 : -1
          return this.#take(code, i, i + 1)
        case PERIOD:
          this.qualifierStart = this.start
          this.qualifierEnd = this.end
          return this.#take(DOT, i, i + 1)
        case DASH:
          if (text.charCodeAt(i + 1) === HYPHEN && this.#beginsLineComment(i)) {
            i = this.#lineComment(i + 2)
            continue
          }
          return this.#take(code, i, i + 1)
        case HASH_COMMENT:
          i = this.#lineComment(i + 1)
          continue
        case SLASH:
          if (text.charCodeAt(i + 1) === ASTERISK) {
            i = this.#blockComment(i + 2)
            continue
          }
          return this.#take(code, i, i + 1)
        case STAR:
          if (this.#executable && text.charCodeAt(i + 1) === SOLIDUS) {
            this.#executable = false
            i += 2
            continue
          }
          return this.#take(code, i, i + 1)
        case DOLLAR:
          return this.#dollar(i)
        case VARIABLE: {
          const start = i
          do i++
          while (
            i < length &&
            (continuesWord(classes, text.charCodeAt(i)) || text.charCodeAt(i) === code || text.charCodeAt(i) === DOT)
          )
          return this.#take(VALUE, start, i)
        }
        default:
          return this.#take(code <= VALUE ? 127 : code, i, i + 1)
      }
    }
    return this.#take(END, length, length)
  }

  /** Puts the current token back: {@link next} reads it again. */
  unread(): void {
    if (this.token === OPEN) this.depth--
    else if (this.token === CLOSE) this.depth++
    this.end = this.start
    this.token = this.previous
    this.previous = this.beforePrevious
  }

  /** Whether the current token is this key word (given in lower case). */
  is(word: string): boolean {
    return this.token === WORD && sameWord(this.text, this.start, this.end, word)
  }

  /** Reads the next token if it is this key word. */
  accept(word: string): boolean {
    this.next()
    if (this.is(word)) return true
    this.unread()
    return false
  }

  /** Whether the statement ends at the current token. */
  get atEnd(): boolean {
    return this.token === END || (this.token === SEMICOLON && this.depth <= 0)
  }

  /** Reads on to the end of the statement. */
  finish(): void {
    while (!this.atEnd) this.next()
  }

  /** Reads up to the next token of the next statement, through semicolons and opening parentheses; false at the end of the text. */
  begin(): boolean {
    this.depth = 0
    this.token = SEMICOLON
    for (;;) {
      const token = this.next()
      if (token === END) return false
      if (token !== SEMICOLON && token !== OPEN) return true
    }
  }

  /** The current token as a name: without its quotes, or in lower case. */
  name(): string {
    if (this.token === WORD) return this.text.slice(this.start, this.end).toLowerCase()
    const quote = this.text.charAt(this.end - 1)
    const inner = this.text.slice(this.start + 1, this.end - 1)
    return quote === ']' ? inner : inner.replaceAll(quote + quote, quote)
  }

  /** The content of the current string literal, where that is `'…'` or `"…"`. */
  string(): string {
    const { text } = this
    const quote = text.charAt(this.end - 1)
    return text
      .slice(this.start + 1, this.end - 1)
      .replaceAll(quote + quote, quote)
      .replaceAll(/\\(.)/g, '$1')
  }

  /** The meaning of the token in front of the current parenthesis, where that is a quoted name. */
  quotedMeaning(): Meaning | undefined {
    const { text } = this
    const start = this.nameStart + 1
    const end = this.nameEnd - 1
    let hash = HASH_SEED
    for (let i = start; i < end; i++) hash = hashStep(hash, text.charCodeAt(i))
    return this.#vocabulary.lookUp(text, start, end, hash)
  }

  /** Where the function's name has no qualifier, or this one (in lower case, quoted or not). Asked at the parenthesis of a call. */
  unqualifiedOr(schema: string): boolean {
    const qualifier = this.qualifier()
    return qualifier === undefined || qualifier === schema
  }

  /** The qualifier of the function's name in lower case. Asked at the parenthesis of a call. */
  qualifier(): string | undefined {
    if (this.beforePrevious !== DOT) return undefined
    return this.text
      .slice(this.qualifierStart, this.qualifierEnd)
      .replace(/^["`[]|["`\]]$/g, '')
      .toLowerCase()
  }

  #take(token: number, start: number, end: number): number {
    this.token = token
    this.start = start
    this.end = end
    return token
  }

  #takeName(start: number, end: number): number {
    this.nameStart = start
    this.nameEnd = end
    return this.#take(NAME, start, end)
  }

  /** The end of what is quoted from `i` on. A doubled quote stands for itself. */
  #quoted(i: number, quote: number, backslash: boolean): number {
    const { text } = this
    const { length } = text
    for (; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code === quote) {
        if (text.charCodeAt(i + 1) !== quote) return i + 1
        i++
      } else if (backslash && code === BACKSLASH) i++
    }
    return length
  }

  /** The end of `E'…'`, with the strings that continue it on further lines. */
  #escapeString(i: number): number {
    const { text } = this
    for (;;) {
      const end = this.#quoted(i + 1, SINGLE_QUOTE, true)
      let next = end
      let newline = false
      while (next < text.length && this.#classes[text.charCodeAt(next)] === BLANK) {
        newline ||= text.charCodeAt(next) === NEWLINE || text.charCodeAt(next) === RETURN
        next++
      }
      if (!newline || text.charCodeAt(next) !== SINGLE_QUOTE) return end
      i = next
    }
  }

  /** `$1`, `$tag$ … $tag$`, or a dollar sign. */
  #dollar(start: number): number {
    const { text } = this
    let i = start + 1
    const first = text.charCodeAt(i)
    if (this.#classes[first] === DIGIT) {
      do i++
      while (this.#classes[text.charCodeAt(i)] === DIGIT)
      return this.#take(VALUE, start, i)
    }
    while (i < text.length && text.charCodeAt(i) !== DOLLAR_SIGN && continuesWord(this.#classes, text.charCodeAt(i)))
      i++
    if (text.charCodeAt(i) !== DOLLAR_SIGN) return this.#take(DOLLAR_SIGN, start, start + 1)
    const tag = text.slice(start, i + 1)
    const end = text.indexOf(tag, i + 1)
    return this.#take(STRING, start, end < 0 ? text.length : end + tag.length)
  }

  #beginsLineComment(i: number): boolean {
    if (!this.#syntax.mysqlComments) return true
    const after = this.text.charCodeAt(i + 2)
    return !(after > 32) || after === 127
  }

  #lineComment(i: number): number {
    const { text } = this
    if (!this.#syntax.returnEndsComment) {
      const end = text.indexOf('\n', i)
      return end < 0 ? text.length : end + 1
    }
    while (i < text.length && text.charCodeAt(i) !== NEWLINE && text.charCodeAt(i) !== RETURN) i++
    return i
  }

  #blockComment(i: number): number {
    const { text } = this
    if (this.#syntax.nestedComments) return this.#nestedComment(i)
    if (this.#syntax.mysqlComments) {
      const code = this.#executableComment(i)
      if (code > 0) return code
    }
    const end = text.indexOf('*/', i)
    return end < 0 ? text.length : end + 2
  }

  #nestedComment(i: number): number {
    const { text } = this
    const { length } = text
    let depth = 1
    while (i < length) {
      const code = text.charCodeAt(i++)
      if (code === ASTERISK && text.charCodeAt(i) === SOLIDUS) {
        i++
        if (--depth === 0) return i
      } else if (code === SOLIDUS && text.charCodeAt(i) === ASTERISK) {
        i++
        depth++
      }
    }
    return length
  }

  /** Where the code in `/*! … *​/`, `/*!50001 … *​/` or `/*M! … *​/` begins; 0 where it is a mere comment. */
  #executableComment(i: number): number {
    const { text } = this
    if ((text.charCodeAt(i) | 32) === 109) i++
    if (text.charCodeAt(i) !== BANG) return 0
    const digits = ++i
    while (i < digits + 6 && this.#classes[text.charCodeAt(i)] === DIGIT) i++
    // No server is that new: dumps use such a number to hide a line from all of them.
    if (i - digits >= 5 && text.startsWith('99', digits)) return 0
    this.#executable = true
    return i
  }
}
