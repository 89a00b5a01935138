import { modifyingCte } from '../query.ts'
import { type ClauseRule, type Verdict, write } from '../rules.ts'
import { CLOSE, OPEN, type Scanner, STRING, WORD } from '../scan.ts'

/** `FOR UPDATE`, `FOR NO KEY UPDATE`, `FOR SHARE`, `FOR KEY SHARE`. */
function locking(scanner: Scanner): Verdict | undefined {
  scanner.next()
  if (scanner.is('update') || scanner.is('share')) return write('locking-clause')
  if (scanner.is('no')) return scanner.accept('key') ? write('locking-clause') : undefined
  if (scanner.is('key')) return scanner.accept('share') ? write('locking-clause') : undefined
  scanner.unread()
  return undefined
}

/** `AS [[NOT] MATERIALIZED] (` may begin a CTE that modifies. Any other word behind AS is an alias and calls nothing. */
function as(scanner: Scanner): Verdict | undefined {
  let token = scanner.next()
  if (scanner.is('not')) token = scanner.next()
  if (scanner.is('materialized')) token = scanner.next()
  if (token === OPEN) return modifyingCte(scanner)
  if (token === WORD) scanner.meaning = undefined
  else scanner.unread()
  return undefined
}

/** INTO is reserved: in a query it is SELECT INTO, or the INSERT or MERGE of a CTE that has CTEs of its own. */
function into(): Verdict {
  return write('select-into')
}

/** `) DELETE FROM`, `) UPDATE … SET`: likewise, behind the CTEs of a CTE. Elsewhere the word is a column or an alias. */
function nestedVerb(verb: string, follows: string): ClauseRule {
  const verdict = write(`cte-${verb}`)
  return (scanner) => {
    if (scanner.previous !== CLOSE) return undefined
    for (let words = 0; words < 8; words++) {
      const token = scanner.next()
      if (scanner.is(follows)) return verdict
      if (token === STRING || token === OPEN || scanner.atEnd || scanner.is('from')) break
    }
    scanner.unread()
    return undefined
  }
}

export const clauses: Record<string, ClauseRule> = {
  for: locking,
  as,
  into,
  delete: nestedVerb('delete', 'from'),
  update: nestedVerb('update', 'set'),
}
