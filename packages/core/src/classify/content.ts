import type { Scanner } from './rules.ts'
import { NAME, STRING, WORD } from './tokens.ts'

/** The current token as a name: without its quotes, or in lower case. */
export function nameOf({ text, token, start, end }: Pick<Scanner, 'text' | 'token' | 'start' | 'end'>): string {
  if (token === WORD) return text.slice(start, end).toLowerCase()
  const quote = text.charAt(end - 1)
  const inner = text.slice(start + 1, end - 1)
  return quote === ']' ? inner : inner.replaceAll(quote + quote, quote)
}

/** The current token as a plain value: in lower case, without its quotes. */
export function valueOf({ text, token, start, end }: Scanner): string {
  const quotes = token === STRING || token === NAME ? 1 : 0
  return text.slice(start + quotes, end - quotes).toLowerCase()
}

/** What is in the current string literal. Escapes for white space become a space, others the character they hide. */
export function stringOf({ text, start, end }: Scanner): string {
  const quote = text.charAt(end - 1)
  if (quote === '$') {
    const tag = text.indexOf('$', start + 1) - start + 1
    return text.slice(start + tag, end - tag)
  }
  const inner = text.slice(text.indexOf(quote, start) + 1, end - 1).replaceAll(quote + quote, quote)
  return inner.replaceAll(/\\(.)/gs, (_, character: string) => ('nrtb0Z'.includes(character) ? ' ' : character))
}
