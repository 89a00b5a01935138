import { type Scanner, stronger, unknown, type Verdict, write } from './rules.ts'
import { CLOSE, COMMA, END, OPEN, WORD } from './tokens.ts'

/**
 * Reads a query at every depth of its parentheses, to the end of its statement or to the parenthesis that closes below
 * `floor`, and stops at the first clause or call that writes. `found` is the verdict where nothing is stronger.
 */
export function walkQuery(scanner: Scanner, found: Verdict, floor: number = LOWEST): Verdict {
  for (;;) {
    const token = scanner.seek(floor)
    if (token === END || token === CLOSE) return found
    const meaning = scanner.meaning!
    const heard = token === WORD ? meaning.clause!(scanner) : meaning.call!(scanner)
    if (heard === undefined) continue
    if (heard.access === 'write') return heard
    found = stronger(found, heard)
  }
}

const LOWEST = -0x40000000

const CTE_VERBS = ['insert', 'update', 'delete', 'merge']

/** How deep CTEs of CTEs are looked into for a main verb; far beyond what any query has, and no danger to the stack. */
const DEEPEST = 16

/**
 * Reads the CTEs after WITH, up to and including the first word of the main statement. The verdict is that of the CTEs; it
 * is a write as soon as one of them is, wherever that leaves the scanner.
 */
export function walkCtes(scanner: Scanner, found: Verdict, level = 0): Verdict {
  const floor = scanner.depth + 1
  for (;;) {
    // [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (
    let behindAs = false
    while (!(scanner.next() === OPEN && behindAs)) {
      if (scanner.token === END) return unknown('unparsed')
      behindAs = scanner.depth < floor && (scanner.is('as') || scanner.is('materialized'))
    }
    while (scanner.next() === OPEN);
    if (scanner.is('with') && level < DEEPEST) found = walkCtes(scanner, found, level + 1)
    if (found.access === 'write') return found
    for (const verb of CTE_VERBS) if (scanner.is(verb)) return write(`cte-${verb}`)
    scanner.unread()
    found = walkQuery(scanner, found, floor)
    if (found.access === 'write') return found
    scanner.next()
    if (scanner.is('search')) readPast(scanner, 'set')
    if (scanner.is('cycle')) readPast(scanner, 'using')
    if (scanner.token !== COMMA) return found
  }
}

/** Reads on to `word` and past the name after it. `RESTRICT` (MariaDB) ends a CYCLE clause alone. */
function readPast(scanner: Scanner, word: string): void {
  while (scanner.token !== END && !scanner.is(word)) {
    if (scanner.is('restrict')) {
      scanner.next()
      return
    }
    scanner.next()
  }
  scanner.next()
  scanner.next()
}
