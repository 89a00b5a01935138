import { finishCreate } from './body.ts'
import { isCall } from './call-site.ts'
import { nameOf } from './content.ts'
import { type EffectNotes, type EffectRules, isUserVariable } from './effect-rules.ts'
import type { Engine } from './engine.ts'
import { mysqlEffects } from './mysql/effects.ts'
import { postgresEffects } from './postgres/effects.ts'
import type { Scanner } from './rules.ts'
import { TextScanner } from './scan.ts'
import { sqliteEffects } from './sqlite/effects.ts'
import { END, EQUALS, NAME, VALUE, WORD } from './tokens.ts'
import type { Dialect, Leaves, SettingFacts } from './types.ts'

const STRENGTH: Record<Leaves, number> = { nothing: 0, setting: 1, something: 2 }
const COLON = 58

// What a word leads to: INSERT and MERGE to an INTO of their own, INTO to the name of a new table, COMMIT to what it does to one.
const NOTHING = 0
const ITS_TABLE = 1
const NEW_TABLE = 2
const END_OF_TRANSACTION = 3

const RULES: Record<Dialect, EffectRules> = {
  postgres: postgresEffects,
  mysql: mysqlEffects,
  sqlite: sqliteEffects,
}

/** What a text calls and leaves in its session, beside its classification. Known good only: what is not understood leaves `something`. */
export class Effects implements EffectNotes {
  leaves: Leaves = 'nothing'
  needsSession = false
  dependsOnSession = false
  #settings: SettingFacts | undefined
  /** A temporary table is made that the session keeps, as far as its statement is read. */
  #keepsTable = false
  readonly #engine: Engine
  readonly #rules: EffectRules
  readonly #calls: Set<string> = new Set()
  #controls = false
  /** A name after a closing parenthesis is an alias. DISTINCT ON (…) f() and a OPERATOR(+) f() have a call there. */
  #hasAliases = true

  constructor(engine: Engine) {
    this.#engine = engine
    this.#rules = RULES[engine.dialect]
  }

  get calls(): readonly string[] | undefined {
    return this.#calls.size === 0 ? undefined : [...this.#calls]
  }

  get sets(): SettingFacts | undefined {
    return this.leaves === 'setting' ? this.#settings : undefined
  }

  /** Reads a whole text. */
  read(sql: string): void {
    const { lexicon } = this.#engine
    this.#hasAliases = !/\b(?:distinct|operator)\b/i.test(sql)
    const scanner = new TextScanner(lexicon, sql)
    while (scanner.begin()) {
      if (scanner.is('create')) {
        this.statement(scanner)
        finishCreate(scanner, lexicon.syntax.bodies)
      } else {
        this.statement(scanner)
        scanner.finish()
      }
    }
    // Made again by itself, such a text would begin or end a transaction as well.
    if (this.#controls && this.leaves === 'setting') this.leaves = 'something'
  }

  /** Something is left: the strongest counts. */
  leave(what: Leaves): void {
    if (STRENGTH[what] > STRENGTH[this.leaves]) this.leaves = what
  }

  set({
    names = [],
    isLocal = false,
    readOnly,
    isOfOne = false,
    discards = false,
    isDatabase = false,
  }: Partial<SettingFacts> = {}): void {
    const before = this.#settings
    this.leave('setting')
    this.#settings = {
      names: before === undefined ? names : [...before.names, ...names],
      count: (before?.count ?? 0) + 1,
      isLocal: isLocal && before?.isLocal !== false,
      readOnly: readOnly ?? before?.readOnly,
      isOfOne: readOnly === undefined ? before?.isOfOne === true : isOfOne,
      discards: discards || before?.discards === true,
      isDatabase: isDatabase || before?.isDatabase === true,
    }
  }

  makesTemporary(): void {
    this.leave('something')
    this.#keepsTable = true
  }

