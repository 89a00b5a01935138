import { engineOf } from './engine.ts'
import { Notes } from './notes.ts'
import { read, stronger } from './rules.ts'
import { TextScanner } from './scan.ts'
import { classifyStatement } from './statement.ts'
import { END, WORD } from './tokens.ts'
import type { Classification, ClassifyOptions, Dialect } from './types.ts'

/** The verdict on one statement of a text, and where it fell. */
export interface StatementExplanation extends Classification {
  /** The words of the statement up to the one that decided, in upper case; at most 40. */
  readonly words: readonly string[]
  /** Where the deciding token begins, in characters from the beginning of the text. */
  readonly offset: number
  /** The same as a person counts: from 1. */
  readonly line: number
  readonly column: number
}

export interface ClassificationExplanation extends Classification {
  readonly statements: readonly StatementExplanation[]
  /** All of it in words, a line per statement. */
  toString(): string
}

/**
 * {@link classify} for people: the words it saw, what decided, and where in the text.
 *
 * @example
 * ```ts
 * explainClassification('select 1; delete from post', 'postgres').access   // 'write'
 * ```
 */
export function explainClassification(
  sql: string,
  dialect: Dialect,
  options?: ClassifyOptions,
): ClassificationExplanation {
  const { lexicon } = engineOf(dialect, options)
  const scanner = new TextScanner(lexicon, sql)
  const place = placer(sql)
  const statements: StatementExplanation[] = []
  while (scanner.begin()) {
    const first = scanner.start
    const verdict = classifyStatement(scanner, new Notes(lexicon))
    const offset = verdict.access === 'read' ? first : Math.min(scanner.start, sql.length)
    statements.push({ ...verdict, words: wordsUpTo(sql, first, scanner.end), offset, ...place(offset) })
    scanner.finish()
  }
  const { access, reason } =
    statements.length === 0 ? read('empty') : statements.reduce<Classification>(stronger, statements[0]!)
  return { access, reason, statements, toString: () => statements.map(line).join('\n') }

  function wordsUpTo(text: string, start: number, end: number): string[] {
    const words: string[] = []
    const inside = new TextScanner(lexicon, text.slice(start, end))
    while (words.length < 40 && inside.next() !== END) {
      if (inside.token === WORD) words.push(text.slice(start + inside.start, start + inside.end).toUpperCase())
    }
    return words
  }
}

/** Lines and columns of offsets that only grow, in one pass over the text. */
function placer(text: string): (offset: number) => { line: number; column: number } {
  let line = 1
  let begins = 0
  let next = text.indexOf('\n')
  return (offset) => {
    while (next >= 0 && next < offset) {
      line++
      begins = next + 1
      next = text.indexOf('\n', begins)
    }
    return { line, column: offset - begins + 1 }
  }
}

function line({ access, reason, line: row, column, words }: StatementExplanation): string {
  return `${row}:${column} ${access} (${reason}): ${words.join(' ')}`
}
