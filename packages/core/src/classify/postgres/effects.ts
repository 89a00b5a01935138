import { nameOf, stringOf, valueOf } from '../content.ts'
import { all, depends, type EffectNotes, type EffectRules, readCreate } from '../effect-rules.ts'
import type { Scanner } from '../rules.ts'
import { CLOSE, COMMA, DOT, END, EQUALS, NAME, OPEN, STRING, VALUE, WORD } from '../tokens.ts'
import type { SettingFacts } from '../types.ts'
import { KNOWN, KNOWN_PREFIXES } from './own-functions.ts'
import { OFF } from './verbs.ts'

const MINUS = 45
const PLUS = 43
const COLON = 58
const IN_VALUES: ReadonlySet<number> = new Set([WORD, NAME, STRING, VALUE, COMMA, DOT, EQUALS, MINUS, PLUS])

/** SET takes literals and words alone, but for the snapshot of another transaction on the same server. */
function set(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  const isScope = scanner.is('session') || scanner.is('local')
  const scope = readName(scanner)
  // A setting may be called `local.name`.
  const hasScope = isScope && !scope.includes('.')
  const name = hasScope ? readName(scanner) : scope
  if (scanner.token === EQUALS || scanner.is('to')) scanner.next()
  let readOnly = IS_MODE.test(name) ? isOn(valueOf(scanner)) : undefined
  let known = true
  for (let isBehindRead = false; scanner.token !== END; scanner.next()) {
    if (!IN_VALUES.has(scanner.token) || scanner.is('snapshot')) known = false
    if (name === 'characteristics' && isBehindRead && (scanner.is('only') || scanner.is('write')))
      readOnly = scanner.is('only')
    isBehindRead = scanner.is('read')
  }
  if (!known) notes.leave('something')
  else if (name === 'transaction') notes.leave('setting')
  else notes.set({ ...named(name), isLocal: hasScope && scope === 'local', readOnly })
}

/** Reads a name with its qualifiers, from the current token to behind it; without quotes, in lower case. */
function readName(scanner: Scanner): string {
  let name = nameOf(scanner)
  while (scanner.next() === DOT) {
    scanner.next()
    name += `.${nameOf(scanner)}`
  }
  return name.toLowerCase()
}

/** What a setting's name says of it. */
function named(name: string): Partial<SettingFacts> {
  return { names: [name], isOfOne: name === 'transaction_read_only' }
}

const IS_MODE = /^(?:default_)?transaction_read_only$/

/** Whether a literal switches something on. What is not known (DEFAULT, a parameter) is taken for off. */
function isOn(value: string | number | undefined): boolean {
  const word = typeof value === 'string' ? value.toLowerCase() : ''
  return word !== '' && word !== 'default' && word !== 'null' && !OFF.has(word)
}

/** RESET and DISCARD: what they take back of the mode is taken for READ WRITE. */
function reset(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  const name = readName(scanner)
  notes.set({ ...named(name), readOnly: name === 'all' || IS_MODE.test(name) ? false : undefined })
}

function discard(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  notes.set({ discards: scanner.is('all') })
}

/** SELECT of nothing but `set_config()` with literals or parameters is a setting. */
function select(scanner: Scanner, notes: EffectNotes): void {
  const sets: Partial<SettingFacts>[] = []
  let isWhole = false
  do {
    scanner.next()
    if (scanner.is('pg_catalog')) {
      scanner.next()
      scanner.next()
    }
    isWhole = false
    if (!scanner.is('set_config')) break
    const found = scanner.call() ? readCall(scanner) : undefined
    sets.push(found ?? {})
    if (found === undefined) break
    isWhole = true
    scanner.next()
    if (scanner.is('as')) {
      scanner.next()
      scanner.next()
    }
  } while (scanner.token === COMMA)
  if (sets.length === 0) return
  if (!isWhole || scanner.token !== END) return notes.leave('something')
  for (const one of sets) notes.set(one)
}

const LITERAL_WORDS = new Set(['true', 'false', 'null', 'text', 'boolean', 'bool', 'varchar'])

/** Reads literals and parameters, with casts, up to the closing parenthesis of `set_config()`; undefined where something else is among them. */
function readCall(scanner: Scanner): Partial<SettingFacts> | undefined {
  /** The first token of each argument: a literal, or the place of a parameter. */
  const given: (string | number)[] = []
  let isFirst = true
  for (;;) {
    const token = scanner.next()
    if (token === CLOSE) break
    if (token === WORD && !LITERAL_WORDS.has(valueOf(scanner))) return undefined
    if (token !== WORD && token !== STRING && token !== VALUE && token !== COMMA && token !== COLON) return undefined
    if (isFirst) given.push(token === STRING ? stringOf(scanner) : (placeOf(scanner) ?? valueOf(scanner)))
    isFirst = token === COMMA
  }
  const [name = '', value, local] = given
  const isLocal = isOn(local)
  if (typeof name === 'number') return { names: [name], isLocal }
  const own = name.toLowerCase()
  return { ...named(own), isLocal, readOnly: IS_MODE.test(own) ? isOn(value) : undefined }
}

/** The place of a parameter, from 1; undefined for anything else. */
function placeOf({ text, start, end }: Scanner): number | undefined {
  return text.charAt(start) === '$' ? Number(text.slice(start + 1, end)) : undefined
}

/** Temporary tables, views and sequences live in the session. */
function create(scanner: Scanner, notes: EffectNotes): void {
  if (readCreate(scanner)) notes.makesTemporary()
}

/** PREPARE can be made again; PREPARE TRANSACTION leaves the session. */
function prepare(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  const isName = !scanner.is('transaction')
  // The name may have a list of types after it, and is no call then.
  if (scanner.next() === OPEN) while (scanner.token !== CLOSE && scanner.token !== END) scanner.next()
  if (!isName && scanner.token === STRING) return notes.leave('setting')
  notes.set()
  notes.needsSession = true
}

/** LISTEN: what it is told comes to its session. */
function listen(_: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  notes.needsSession = true
}

/** A cursor WITH HOLD outlives its transaction. */
function declare(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  while (scanner.next() !== END && !scanner.is('for')) {
    if (scanner.is('with') && scanner.accept('hold')) notes.needsSession = true
  }
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
    deallocate: 'setting',
    reset,
    discard,
    listen,
    declare,
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
  sessionLocks: new Set(
    ['pg_advisory_lock', 'pg_try_advisory_lock', 'pg_advisory_unlock'].flatMap((name) => [name, `${name}_shared`]),
  ),
  variables: new Set(),
}
