import { stronger, unknown, type Verdict, write } from './rules.ts'
import { CLOSE, COMMA, DOT, END, NAME, OPEN, type Scanner, SEMICOLON, WORD } from './scan.ts'

/**
 * Reads a query at every depth of its parentheses, to the end of its statement or to the parenthesis that closes below
 * `floor`, and stops at the first clause or call that writes. `found` is the verdict where nothing is stronger.
 */
export function walkQuery(scanner: Scanner, found: Verdict, floor: number = Number.NEGATIVE_INFINITY): Verdict {
  for (;;) {
    let heard: Verdict | undefined
    switch (scanner.next()) {
      case END:
        return found
      case SEMICOLON:
        if (scanner.depth <= 0) return found
        continue
      case CLOSE:
        if (scanner.depth < floor) return found
        continue
      case WORD:
        if (scanner.meaning === undefined || scanner.meaning.clause === undefined || scanner.previous === DOT) continue
        heard = scanner.meaning.clause(scanner)
        break
      case OPEN:
        if (scanner.previous === WORD) heard = scanner.meaning?.call?.(scanner)
        else if (scanner.previous === NAME) heard = scanner.quotedMeaning()?.call?.(scanner)
        break
      default:
        continue
    }
    if (heard === undefined) continue
    if (heard.access === 'write') return heard
    found = stronger(found, heard)
  }
}

const CTE_VERBS = ['insert', 'update', 'delete', 'merge']

/** The verdict on a CTE whose parenthesis has just been read, where it modifies. */
export function modifyingCte(scanner: Scanner): Verdict | undefined {
  while (scanner.next() === OPEN);
  for (const verb of CTE_VERBS) if (scanner.is(verb)) return write(`cte-${verb}`)
  scanner.unread()
  return undefined
}

/**
 * Reads the CTEs behind WITH, up to and including the first word of the main statement. The verdict is that of the CTEs; it
 * is a write as soon as one of them is, wherever that leaves the scanner.
 */
export function walkCtes(scanner: Scanner, found: Verdict): Verdict {
  const floor = scanner.depth + 1
  for (;;) {
    // [RECURSIVE] name [(columns)] AS [[NOT] MATERIALIZED] (
    let behindAs = false
    while (!(scanner.next() === OPEN && behindAs)) {
      if (scanner.atEnd) return unknown('unparsed')
      behindAs = scanner.depth < floor && (scanner.is('as') || scanner.is('materialized'))
    }
    const modifying = modifyingCte(scanner)
    if (modifying !== undefined) return modifying
    found = walkQuery(scanner, found, floor)
    if (found.access === 'write') return found
    scanner.next()
    if (scanner.is('search')) readPast(scanner, 'set')
    if (scanner.is('cycle')) readPast(scanner, 'using')
    if (scanner.token !== COMMA) return found
  }
}

/** Reads on to `word` and past the name behind it. `RESTRICT` (MariaDB) ends a CYCLE clause alone. */
function readPast(scanner: Scanner, word: string): void {
  while (!scanner.atEnd && !scanner.is(word)) {
    if (scanner.is('restrict')) {
      scanner.next()
      return
    }
    scanner.next()
  }
  scanner.next()
  scanner.next()
}
