import {
  endOfBrackets,
  endOfComment,
  endOfDollar,
  endOfEscapeString,
  endOfLine,
  endOfQuoted,
  startOfExecutable,
} from './skip.ts'
import {
  BLANK,
  BRACKET,
  DASH,
  DIGIT,
  DOLLAR,
  HASH_COMMENT,
  isWordPart,
  isWordStart,
  LETTER,
  type Lexicon,
  NAME_QUOTE,
  OTHER,
  PARENTHESIS_CLOSE,
  PARENTHESIS_OPEN,
  QUOTE,
  SLASH,
  STAR,
  STATEMENT_END,
  VARIABLE,
} from './syntax.ts'
import { CLOSE, DOT, END, NAME, OPEN, STRING, VALUE, WORD } from './tokens.ts'
import { type Meaning, sameWord } from './words.ts'

/** A control character outside of quotes, as no dialect has them. */
const STRAY = 127

const SPACE = 32
const SINGLE_QUOTE = 39
const ASTERISK = 42
const HASH = 35
const HYPHEN = 45
const SOLIDUS = 47
const AT = 64
const LOWER_E = 101
const BYTE_ORDER_MARK = 0xfeff

/**
 * SQL text → tokens, one at a time and in one pass. White space, comments and what is inside quotes are passed over; the
 * meaning of a word is looked up as it is read. Never throws: what is not closed ends with the text.
 */
export class TextScanner<Statement, Clause, Call> {
  text!: string
  /** Kind of the current token. */
  token: number = END
  /** The current token is `text[start, end)`. */
  start = 0
  end = 0
  /** What the last word means, if anything. */
  meaning: Meaning<Statement, Clause, Call> | undefined = undefined
  /** Open parentheses. */
  depth = 0

  readonly #lexicon: Lexicon<Statement, Clause, Call>
  readonly #classes: Uint8Array
  /** How far is read: to the end of the statement, once that has been met. */
  #limit = 0
  /** Where the name of a call begins, and where its parenthesis is. */
  #callStart = 0
  #opening = 0
  /** Inside a comment whose text is code. */
  #executable = false

  constructor(lexicon: Lexicon<Statement, Clause, Call>, text = '') {
    this.#lexicon = lexicon
    this.#classes = lexicon.classes
    this.load(text)
  }

  /** Starts over with another text. */
  load(text: string): void {
    this.text = text
    this.#limit = text.length
    this.#executable = false
    this.token = END
    this.end = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0
  }

