import { all, depends, type EffectNotes, type EffectRules, readCreate } from '../effect-rules.ts'
import type { Scanner } from '../rules.ts'
import { DOT, NAME, WORD } from '../tokens.ts'
import { KNOWN, KNOWN_PREFIXES } from './own-functions.ts'

/** Temporary tables, views and triggers live in the connection. */
function create(scanner: Scanner, notes: EffectNotes): void {
  if (readCreate(scanner)) notes.leave('something')
}

/** `PRAGMA name(value)` is no call. */
function pragma(scanner: Scanner, notes: EffectNotes): void {
  notes.set()
  for (let token = scanner.next(); token === WORD || token === NAME || token === DOT; ) token = scanner.next()
}

const WRITING = 'insert replace update delete drop alter reindex analyze vacuum'
const CONTROL = 'begin commit end rollback savepoint release'

export const sqliteEffects: EffectRules = {
  statements: {
    ...all(`select values with explain ${WRITING} ${CONTROL}`, 'nothing'),
    ...all('attach detach', 'setting'),
    create,
    pragma,
  },
  control: new Set(CONTROL.split(' ')),
  known: new Set(KNOWN.join(' ').split(' ')),
  knownPrefixes: KNOWN_PREFIXES,
  functions: {
    last_insert_rowid: depends,
    changes: depends,
    total_changes: depends,
  },
  sessionLocks: new Set(),
  variables: new Set(),
}
