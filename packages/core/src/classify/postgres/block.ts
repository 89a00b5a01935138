import { stringOf, valueOf } from '../content.ts'
import { type Scanner, type StatementNotes, unknown, type Verdict } from '../rules.ts'
import { madeStatement } from '../shared.ts'
import { END, STRING, WORD } from '../tokens.ts'

/** Words of PL/pgSQL after which a statement begins; `FOR row IN UPDATE …` is one as well. */
const BEFORE_STATEMENT = ['begin', 'then', 'else', 'loop', 'in']

/** `DO [LANGUAGE name] 'body'`: a write where the body has one, whether it will be reached or not; else unknown. */
export function anonymousBlock(scanner: Scanner, notes: StatementNotes): Verdict {
  let body: string | undefined
  while (scanner.next() !== END) {
    if (scanner.is('language')) {
      scanner.next()
      if (valueOf(scanner) !== 'plpgsql') return unknown('do')
    } else if (scanner.token === STRING) body = stringOf(scanner)
  }
  return body === undefined ? unknown('unparsed') : notes.nested(body, block)
}

/** Classifies the body of a PL/pgSQL block. Unlike in a query, INTO is an assignment there. */
function block(scanner: Scanner, notes: StatementNotes): Verdict {
  let begins = false
  for (;;) {
    const token = scanner.next()
    if (token === END) {
      if (!scanner.resume()) return unknown('do')
      begins = true
      continue
    }
    let heard: Verdict | undefined
    if (token === WORD) {
      const { meaning } = scanner
      if (begins && scanner.is('execute')) heard = madeStatement(scanner, notes)
      else if (begins && meaning?.statement !== undefined && !OTHERWISE.has(meaning.word))
        heard = meaning.statement(scanner, notes)
      else if (meaning?.clause !== undefined && meaning.word !== 'into') heard = meaning.clause(scanner)
      else if (meaning?.call !== undefined && scanner.call()) heard = meaning.call(scanner)
      begins = BEFORE_STATEMENT.some((word) => scanner.is(word))
    }
    if (heard?.access === 'write') return heard
  }
}

/** Statements that PL/pgSQL knows by another meaning, or that need the rules of the block within. */
const OTHERWISE = new Set([
  'begin',
  'end',
  'declare',
  'select',
  'with',
  'values',
  'table',
  'explain',
  'fetch',
  'move',
  'close',
  'commit',
  'rollback',
  'do',
  'call',
])
