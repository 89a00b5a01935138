import { stringOf } from './content.ts'
import { walkCtes, walkQuery } from './query.ts'
import {
  read,
  type Scanner,
  type StatementNotes,
  type StatementRule,
  stronger,
  unknown,
  type Verdict,
  write,
} from './rules.ts'
import { END, OPEN, STRING, WORD } from './tokens.ts'

/** A statement whose first word says it all. */
export function always(verdict: Verdict): StatementRule {
  return () => verdict
}

/** A statement that is `verdict` unless a clause or a call within it is stronger. */
export function query(verdict: Verdict): StatementRule {
  return (scanner) => walkQuery(scanner, verdict)
}

/** A write after which other texts may mean something else. */
export function ddl(reason: string): StatementRule {
  const verdict = write(reason)
  return (_, notes) => {
    notes.schema = true
    notes.creates = reason === 'create'
    return verdict
  }
}

/** Classifies the statement whose first token has just been read; it must begin with one of `verbs`. */
export function inner(scanner: Scanner, notes: StatementNotes, verbs: ReadonlySet<string>): Verdict {
  while (scanner.token === OPEN) scanner.next()
  if (!scanner.isOneOf(verbs)) return unknown('unparsed')
  return scanner.meaning!.statement!(scanner, notes)
}

/** WITH: the CTEs, and the main statement after them, which begins with one of `verbs`; not with another WITH. */
export function withQuery(verbs: ReadonlySet<string>): StatementRule {
  return (scanner, notes) => {
    const found = walkCtes(scanner, read('select'))
    if (found.access === 'write' || scanner.token === END) return found
    const main = inner(scanner, notes, verbs)
    return found.access === 'read' ? main : stronger(main, found)
  }
}

/**
 * A statement that is made when it runs (`'text'`, `'text' || more`, `format('text', …)`), classified by the text it begins with.
 * `undefined` where that is not there to read.
 */
export function madeStatement(scanner: Scanner, notes: StatementNotes): Verdict | undefined {
  while (scanner.next() === WORD && scanner.call());
  if (scanner.token === STRING) return notes.classify(stringOf(scanner))
  scanner.unread()
  return undefined
}
