/**
 * What one word can mean, depending on where it stands.
 *
 * @typeParam Statement, Clause, Call a rule for each place; what they are is known to `rules.ts` only
 */
export interface Meaning<Statement, Clause, Call> {
  /** The word in lower case. */
  readonly word: string
  /** As the first word of a statement. */
  statement: Statement | undefined
  /** Inside a query, at any depth. */
  clause: Clause | undefined
  /** In front of a parenthesis. */
  call: Call | undefined
}

export interface Meanings<Statement, Clause, Call> {
  readonly statements: Readonly<Record<string, Statement>>
  readonly clauses: Readonly<Record<string, Clause>>
  readonly calls: Readonly<Record<string, Call>>
}

/** Slots a word: so thin a table that a word which means nothing nearly always meets an empty slot. */
const SPREAD = 16

/**
 * The words that mean something in a dialect. A look-up neither cuts a string out of the text nor lowers its case: it
 * hashes the length and three of the characters, and compares where a slot is taken.
 */
export class Vocabulary<Statement, Clause, Call> {
  readonly #meanings: Meaning<Statement, Clause, Call>[] = []
  readonly #slots: Int16Array
  readonly #mask: number
  /** Which lengths the words have, by first letter: a bit a length. */
  readonly #lengths = new Int32Array(32)
  /** The same for the words that matter inside a query. */
  readonly #inQuery = new Int32Array(32)

  constructor({ statements, clauses, calls }: Meanings<Statement, Clause, Call>) {
    const byWord = new Map<string, Meaning<Statement, Clause, Call>>()
    const meaning = (word: string): Meaning<Statement, Clause, Call> => {
      let found = byWord.get(word)
      if (found === undefined) {
        found = { word, statement: undefined, clause: undefined, call: undefined }
        byWord.set(word, found)
      }
      return found
    }
    for (const [word, rule] of Object.entries(statements)) meaning(word).statement = rule
    for (const [word, rule] of Object.entries(clauses)) meaning(word).clause = rule
    for (const [word, rule] of Object.entries(calls)) meaning(word).call = rule

    this.#mask = 2 ** Math.ceil(Math.log2(byWord.size * SPREAD)) - 1
    this.#slots = new Int16Array(this.#mask + 1).fill(-1)
    for (const [word, entry] of byWord) {
      this.#lengths[word.charCodeAt(0) & 31]! |= lengthBit(word.length)
      if (entry.clause !== undefined || entry.call !== undefined)
        this.#inQuery[word.charCodeAt(0) & 31]! |= lengthBit(word.length)
      let slot = hash(word, 0, word.length) & this.#mask
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask
      this.#slots[slot] = this.#meanings.push(entry) - 1
    }
  }

  /** Whether a word of this first character and length can matter inside a query: false for nearly all, and quick. */
  mayMatter(first: number, length: number): boolean {
    return (this.#inQuery[first & 31]! & lengthBit(length)) !== 0
  }

  /** The meaning of `text[start, end)`, in any case. */
  lookUp(text: string, start: number, end: number): Meaning<Statement, Clause, Call> | undefined {
    if ((this.#lengths[text.charCodeAt(start) & 31]! & lengthBit(end - start)) === 0) return undefined
    let slot = hash(text, start, end) & this.#mask
    for (;;) {
      const index = this.#slots[slot]!
      if (index < 0) return undefined
      const entry = this.#meanings[index]!
      if (sameWord(text, start, end, entry.word)) return entry
      slot = (slot + 1) & this.#mask
    }
  }
}

/** All lengths from 31 on share a bit. */
function lengthBit(length: number): number {
  return 1 << (length < 31 ? length : 31)
}

/** `| 32` makes ASCII letters lower case and keeps the other characters of words apart well enough. */
function hash(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start) | 32
  const second = text.charCodeAt(start + ((end - start) >> 2)) | 32
  const middle = text.charCodeAt((start + end) >> 1) | 32
  const last = text.charCodeAt(end - 1) | 32
  return (end - start) * 0x9e5 + first * 0x35 + second * 0x6d3 + middle * 0x1af + last * 0xd
}

/** Whether `text[start, end)` is `word` (lower case) in any case. */
export function sameWord(text: string, start: number, end: number, word: string): boolean {
  const { length } = word
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) {
    if ((text.charCodeAt(start + i) | 32) !== (word.charCodeAt(i) | 32)) return false
  }
  return true
}
