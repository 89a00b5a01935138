import { read, type Scanner, type StatementNotes, stronger, type Verdict } from '../rules.ts'
import { END, OPEN, WORD } from '../tokens.ts'

/** Words after which a statement begins. */
const BEFORE_STATEMENT = ['atomic', 'begin', 'then', 'else', 'do', 'loop', 'repeat']

/** Words that begin a block: what is in it is read in the same loop, however deep. */
export const NESTING: ReadonlySet<string> = new Set([
  'begin',
  'if',
  'case',
  'loop',
  'repeat',
  'while',
  'for',
  'declare',
])

/**
 * A compound statement outside of a stored program (MariaDB): `BEGIN NOT ATOMIC … END`, `IF … END IF` and so on, in
 * `sql_mode=ORACLE` also `BEGIN … END` and `DECLARE … BEGIN … END`. It is as strong as the strongest statement within, whether that will be reached or not. All that is left of the text belongs to it.
 */
export function compound(scanner: Scanner, notes: StatementNotes): Verdict {
  let found = read('compound')
  let begins = BEFORE_STATEMENT.some((word) => scanner.is(word))
  for (;;) {
    const token = scanner.next()
    if (token === END) {
      if (!scanner.resume()) return found
      begins = true
      continue
    }
    if (token !== WORD) continue
    const statement = scanner.meaning?.statement
    if (begins && statement !== undefined && !NESTING.has(scanner.meaning!.word)) {
      // INSERT, REPLACE and TRUNCATE are functions as well.
      if (scanner.next() === OPEN && !scanner.is('select')) continue
      scanner.unread()
      found = stronger(found, statement(scanner, notes))
      if (found.access === 'write') return found
      begins = false
    } else begins = BEFORE_STATEMENT.some((word) => scanner.is(word))
  }
}