  /** Reads the statement whose first token is the current one, to its end. */
  statement(scanner: Scanner): void {
    const { statements, control } = this.#rules
    const word = scanner.token === WORD ? scanner.text.slice(scanner.start, scanner.end).toLowerCase() : ''
    const rule = Object.hasOwn(statements, word) ? statements[word]! : 'something'
    if (control.has(word)) this.#controls = true
    // What a CREATE calls is run later, in whichever session.
    const neededSession = this.needsSession
    const first = this.#follows(scanner, NOTHING)
    if (typeof rule === 'string') {
      if (rule === 'setting') this.set()
      else this.leave(rule)
      scanner.next()
    } else rule(scanner, this)
    this.walk(scanner, first)
    if (word === 'create') this.needsSession = neededSession
    if (this.#keepsTable) this.needsSession = true
    this.#keepsTable = false
  }

  prepares(sql: string): void {
    const prepared = new Effects(this.#engine)
    prepared.read(sql)
    for (const call of prepared.#calls) this.#calls.add(call)
    this.needsSession ||= prepared.needsSession
  }

  /** Reads on to the end of the statement, from the current token. @param first what the word before it leads to */
  walk(scanner: Scanner, first: number = NOTHING): void {
    const hasVariables = this.#engine.lexicon.syntax.atVariables === true
    let before = END
    let earlier = END
    let leadsTo = first
    for (let { token } = scanner; token !== END; token = scanner.next()) {
      leadsTo = token === WORD ? this.#follows(scanner, leadsTo) : NOTHING
      if (token === WORD || token === NAME) {
        // SELECT … INTO @variable, and nothing that is known to be harmless.
        if (hasVariables && token === WORD && scanner.is('into')) this.leave('something')
        this.#name(scanner, before, earlier)
      } else if (hasVariables && token === VALUE) {
        if (isUserVariable(scanner)) this.dependsOnSession = true
        else if (this.#rules.variables.has(scanner.text.slice(scanner.start, scanner.end).toLowerCase()))
          this.dependsOnSession = true
      } else if (hasVariables && token === EQUALS && before === COLON) this.leave('something')
      earlier = before
      before = scanner.token
    }
  }

  /** Follows the words around INTO TEMP, PostgreSQL's other way to make a temporary table, and ON COMMIT DROP. */
  #follows(scanner: Scanner, leadsTo: number): number {
    if (scanner.is('insert') || scanner.is('merge')) return ITS_TABLE
    if (scanner.is('into')) return leadsTo === ITS_TABLE ? NOTHING : NEW_TABLE
    if (scanner.is('commit')) return END_OF_TRANSACTION
    if (leadsTo === END_OF_TRANSACTION && scanner.is('drop')) this.#keepsTable = false
    if (leadsTo !== NEW_TABLE) return NOTHING
    if (scanner.is('temp') || scanner.is('temporary')) this.makesTemporary()
    return scanner.is('local') || scanner.is('global') ? NEW_TABLE : NOTHING
  }

  /** A name: the call of a function, where it is one. */
  #name(scanner: Scanner, before: number, earlier: number): void {
    const { lexicon, reads } = this.#engine
    const { functions } = this.#rules
    const { text, token, start, end } = scanner
    if (!scanner.call()) return
    if (!isCall(scanner, start, end, token, before, earlier, this.#hasAliases)) return
    const name = token === WORD ? text.slice(start, end).toLowerCase() : quotedName(text, start, end)
    const qualifier = scanner.qualifier()
    const whole = qualifier === undefined || qualifier === '' ? name : `${qualifier}.${name}`
    if (reads.has(whole) || reads.has(name)) return
    if (qualifier === undefined || qualifier === 'pg_catalog') {
      if (Object.hasOwn(functions, name)) {
        functions[name]!(scanner, this)
        return
      }
      if (isServersOwn(name, this.#engine.dialect)) return
      if (this.#rules.sessionLocks.has(name)) this.needsSession = true
    }
    this.leave('something')
    const quotes = token === NAME ? 1 : 0
    if (lexicon.vocabulary.lookUp(text, start + quotes, end - quotes)?.call?.(scanner) === undefined)
      this.#calls.add(whole)
  }
}

function quotedName(text: string, start: number, end: number): string {
  return nameOf({ text, token: NAME, start, end }).toLowerCase()
}

/** Whether a function of this name, in lower case, is known as the server's own. */
export function isServersOwn(name: string, dialect: Dialect): boolean {
  const { known, knownPrefixes, functions } = RULES[dialect]
  return known.has(name) || Object.hasOwn(functions, name) || knownPrefixes.some((prefix) => name.startsWith(prefix))
}