  /** Reads the next token of the statement and returns its kind; {@link END} again and again once that is met. */
  next(): number {
    const { text } = this
    const classes = this.#classes
    const limit = this.#limit
    let i = this.end
    for (;;) {
      if (i >= limit) return this.#take(END, limit, limit)
      const code = text.charCodeAt(i)
      const kind = code < 128 ? classes[code]! : LETTER
      const start = i
      switch (kind) {
        case BLANK:
          i++
          continue
        case DASH:
        case SLASH:
        case STAR:
        case HASH_COMMENT:
          i = this.#comment(i, code)
          if (i > start) continue
          return this.#take(code, i, i + 1)
        case LETTER:
          do i++
          while (i < limit && isWordPart(text.charCodeAt(i)))
          if (text.charCodeAt(i) === SINGLE_QUOTE && this.#isEscapePrefix(i))
            return this.#take(STRING, start, endOfEscapeString(text, i))
          this.meaning = this.#lexicon.vocabulary.lookUp(text, start, i)
          return this.#take(WORD, start, i)
        case DIGIT:
        case VARIABLE:
          do i++
          while (i < limit && continuesValue(text.charCodeAt(i)))
          return this.#take(VALUE, start, i)
        case QUOTE:
          return this.#take(STRING, start, endOfQuoted(text, i + 1, code, this.#lexicon.syntax.backslash === 'always'))
        case NAME_QUOTE:
          return this.#take(NAME, start, endOfQuoted(text, i + 1, code, false))
        case BRACKET:
          return this.#take(NAME, start, endOfBrackets(text, i))
        case DOLLAR:
          i = endOfDollar(text, i)
          return this.#take(i === start + 1 ? code : text.charCodeAt(i - 1) === code ? STRING : VALUE, start, i)
        case PARENTHESIS_OPEN:
          this.depth++
          return this.#take(OPEN, start, i + 1)
        case PARENTHESIS_CLOSE:
          this.depth--
          return this.#take(CLOSE, start, i + 1)
        case STATEMENT_END:
          if (this.depth > 0) return this.#take(code, start, i + 1)
          this.#limit = i
          return this.#take(END, i, i)
        default:
          return this.#take(code > VALUE ? code : STRAY, start, i + 1)
      }
    }
  }

  /**
   * Skims a query: reads on to a word that has a meaning there ({@link WORD}), past the parenthesis of a call that has
   * one ({@link OPEN}), past the parenthesis that closes below the depth `floor` ({@link CLOSE}), or to the {@link END}.
   * Nearly all of the time goes here, so it keeps no track of the tokens that it passes.
   */
  seek(floor: number): number {
    const { text } = this
    const { vocabulary, syntax, classes } = this.#lexicon
    const limit = this.#limit
    let i = this.end
    while (i < limit) {
      const code = text.charCodeAt(i)
      const start = i++
      if (code <= SPACE) continue
      if (isWordStart(code)) {
        while (i < limit && isWordPart(text.charCodeAt(i))) i++
        if (!vocabulary.mayMatter(code, i - start)) continue
        const meaning = vocabulary.lookUp(text, start, i)
        if (meaning === undefined) continue
        this.meaning = meaning
        if (meaning.clause !== undefined && this.#before(start) !== DOT) return this.#take(WORD, start, i)
        if (meaning.call !== undefined && this.#opens(i)) return this.#takeCall(start)
        continue
      }
      const kind = classes[code]!
      if (kind === OTHER) continue
      switch (kind) {
        case QUOTE:
          if (code === SINGLE_QUOTE && this.#isEscapePrefix(start)) i = endOfEscapeString(text, start)
          else i = endOfQuoted(text, i, code, syntax.backslash === 'always')
          break
        case NAME_QUOTE:
        case BRACKET: {
          i = kind === BRACKET ? endOfBrackets(text, start) : endOfQuoted(text, i, code, false)
          if (!this.#opens(i)) break
          this.meaning = vocabulary.lookUp(text, start + 1, i - 1)
          if (this.meaning?.call !== undefined) return this.#takeCall(start)
          break
        }
        case DOLLAR:
          i = endOfDollar(text, start)
          break
        case VARIABLE:
          while (i < limit && continuesValue(text.charCodeAt(i))) i++
          break
        case PARENTHESIS_OPEN:
          this.depth++
          break
        case PARENTHESIS_CLOSE:
          if (--this.depth < floor) return this.#take(CLOSE, start, i)
          break
        case STATEMENT_END:
          if (this.depth > 0) break
          this.#limit = start
          return this.#take(END, start, start)
        default:
          i = Math.max(i, this.#comment(start, code))
      }
    }
    return this.#take(END, limit, limit)
  }

  /** Puts the current token back: {@link next} reads it again. */
  unread(): void {
    if (this.token === OPEN) this.depth--
    else if (this.token === CLOSE) this.depth++
    this.end = this.start
  }

  /** Whether the current token is this key word (given in lower case). */
  is(word: string): boolean {
    return this.token === WORD && sameWord(this.text, this.start, this.end, word)
  }

  /** Whether the current token is one of these words, all of which mean something in the dialect. */
  isOneOf(words: ReadonlySet<string>): boolean {
    return this.token === WORD && this.meaning !== undefined && words.has(this.meaning.word)
  }

  /** Whether the current token stands after this key word, with nothing but white space between. */
  isAfter(word: string): boolean {
    return this.#follows(this.start, word)
  }

  /** Reads the next token if it is this key word. */
  accept(word: string): boolean {
    this.next()
    if (this.is(word)) return true
    this.unread()
    return false
  }

  /** Reads the parenthesis behind the current word, if one follows: the word is the name of a function. */
  call(): boolean {
    if (!this.#opens(this.end)) return false
    this.#takeCall(this.start)
    return true
  }

  /** Reads on to the end of the statement. */
  finish(): void {
    while (this.token !== END) this.seek(Number.MIN_SAFE_INTEGER)
  }

  /** Goes on after a semicolon that did not end the statement; false at the end of the text. */
  resume(): boolean {
    const { length } = this.text
    if (this.end >= length) return false
    this.#limit = length
    this.end++
    return true
  }

  /** Reads the first token of the next statement, past opening parentheses; false at the end of the text. */
  begin(): boolean {
    this.#limit = this.text.length
    this.depth = 0
    for (;;) {
      const token = this.next()
      if (token === END) {
        if (!this.resume()) return false
      } else if (token !== OPEN) return true
    }
  }

  /** Whether the name in front of the current parenthesis is an alias with a list of columns: `AS name (…`. */
  isAlias(): boolean {
    return this.#follows(this.#callStart, 'as')
  }

  /** Whether the name that begins at `start` stands right after this key word. */
  isBehind(word: string, start: number): boolean {
    return this.#follows(start, word)
  }

  /** The qualifier of the function's name in lower case, '' where it cannot be read. Asked at the parenthesis of a call. */
  qualifier(): string | undefined {
    if (this.#before(this.#callStart) !== DOT) return undefined
    const before = this.text.slice(Math.max(0, this.#callStart - LONGEST_QUALIFIER), this.#callStart)
    return QUALIFIER.exec(before)?.[1]?.replaceAll(/["`]/g, '').toLowerCase() ?? ''
  }

  #take(token: number, start: number, end: number): number {
    this.token = token
    this.start = start
    this.end = end
    return token
  }

  /** Takes the parenthesis of a call whose name begins at `start` and has just been passed. */
  #takeCall(start: number): number {
    this.#callStart = start
    this.depth++
    return this.#take(OPEN, this.#opening, this.#opening + 1)
  }

  /** Whether an opening parenthesis follows, and where. */
  #opens(i: number): boolean {
    const { text } = this
    for (;;) {
      const code = text.charCodeAt(i)
      if (code === OPEN) {
        this.#opening = i
        return true
      }
      const end =
        code <= SPACE ? i + 1 : code === HYPHEN || code === SOLIDUS || code === HASH ? this.#comment(i, code) : i
      if (end === i) return false
      i = end
    }
  }

  /** Whether `word` (in lower case) stands in front of `end`, with nothing but white space between. */
  #follows(end: number, word: string): boolean {
    while (this.text.charCodeAt(end - 1) <= SPACE) end--
    const start = end - word.length
    return sameWord(this.text, start, end, word) && (start === 0 || !isWordPart(this.text.charCodeAt(start - 1)))
  }

  /** The last character in front of `i` that is not white space. */
  #before(i: number): number {
    do i--
    while (this.text.charCodeAt(i) <= SPACE)
    return this.text.charCodeAt(i)
  }

  /** Whether the quote at `i` begins a string `E'…'`. */
  #isEscapePrefix(i: number): boolean {
    if (this.#lexicon.syntax.backslash !== 'prefixed' || (this.text.charCodeAt(i - 1) | 32) !== LOWER_E) return false
    return i < 2 || !isWordPart(this.text.charCodeAt(i - 2))
  }

  /** The end of the comment that begins at `i`; `i` where none does. */
  #comment(i: number, code: number): number {
    const { text } = this
    const { syntax } = this.#lexicon
    const next = text.charCodeAt(i + 1)
    switch (code) {
      case HYPHEN: {
        if (next !== HYPHEN) return i
        if (!syntax.mysqlComments) return endOfLine(text, i + 2, syntax.nestedComments === true)
        const after = text.charCodeAt(i + 2)
        return after > 32 && after !== 127 ? i : endOfLine(text, i + 2, false)
      }
      case ASTERISK:
        if (!this.#executable || next !== SOLIDUS) return i
        this.#executable = false
        return i + 2
      case SOLIDUS: {
        if (next !== ASTERISK) return i
        const code = syntax.mysqlComments ? startOfExecutable(text, i + 2) : 0
        if (code === 0) return endOfComment(text, i + 2, syntax.nestedComments === true)
        this.#executable = true
        return code
      }
      default:
        return endOfLine(text, i + 1, false)
    }
  }
}

const LONGEST_QUALIFIER = 200
const QUALIFIER = /([\w$\u0080-\uffff]+|"[^"]*"|`[^`]*`)\s*\.\s*$/

function continuesValue(code: number): boolean {
  return isWordPart(code) || code === DOT || code === AT
}
