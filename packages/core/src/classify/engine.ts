import { lexiconOf } from './lexicon.ts'
import { Notes } from './notes.ts'
import type { Lexicon, Scanner } from './rules.ts'
import { TextScanner } from './scan.ts'
import type { ClassifyOptions, Dialect, FunctionNames } from './types.ts'

/** A dialect and one's own functions, ready to use. */
export interface Engine {
  readonly dialect: Dialect
  readonly lexicon: Lexicon
  /** One's own functions that only read, in lower case. */
  readonly reads: ReadonlySet<string>
  /** Kept from one call to the next, so that classifying a text allocates nothing. */
  readonly scanner: Scanner
  readonly notes: Notes
}

function build(dialect: Dialect, functions?: FunctionNames): Engine {
  const lexicon = lexiconOf(dialect, functions)
  const reads = new Set(functions?.read?.map((name) => name.toLowerCase().replaceAll(/["`]/g, '')))
  return { dialect, lexicon, reads, scanner: new TextScanner(lexicon), notes: new Notes(lexicon) }
}

const plain = new Map<Dialect, Engine>()
const custom = new WeakMap<FunctionNames, Map<Dialect, Engine>>()

/** The engine of a dialect and of one's own functions; each is built once. */
export function engineOf(dialect: Dialect, options?: ClassifyOptions): Engine {
  const functions = options?.functions
  let known = plain
  if (functions !== undefined) {
    known = custom.get(functions) ?? new Map<Dialect, Engine>()
    custom.set(functions, known)
  }
  let engine = known.get(dialect)
  if (engine === undefined) {
    engine = build(dialect, functions)
    known.set(dialect, engine)
  }
  return engine
}
