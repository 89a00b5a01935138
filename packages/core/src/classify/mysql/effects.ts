import { stringOf, valueOf } from '../content.ts'
import { all, depends, type EffectNotes, type EffectRules, isUserVariable, readCreate } from '../effect-rules.ts'
import type { Scanner } from '../rules.ts'
import { CLOSE, COMMA, DOT, END, EQUALS, NAME, STRING, VALUE, WORD } from '../tokens.ts'
import { KNOWN, KNOWN_PREFIXES } from './own-functions.ts'

const PLUS = 43
const MINUS = 45
const COLON = 58
const QUESTION_MARK = 63

/** Words that a user variable may be set to. */
const CONSTANTS = new Set(['true', 'false', 'null'])
/** Words that are functions, without parentheses too. */
const NO_WORDS = new Set(
  'current_date current_role current_time current_timestamp current_user localtime localtimestamp utc_date utc_time utc_timestamp'.split(
    ' ',
  ),
)
/** Scopes that are no session's. */
const ELSEWHERE = /^(?:@@)?(?:global|persist|persist_only)\b/i

/**
 * Variables that are used up, or that have the server begin transactions by itself: set again at another moment they mean
 * something else.
 */
const UNREPEATABLE = /(?:^|[.`]|@@)(?:completion_type|gtid_next|gtid_seq_no|insert_id|rand_seed[12])`?$/i

/** SET of literals, words and parameters is a setting; `SET STATEMENT … FOR` (MariaDB) leaves what the statement leaves. */
function set(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  if (!scanner.is('statement')) {
    // A mode for the transaction that begins next, and for no other.
    const isOfNext = scanner.is('transaction')
    const words = scanner.is('names') || scanner.is('role') ? [valueOf(scanner)] : undefined
    const mode: Mode = { readOnly: undefined, names: [] }
    if (!readAssignments(scanner, mode)) notes.leave('something')
    else if (isOfNext) notes.leave('setting')
    else {
      // What stands behind SET NAMES and a comma has a name of its own.
      for (const [at, name] of mode.names.entries())
        notes.set({ names: at === 0 ? (words ?? name) : name, readOnly: mode.readOnly })
    }
    return
  }
  while (scanner.token !== END) {
    if (scanner.is('for')) {
      scanner.next()
      if (scanner.is('set')) break
      notes.statement(scanner)
      return
    }
    scanner.next()
  }
  notes.leave('something')
}

/** What assignments say of the mode of transactions. */
interface Mode {
  readOnly: boolean | undefined
  /** The variable of each; none where it is set by words (`SET CHARACTER SET`). */
  readonly names: string[][]
}

/** The variable that has transactions read-only, as the last of its names. */
const READ_ONLY = /(?:^|[.`]|@@)(?:transaction|tx)_read_only`?$/i

/** What may stand in front of the name of a session's variable. */
const IN_FRONT = /^@@(?:session\.|local\.)?/

/** Values that leave a Boolean variable off. */
const OFF = new Set(['0', 'off', 'false', 'default'])

function readAssignments(scanner: Scanner, mode: Mode): boolean {
  for (;;) {
    const isVariable = isUserVariable(scanner)
    const target = readTarget(scanner, mode)
    if (target === undefined) return false
    mode.names.push(scanner.token === EQUALS ? [target.replace(IN_FRONT, '').replaceAll('`', '')] : [])
    if (scanner.token === EQUALS) {
      if (READ_ONLY.test(target)) {
        scanner.next()
        mode.readOnly = !OFF.has(valueOf(scanner))
        scanner.unread()
      }
      if (!readValue(scanner, isVariable)) return false
    }
    if (scanner.token === END) return true
    scanner.next()
  }
}

/** Reads a name, or the words of SET NAMES, SET ROLE, SET TRANSACTION: the last of them; undefined where they are not known. */
function readTarget(scanner: Scanner, mode: Mode): string | undefined {
  let first = true
  let last = ''
  for (; ; first = false) {
    switch (scanner.token) {
      case END:
      case COMMA:
      case EQUALS:
        return first ? undefined : last
      case VALUE:
        // `@name` and `@@name` after anything else are values.
        if (!first && scanner.text.charAt(scanner.start) === '@') return undefined
        break
      case WORD:
      case NAME:
      case STRING:
      case DOT:
      case COLON:
        break
      default:
        return undefined
    }
    const text = scanner.text.slice(scanner.start, scanner.end)
    if (ELSEWHERE.test(text) || UNREPEATABLE.test(text)) return undefined
    if (last === 'read' && (scanner.is('only') || scanner.is('write'))) mode.readOnly = scanner.is('only')
    last = scanner.token === COLON ? last : text.toLowerCase()
    scanner.next()
  }
}

function readValue(scanner: Scanner, isVariable: boolean): boolean {
  for (;;) {
    const token = scanner.next()
    if (token === END || token === COMMA) return true
    const text = scanner.text.slice(scanner.start, scanner.end).toLowerCase()
    if (token === WORD) {
      // Charsets stand in front of a string; a named parameter after a colon.
      const isKnown = isVariable ? CONSTANTS.has(text) || text.startsWith('_') : !NO_WORDS.has(text)
      if (!isKnown) return false
    } else if (token === COLON) scanner.next()
    else if (token === VALUE ? text.startsWith('@') : !IN_VALUE.has(token)) return false
  }
}

const IN_VALUE: ReadonlySet<number> = new Set([STRING, NAME, MINUS, PLUS, QUESTION_MARK])

/** Temporary tables live in the session. */
function create(scanner: Scanner, notes: EffectNotes): void {
  if (readCreate(scanner)) notes.makesTemporary()
}

/** DROP PREPARE can be made again. */
function drop(scanner: Scanner, notes: EffectNotes): void {
  if (scanner.accept('prepare')) notes.set()
  else create(scanner, notes)
}

/** `PREPARE name FROM 'text'`: the calls are the text's. */
function prepare(scanner: Scanner, notes: EffectNotes): void {
  notes.set()
  scanner.next()
  if (scanner.accept('from') && scanner.next() === STRING) notes.prepares(stringOf(scanner))
}

/** `EXECUTE IMMEDIATE 'text'` (MariaDB): the calls are the text's as well. */
function execute(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  scanner.next()
  if (scanner.is('immediate') && scanner.next() === STRING) notes.prepares(stringOf(scanner))
}

/** BEGIN, and no block. */
function begin(scanner: Scanner, notes: EffectNotes): void {
  if (scanner.next() !== END && !scanner.is('work')) notes.leave('something')
}

/** `SHOW WARNINGS`, `SHOW ERRORS`, `SHOW COUNT(*) WARNINGS` tell of the statement before. */
function show(scanner: Scanner, notes: EffectNotes): void {
  scanner.next()
  if (scanner.is('warnings') || scanner.is('errors') || scanner.is('count')) notes.dependsOnSession = true
}

/** `LAST_INSERT_ID()` asks; `LAST_INSERT_ID(value)` keeps the value. */
function lastInsertId(scanner: Scanner, notes: EffectNotes): void {
  if (scanner.next() !== CLOSE) notes.leave('something')
  else notes.dependsOnSession = true
  scanner.unread()
}

/** Reads the name of the table: its INTO is none of a SELECT's, and its list of columns is no call's. */
function insert(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('nothing')
  scanner.next()
  while (PRIORITIES.some((word) => scanner.is(word))) scanner.next()
  if (scanner.is('into')) scanner.next()
  for (let isQualified = true; isQualified && (scanner.token === WORD || scanner.token === NAME); ) {
    isQualified = scanner.next() === DOT
    if (isQualified) scanner.next()
  }
}

/** LOCK TABLES, HANDLER, XA: others meet what the session holds, until its end. */
function hold(_: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  notes.needsSession = true
}

/** FLUSH TABLES … WITH READ LOCK. */
function flush(scanner: Scanner, notes: EffectNotes): void {
  notes.leave('something')
  while (scanner.next() !== END) if (scanner.is('with') && scanner.accept('read')) notes.needsSession = true
}

const PRIORITIES = ['low_priority', 'delayed', 'high_priority', 'ignore']
const WRITING = 'update delete load import alter rename truncate grant revoke install uninstall optimize'
const ASKING = 'values table with explain describe desc analyze check checksum repair help signal resignal kill'
const CONTROL = 'start commit rollback savepoint release'

export const mysqlEffects: EffectRules = {
  statements: {
    ...all(`select ${ASKING} ${WRITING} ${CONTROL} unlock`, 'nothing'),
    deallocate: 'setting',
    use: (_, notes) => notes.set({ names: ['use'], isDatabase: true }),
    set,
    show,
    create,
    drop,
    insert,
    replace: insert,
    prepare,
    execute,
    begin,
    flush,
    lock: hold,
    handler: hold,
    xa: hold,
  },
  control: new Set(['begin', ...CONTROL.split(' ')]),
  known: new Set(KNOWN.join(' ').split(' ')),
  knownPrefixes: KNOWN_PREFIXES,
  functions: {
    last_insert_id: lastInsertId,
    found_rows: depends,
    row_count: depends,
    lastval: depends,
  },
  sessionLocks: new Set(['get_lock']),
  variables: new Set(['@@identity', '@@last_insert_id', '@@insert_id', '@@warning_count', '@@error_count']),
}
