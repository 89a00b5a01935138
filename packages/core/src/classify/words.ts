import type { CallRule, ClauseRule, StatementRule } from './rules.ts'

/** What one word can mean, depending on where it stands. */
export interface Meaning {
  /** The word in lower case. */
  readonly word: string
  /** As the first word of a statement. */
  statement: StatementRule | undefined
  /** Inside a query, at any depth. */
  clause: ClauseRule | undefined
  /** In front of a parenthesis. */
  call: CallRule | undefined
}

export interface Meanings {
  readonly statements: Readonly<Record<string, StatementRule>>
  readonly clauses: Readonly<Record<string, ClauseRule>>
  readonly calls: Readonly<Record<string, CallRule>>
}

/** The hash of no character: {@link Scanner} and {@link Vocabulary} must agree on it. */
export const HASH_SEED = 7

/** Folds one more character into a hash. `| 32` makes ASCII letters lower case and keeps other word characters apart well enough. */
export function hashStep(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 32)) | 0
}

/**
 * The words that mean something in a dialect. The scanner hashes a word while it reads it, so that a look-up neither
 * cuts a string out of the text nor lowers its case.
 */
export class Vocabulary {
  readonly #meanings: Meaning[] = []
  readonly #slots: Int16Array
  readonly #mask: number

  constructor({ statements, clauses, calls }: Meanings) {
    const byWord = new Map<string, Meaning>()
    const meaning = (word: string): Meaning => {
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

    // A load of an eighth: a word that means nothing nearly always meets an empty slot.
    this.#mask = 2 ** Math.ceil(Math.log2(byWord.size * 8 + 1)) - 1
    this.#slots = new Int16Array(this.#mask + 1).fill(-1)
    for (const [word, entry] of byWord) {
      let hash = HASH_SEED
      for (let i = 0; i < word.length; i++) hash = hashStep(hash, word.charCodeAt(i))
      let slot = this.#slot(hash)
      while (this.#slots[slot] !== -1) slot = (slot + 1) & this.#mask
      this.#slots[slot] = this.#meanings.push(entry) - 1
    }
  }

  /** The meaning of `text[start, end)`, whose hash is `hash`; in any case. */
  lookUp(text: string, start: number, end: number, hash: number): Meaning | undefined {
    let slot = this.#slot(hash)
    let index = this.#slots[slot]!
    while (index !== -1) {
      const entry = this.#meanings[index]!
      if (sameWord(text, start, end, entry.word)) return entry
      slot = (slot + 1) & this.#mask
      index = this.#slots[slot]!
    }
    return undefined
  }

  #slot(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask
  }
}

/** Whether `text[start, end)` is `word` (lower case) in any case. */
export function sameWord(text: string, start: number, end: number, word: string): boolean {
  const length = word.length
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) {
    if ((text.charCodeAt(start + i) | 32) !== (word.charCodeAt(i) | 32)) return false
  }
  return true
}
