import { finishCreate } from './body.ts'
import { Effects } from './effects.ts'
import { type Engine, engineOf } from './engine.ts'
import { Notes } from './notes.ts'
import { read, type Scanner, stronger, type Verdict } from './rules.ts'
import { TextScanner } from './scan.ts'
import { classifyStatement } from './statement.ts'
import type { Analysis, Classification, ClassifyOptions, Dialect } from './types.ts'

const EMPTY = read('empty')

/**
 * Says whether a statement can run on a replica (`read`), needs the primary (`write`), or does not show it (`unknown`).
 * The text alone is classified: one pass, no syntax tree, no exception on any input. Several statements in one text have the
 * access of the strongest.
 *
 * @param sql One statement or several, in the dialect of the server.
 * @param dialect MySQL and MariaDB are both `'mysql'`.
 * @param options Names of your own functions that write, or only read. Keep the object: what it compiles to is kept with it.
 * @example
 * classify('select * from users for update', 'postgres')   // { access: 'write', reason: 'locking-clause' }
 * classify('call pay(1)', 'mysql')                         // { access: 'unknown', reason: 'call' }
 */
export function classify(sql: string, dialect: Dialect, options?: ClassifyOptions): Classification {
  const { scanner, notes } = engineOf(dialect, options)
  scanner.load(sql)
  const verdict = strongest(scanner, notes)
  // Neither the text nor its notes outlive the call.
  scanner.load('')
  notes.prepared = undefined
  return verdict
}

function strongest(scanner: Scanner, notes: Notes): Verdict {
  let found: Verdict | undefined
  while (scanner.begin()) {
    const next = classifyStatement(scanner, notes)
    if (next.access === 'write') return next
    found = found === undefined ? next : stronger(found, next)
    scanner.finish()
  }
  return found ?? EMPTY
}

/** {@link classify} with the notes that adapters need. Reads the text to its end. */
export function analyse(sql: string, engine: Engine): Analysis {
  const { dialect, lexicon } = engine
  const scanner = new TextScanner(lexicon, sql)
  const notes = new Notes(lexicon)
  let found: Verdict | undefined
  let statements = 0
  while (scanner.begin()) {
    statements++
    notes.creates = false
    const next = classifyStatement(scanner, notes)
    found = found === undefined ? next : stronger(found, next)
    if (notes.creates) finishCreate(scanner, lexicon.syntax.bodies)
    else scanner.finish()
  }
  const { access, reason } = found ?? EMPTY
  const { transaction, readOnly, hasModes, isSnapshot, chain, schema, prepared } = notes
  const synchronousCommit = dialect === 'postgres' && sql.toLowerCase().includes('synchronous_commit')
  const effects = new Effects(engine)
  effects.read(sql)
  const { calls, leaves, sets, needsSession, dependsOnSession } = effects
  return {
    access,
    reason,
    transaction,
    readOnly,
    hasModes,
    isSnapshot,
    chain,
    several: statements > 1,
    synchronousCommit,
    schema,
    prepared,
    calls,
    leaves,
    sets,
    needsSession,
    dependsOnSession,
    catalogueSays: 0,
    catalogueGeneration: 0,
  }
}
