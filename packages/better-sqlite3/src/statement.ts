import { type Classifier, currentScope } from '@flyroute/core/adapter'
import type { RunResult } from 'better-sqlite3'
import type { BareStatement } from './bare.ts'
import type { Guard } from './guard.ts'
import { type Programs, type Writes, withoutLead } from './program.ts'
import { WritingIterators } from './writing-iterator.ts'

type Method = (this: BareStatement, ...params: unknown[]) => unknown

/** What guards statements. */
export interface StatementGuards {
  readonly guard: Guard
  readonly programs: Programs
  readonly classify: Classifier['classify']
}

/** Puts the guard in front of a database's statements: between each of them and the prototype that the driver gave it. */
export class StatementGuard {
  readonly #guards: StatementGuards
  #reading: object | undefined
  #writing: object | undefined

  constructor(guards: StatementGuards) {
    this.#guards = guards
  }

  /** The same statement, guarded; the engine itself says whether it writes. */
  guard(statement: BareStatement): BareStatement {
    const driver = Object.getPrototypeOf(statement) as BareStatement
    if (statement.readonly) this.#reading ??= Object.create(driver, methods(readingMethods(this.#guards, driver)))
    else this.#writing ??= Object.create(driver, methods(writingMethods(this.#guards, driver)))
    return Object.setPrototypeOf(statement, (statement.readonly ? this.#reading : this.#writing) as object)
  }
}

function methods(byName: Record<string, Method>): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(byName).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
  )
}

const nothingChanged = (): RunResult => ({ changes: 0, lastInsertRowid: 0 })

function readingMethods({ guard, classify }: StatementGuards, driver: BareStatement): Record<string, Method> {
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  return {
    get: reading(guard, get as Method),
    all: reading(guard, all as Method),
    iterate: reading(guard, iterate as Method),
    // What reads and returns nothing: BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH.
    run(...params) {
      const { transaction } = classify(this.source)
      return guard.controls(transaction, () => (run as Method).apply(this, params), nothingChanged)
    },
  }
}

/**
 * A method that reads. The engine answers within a microsecond: so outside of a request there is one look for a scope, and no
 * list of parameters, no closure and no object is made on the way.
 */
function reading(guard: Guard, method: Method): Method {
  function read(this: BareStatement, param: unknown): unknown {
    const scope = currentScope()
    const reader = scope === undefined && !guard.isAborted ? undefined : guard.reads(scope)
    try {
      // biome-ignore lint/complexity/noArguments: rest parameters cost as much as the rest of this
      const result = arguments.length === 1 ? method.call(this, param) : method.apply(this, arguments as never)
      // For rows that come one by one, too: their snapshot is the one of the first.
      if (reader !== undefined) guard.hasRead(reader)
      return result
    } catch (error) {
      // A PRAGMA or a function may write although the engine expects no writing of it.
      throw guard.interpretError(error, scope, undefined)
    }
  }
  return read
}

function writingMethods({ guard, programs }: StatementGuards, driver: BareStatement): Record<string, Method> {
  const guarded = (method: Method): Method =>
    function (...params) {
      const { source } = this
      const what = (): Writes => programs.writes(source, params)
      return guard.writes(what, wordOf(source), () => method.apply(this, params))
    }
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  const iterators = new WritingIterators(guard)
  return {
    run: guarded(run as Method),
    get: guarded(get as Method),
    all: guarded(all as Method),
    iterate(...params) {
      const rows = guarded(iterate as Method).apply(this, params)
      return iterators.guard(rows as IterableIterator<unknown>)
    },
  }
}

/** The first word of a statement, for messages. */
function wordOf(sql: string): string {
  return /^[a-z]+/i.exec(withoutLead(sql))?.[0]?.toLowerCase() ?? 'write'
}
