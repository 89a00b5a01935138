import { currentScope } from '@flyroute/core/adapter'
import type { Statement } from 'better-sqlite3'
import type { Guard } from './guard.ts'
import { isDecidedByTheEngine, isOfAnotherFile } from './refusal.ts'

/** A statement as the driver makes it, below its types. */
export type BareStatement = Statement<unknown[]>

type Method = (this: BareStatement, ...params: unknown[]) => unknown

/** Puts the guard in front of a database's statements: between each of them and the prototype that the driver gave it. */
export class StatementGuard {
  readonly #guard: Guard
  #reading: object | undefined
  #writing: object | undefined

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** The same statement, guarded; the engine itself says whether it writes. */
  guard(statement: BareStatement): BareStatement {
    const isReading = statement.readonly
    // What makes another file of this database (VACUUM INTO) may well do so on a replica.
    if (!isReading && isOfAnotherFile(statement.source)) return statement
    const driver = Object.getPrototypeOf(statement) as BareStatement
    if (isReading) this.#reading ??= Object.create(driver, methods(readingMethods(this.#guard, driver)))
    else this.#writing ??= Object.create(driver, methods(writingMethods(this.#guard, driver)))
    return Object.setPrototypeOf(statement, (isReading ? this.#reading : this.#writing) as object)
  }
}

function methods(byName: Record<string, Method>): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(byName).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
  )
}

function readingMethods(guard: Guard, driver: BareStatement): Record<string, Method> {
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  return {
    get: reading(guard, get as Method),
    all: reading(guard, all as Method),
    iterate: reading(guard, iterate as Method),
    // What reads and returns nothing: BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH.
    run(...params) {
      return guard.controls(this.source, () => (run as Method).apply(this, params))
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
      throw guard.judged(error, scope, false)
    }
  }
  return read
}

function writingMethods(guard: Guard, driver: BareStatement): Record<string, Method> {
  const guarded = (method: Method): Method =>
    function (...params) {
      const { source } = this
      return guard.writes(!isDecidedByTheEngine(source), wordOf(source), () => method.apply(this, params))
    }
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  return {
    run: guarded(run as Method),
    get: guarded(get as Method),
    all: guarded(all as Method),
    iterate(...params) {
      const { source } = this
      const iterator = guard.writes(!isDecidedByTheEngine(source), wordOf(source), () =>
        (iterate as Method).apply(this, params),
      )
      return new WritingIterator(guard, iterator as IterableIterator<unknown>)
    },
  }
}

/** Rows of a statement that writes as they are asked for. */
class WritingIterator implements IterableIterator<unknown> {
  readonly #guard: Guard
  readonly #rows: IterableIterator<unknown>

  constructor(guard: Guard, rows: IterableIterator<unknown>) {
    this.#guard = guard
    this.#rows = rows
  }

  next(): IteratorResult<unknown> {
    this.#guard.begins(currentScope())
    try {
      const result = this.#rows.next()
      if (result.done) this.#guard.ends()
      return result
    } catch (error) {
      const judged = this.#guard.judged(error)
      this.#guard.ends()
      throw judged
    }
  }

  return(): IteratorResult<unknown> {
    const result = this.#rows.return?.() ?? { done: true, value: undefined }
    this.#guard.ends()
    return result
  }

  [Symbol.iterator](): this {
    return this
  }
}

/** The first word of a statement, for messages. */
function wordOf(sql: string): string {
  return /^\s*([a-z]+)/i.exec(sql)?.[1]?.toLowerCase() ?? 'write'
}
