import { type Classifier, currentScope, type DatabaseReplication, sentNow, tellStatement } from '@flyroute/core/adapter'
import type { RunResult } from 'better-sqlite3'
import type { BareStatement } from './bare.ts'
import type { Guard } from './guard.ts'
import { type Programs, type Writes, withoutLead } from './program.ts'
import { WritingIterators } from './writing-iterator.ts'

type Method = (this: BareStatement, ...params: unknown[]) => unknown

/** What guards statements. */
export interface StatementGuards {
  readonly guard: Guard
  readonly replication: DatabaseReplication
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

/** Tells of a statement that has run; `sentAt` as `sentNow` has said, and not 0. */
function tell({ replication, classify }: StatementGuards, sql: string, sentAt: number, error?: unknown): void {
  const analysis = classify(sql)
  currentScope()?.request.tally?.did(analysis, sql, performance.now() - sentAt)
  tellStatement(replication, { dialect: 'sqlite', onPrimary: false, analysis, sentAt, error })
}

/** Runs what is no plain read, and tells of it. */
export function telling<T>(guards: StatementGuards, sql: string, run: () => T): T {
  const sentAt = sentNow()
  if (sentAt === 0) return run()
  let failure: unknown
  try {
    return run()
  } catch (error) {
    failure = error
    throw error
  } finally {
    tell(guards, sql, sentAt, failure)
  }
}

function methods(byName: Record<string, Method>): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(byName).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
  )
}

const nothingChanged = (): RunResult => ({ changes: 0, lastInsertRowid: 0 })

function readingMethods(guards: StatementGuards, driver: BareStatement): Record<string, Method> {
  const { guard, classify } = guards
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  return {
    get: reading(guards, get as Method),
    all: reading(guards, all as Method),
    iterate: reading(guards, iterate as Method),
    // What reads and returns nothing: BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH.
    run(...params) {
      const { transaction } = classify(this.source)
      const act = (): unknown => telling(guards, this.source, () => (run as Method).apply(this, params))
      return guard.controls(transaction, act, nothingChanged)
    },
  }
}

/**
 * A method that reads. The engine answers within a microsecond: so outside of a request there is one look for a scope, and no
 * list of parameters, no closure and no object is made on the way.
 */
function reading(guards: StatementGuards, method: Method): Method {
  const { guard } = guards
  function read(this: BareStatement, param: unknown): unknown {
    const scope = currentScope()
    const reader = scope === undefined && !guard.isAborted ? undefined : guard.reads(scope)
    const sentAt = sentNow()
    try {
      // biome-ignore lint/complexity/noArguments: rest parameters cost as much as the rest of this
      const result = arguments.length === 1 ? method.call(this, param) : method.apply(this, arguments as never)
      // For rows that come one by one, too: their snapshot is the one of the first.
      if (sentAt !== 0) tell(guards, this.source, sentAt)
      if (reader !== undefined) guard.hasRead(reader)
      return result
    } catch (error) {
      if (sentAt !== 0) tell(guards, this.source, sentAt, error)
      // A PRAGMA or a function may write although the engine expects no writing of it.
      throw guard.interpretError(error, scope, undefined)
    }
  }
  return read
}

function writingMethods(guards: StatementGuards, driver: BareStatement): Record<string, Method> {
  const { guard, programs } = guards
  const guarded = (method: Method): Method =>
    function (...params) {
      const { source } = this
      const what = (): Writes => programs.writes(source, params)
      return guard.writes(what, wordOf(source), () => telling(guards, source, () => method.apply(this, params)))
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
