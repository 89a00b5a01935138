import { currentScope } from '@flyroute/core/adapter'
import type { Statement } from 'better-sqlite3'
import type { Guard } from './guard.ts'
import { mayBeHarmless } from './refusal.ts'

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
    const driver = Object.getPrototypeOf(statement) as BareStatement
    if (statement.readonly) this.#reading ??= Object.create(driver, methods(readingMethods(this.#guard, driver)))
    else this.#writing ??= Object.create(driver, methods(writingMethods(this.#guard, driver)))
    return Object.setPrototypeOf(statement, (statement.readonly ? this.#reading : this.#writing) as object)
  }
}

function methods(byName: Record<string, Method>): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(byName).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
  )
}

function readingMethods(guard: Guard, driver: BareStatement): Record<string, Method> {
  const { run, get, all, iterate } = driver
  return {
    get(...params) {
      const scope = guard.reads()
      const row = get.apply(this, params)
      if (scope !== undefined) guard.hasRead(scope)
      return row
    },
    all(...params) {
      const scope = guard.reads()
      const rows = all.apply(this, params)
      if (scope !== undefined) guard.hasRead(scope)
      return rows
    },
    iterate(...params) {
      const scope = guard.reads()
      const rows = iterate.apply(this, params)
      // Its snapshot is the one of its first row.
      if (scope !== undefined) guard.hasRead(scope)
      return rows
    },
    // What reads and returns nothing: BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH.
    run(...params) {
      return guard.controls(this.source, () => run.apply(this, params))
    },
  }
}

function writingMethods(guard: Guard, driver: BareStatement): Record<string, Method> {
  const guarded = (method: Method): Method =>
    function (...params) {
      const { source } = this
      return guard.writes(!mayBeHarmless(source), wordOf(source), () => method.apply(this, params))
    }
  const { run, get, all, iterate } = driver as unknown as Record<string, Method>
  return {
    run: guarded(run as Method),
    get: guarded(get as Method),
    all: guarded(all as Method),
    iterate(...params) {
      const { source } = this
      const iterator = guard.writes(!mayBeHarmless(source), wordOf(source), () =>
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
      this.#guard.ends()
      throw this.#guard.judged(error)
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
