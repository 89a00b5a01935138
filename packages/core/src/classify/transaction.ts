import { read, type Scanner, type StatementNotes, type StatementRule, type Verdict, write } from './rules.ts'
import { END } from './tokens.ts'

/** COMMIT and ROLLBACK in all spellings, with AND CHAIN, TO SAVEPOINT or PREPARED. */
export function closing(control: 'commit' | 'rollback'): StatementRule {
  return (scanner, notes) => {
    let chain: boolean | undefined
    while (scanner.next() !== END) {
      if (scanner.is('prepared')) {
        notes.control(`${control}-prepared`)
        return write('two-phase')
      }
      if (control === 'rollback' && scanner.is('to')) {
        notes.control('rollback-to')
        return read('rollback-to')
      }
      if (scanner.is('and')) chain = !scanner.accept('no')
    }
    notes.control(control)
    notes.chain = chain
    return read(control)
  }
}

/** SAVEPOINT and RELEASE. */
export function savepoint(control: 'savepoint' | 'release'): StatementRule {
  return (_, notes) => {
    notes.control(control)
    return read(control)
  }
}

/** Reads the modes of a transaction to the end of its statement, and notes READ ONLY and READ WRITE. */
export function readModes(scanner: Scanner, notes: StatementNotes, verdict: Verdict): Verdict {
  // READ is the end of REPEATABLE READ, or the beginning of READ ONLY, READ WRITE, READ COMMITTED, READ UNCOMMITTED.
  let behindRead = false
  for (let token = scanner.token; token !== END; token = scanner.next()) {
    const isSerializable = scanner.is('serializable')
    if (isSerializable) verdict = write('serializable')
    if (isSerializable || scanner.is('repeatable')) notes.isSnapshot = true
    if (behindRead && scanner.is('only')) notes.readOnly = true
    if (behindRead && scanner.is('write')) {
      notes.readOnly = false
      if (verdict.access === 'read') verdict = write('read-write')
    }
    behindRead = scanner.is('read')
    if (behindRead || scanner.is('isolation')) notes.hasModes = true
  }
  return verdict
}
