import { stringOf } from '../content.ts'
import { all, depends, type EffectNotes, type EffectRules, readCreate } from '../effect-rules.ts'
import type { Scanner } from '../rules.ts'
import { CLOSE, COMMA, DOT, END, EQUALS, NAME, OPEN, STRING, VALUE, WORD } from '../tokens.ts'
import { KNOWN, KNOWN_PREFIXES } from './own-functions.ts'

const MINUS = 45
const PLUS = 43
const COLON = 58
const IN_VALUES: ReadonlySet<number> = new Set([WORD, NAME, STRING, VALUE, COMMA, DOT, EQUALS, MINUS, PLUS])

/** SET takes literals and words alone, but for the snapshot of another transaction on the same server. */
function set(scanner: Scanner, notes: EffectNotes): void {
  let known = true
  while (scanner.next() !== END) if (!IN_VALUES.has(scanner.token) || scanner.is('snapshot')) known = false
  notes.leave(known ? 'setting' : 'something')
}

/** SELECT of nothing but `set_config()` with literals or parameters is a setting. */
function select(scanner: Scanner, notes: EffectNotes): void {
  let sets = false
  do {
    scanner.next()
    if (scanner.is('pg_catalog')) {
      scanner.next()
      scanner.next()
    }
    if (!scanner.is('set_config')) break
    sets = true
    if (!scanner.call() || !readLiterals(scanner)) break
    scanner.next()
    if (scanner.is('as')) {
      scanner.next()
      scanner.next()
    }
  } while (scanner.token === COMMA)
  if (sets) notes.leave(scanner.token === END ? 'setting' : 'something')
}

const LITERAL_WORDS = new Set(['true', 'false', 'null', 'text', 'boolean', 'bool', 'varchar'])

/** Reads literals and parameters, with casts, up to the closing parenthesis. */
function readLiterals(scanner: Scanner): boolean {
  for (;;) {
    const token = scanner.next()
    if (token === CLOSE) return true
    if (token === STRING || token === VALUE || token === COMMA || token === COLON) continue
    if (token !== WORD || !LITERAL_WORDS.has(scanner.text.slice(scanner.start, scanner.end).toLowerCase())) return false
  }
}

/** Temporary tables, views and sequences live in the session. */
function create(scanner: Scanner, notes: EffectNotes): void {
  if (readCreate(scanner)) notes.leave('something')
}

/** PREPARE can be made again; PREPARE TRANSACTION leaves the session. */
function prepare(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('setting')
  scanner.next()
  // The name may have a list of types after it, and is no call then.
  if (scanner.next() === OPEN) while (scanner.token !== CLOSE && scanner.token !== END) scanner.next()
}

/** DO: its body may do anything; what it calls, the text calls. */
function anonymousBlock(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  while (scanner.next() !== END) if (scanner.token === STRING) notes.prepares(stringOf(scanner))
}

/** COPY table (columns) has no call there. */
function copy(scanner: Scanner, notes: EffectNotes): void {
  if (scanner.next() === OPEN) notes.leave('nothing')
  else while (scanner.token === WORD || scanner.token === NAME || scanner.token === DOT) scanner.next()
}

const WRITING = 'insert update delete merge truncate comment security grant revoke reassign refresh vacuum analyze'
const MORE_WRITING = 'analyse reindex cluster repack notify alter drop import'
const CONTROL = 'begin start commit end rollback abort savepoint release'

export const postgresEffects: EffectRules = {
  statements: {
    ...all(`values table with explain show unlisten checkpoint wait ${WRITING} ${MORE_WRITING} ${CONTROL}`, 'nothing'),
    ...all('reset discard deallocate', 'setting'),
    select,
    set,
    create,
    prepare,
    copy,
    do: anonymousBlock,
    fetch: depends,
    move: depends,
    close: depends,
  },
  control: new Set(CONTROL.split(' ')),
  known: new Set(KNOWN.join(' ').split(' ')),
  knownPrefixes: KNOWN_PREFIXES,
  functions: {
    lastval: depends,
    currval: depends,
    set_config: (_, notes) => notes.leave('something'),
  },
  variables: new Set(),
}
