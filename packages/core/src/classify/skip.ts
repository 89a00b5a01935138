import { isWordPart } from './syntax.ts'

// Where things end that have no words in them: quotes and comments. What is not closed ends with the text.

const NEWLINE = 10
const RETURN = 13
const BANG = 33
const DOLLAR_SIGN = 36
const SINGLE_QUOTE = 39
const ASTERISK = 42
const SOLIDUS = 47
const BACKSLASH = 92
const LOWER_M = 109

/** The end of what is quoted and begins at `i`, in front of which the quote stands. A doubled quote stands for itself. */
export function endOfQuoted(text: string, i: number, quote: number, backslash: boolean): number {
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

/** The end of a string `E'…'` whose quote is at `i`, with the strings on further lines that continue it. */
export function endOfEscapeString(text: string, i: number): number {
  for (;;) {
    const end = endOfQuoted(text, i + 1, SINGLE_QUOTE, true)
    let newline = false
    for (i = end; text.charCodeAt(i) <= 32; i++) {
      newline ||= text.charCodeAt(i) === NEWLINE || text.charCodeAt(i) === RETURN
    }
    if (!newline || text.charCodeAt(i) !== SINGLE_QUOTE) return end
  }
}

/** The end of a line comment. */
export function endOfLine(text: string, i: number, orReturn: boolean): number {
  if (!orReturn) {
    const end = text.indexOf('\n', i)
    return end < 0 ? text.length : end
  }
  while (i < text.length && text.charCodeAt(i) !== NEWLINE && text.charCodeAt(i) !== RETURN) i++
  return i
}

/** The end of a comment whose text begins at `i`. */
export function endOfComment(text: string, i: number, nested: boolean): number {
  if (nested) return endOfNestedComment(text, i)
  const end = text.indexOf('*/', i)
  return end < 0 ? text.length : end + 2
}

function endOfNestedComment(text: string, i: number): number {
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

/** The end of `[name]`. */
export function endOfBrackets(text: string, i: number): number {
  const end = text.indexOf(']', i)
  return end < 0 ? text.length : end + 1
}

/** The end of a parameter `$1` or of a string `$tag$ … $tag$`; of the dollar sign alone where it is neither. */
export function endOfDollar(text: string, start: number): number {
  let i = start + 1
  if (isDigit(text.charCodeAt(i))) {
    do i++
    while (isDigit(text.charCodeAt(i)))
    return i
  }
  while (i < text.length && text.charCodeAt(i) !== DOLLAR_SIGN && isWordPart(text.charCodeAt(i))) i++
  if (text.charCodeAt(i) !== DOLLAR_SIGN) return start + 1
  const tag = text.slice(start, i + 1)
  const end = text.indexOf(tag, i + 1)
  return end < 0 ? text.length : end + tag.length
}

/** Where the code in `/*! … *​/`, `/*!50001 … *​/` or `/*M! … *​/` begins, whose text is at `i`; 0 where it is a mere comment. */
export function startOfExecutable(text: string, i: number): number {
  if ((text.charCodeAt(i) | 32) === LOWER_M) i++
  if (text.charCodeAt(i) !== BANG) return 0
  const digits = ++i
  while (i < digits + 6 && isDigit(text.charCodeAt(i))) i++
  // No server is that new: dumps use such a number to hide a line from all of them.
  return i - digits >= 5 && text.startsWith('99', digits) ? 0 : i
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}
