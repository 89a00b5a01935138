import { currentScope, type Scope } from '@flyroute/core/adapter'
import type { Guard } from './guard.ts'
import { unknown } from './program.ts'

type Rows = IterableIterator<unknown>
type Method = (this: Rows) => IteratorResult<unknown>

/**
 * Puts the guard in front of the iterators of statements that write, as `StatementGuard` does for statements. All of it is
 * written with the first row, and committed when the iterator ends: after the last row, at an error, or where it is left
 * early.
 */
export class WritingIterators {
  readonly #guard: Guard
  /** The ones whose first row was asked for, and that are not over. */
  readonly #running: WeakSet<Rows> = new WeakSet()
  #prototype: object | undefined

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** The same iterator, guarded. */
  guard(rows: Rows): Rows {
    this.#prototype ??= this.#guarding(Object.getPrototypeOf(rows) as Rows)
    return Object.setPrototypeOf(rows, this.#prototype)
  }

  #guarding(driver: Rows): object {
    const begin = (rows: Rows): void => this.#begin(rows)
    const end = (rows: Rows): void => this.#end(rows)
    const interpret = (error: unknown, scope: Scope | undefined): unknown =>
      this.#guard.interpretError(error, scope, unknown)
    const next: Method = driver.next
    const leave = driver.return as Method
    function guardedNext(this: Rows): IteratorResult<unknown> {
      const scope = currentScope()
      try {
        begin(this)
      } catch (refusal) {
        // `for … of` does not leave an iterator that throws, and an open one keeps every other statement from running.
        leave.call(this)
        throw refusal
      }
      try {
        const result = next.call(this)
        if (result.done) end(this)
        return result
      } catch (error) {
        const meant = interpret(error, scope)
        end(this)
        throw meant
      }
    }
    function guardedReturn(this: Rows): IteratorResult<unknown> {
      const result = leave.call(this)
      end(this)
      return result
    }
    return Object.create(driver, {
      next: { value: guardedNext, writable: true, configurable: true },
      return: { value: guardedReturn, writable: true, configurable: true },
    })
  }

  #begin(rows: Rows): void {
    if (this.#running.has(rows)) return
    // What is refused for its program was when the iterator was made.
    this.#guard.begins(currentScope(), unknown, 'iterate')
    this.#guard.iterates()
    this.#running.add(rows)
  }

  #end(rows: Rows): void {
    if (this.#running.delete(rows)) this.#guard.hasIterated()
  }
}
