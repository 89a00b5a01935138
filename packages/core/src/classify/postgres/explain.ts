import { valueOf } from '../content.ts'
import { read, type Scanner, type StatementNotes, type Verdict } from '../rules.ts'
import { inner } from '../shared.ts'
import { END, NAME, OPEN, STRING, VALUE, WORD } from '../tokens.ts'
import { DML, OFF } from './verbs.ts'

const EXPLAINABLE = new Set([...DML, 'declare', 'create', 'refresh', 'execute'])

/** EXPLAIN plans; EXPLAIN ANALYZE executes. */
export function explain(scanner: Scanner, notes: StatementNotes): Verdict {
  let analyze = false
  scanner.next()
  if (scanner.token === OPEN && !opensQuery(scanner)) {
    analyze = analyzeOption(scanner)
    scanner.next()
  } else {
    while (scanner.is('analyze') || scanner.is('analyse') || scanner.is('verbose')) {
      analyze ||= !scanner.is('verbose')
      scanner.next()
    }
  }
  return analyze ? inner(scanner, notes, EXPLAINABLE) : read('explain')
}

/** `EXPLAIN (SELECT …)` has no options. */
function opensQuery(scanner: Scanner): boolean {
  scanner.next()
  const opens = scanner.token === OPEN || (scanner.token === WORD && DML.has(scanner.meaning?.word ?? ''))
  scanner.unread()
  return opens
}

/** Reads `ANALYZE [value], …)`: whether it is on; the last one counts. */
function analyzeOption(scanner: Scanner): boolean {
  const { depth } = scanner
  let analyze = false
  while (scanner.next() !== END && scanner.depth >= depth) {
    if (!scanner.is('analyze') && !scanner.is('analyse')) continue
    scanner.next()
    analyze =
      !(scanner.token === WORD || scanner.token === STRING || scanner.token === VALUE || scanner.token === NAME) ||
      !OFF.has(valueOf(scanner))
    if (scanner.depth < depth) break
  }
  return analyze
}
