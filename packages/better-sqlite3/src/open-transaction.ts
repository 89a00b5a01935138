import type { HeldConnection, RequestState, Scope } from '@flyroute/core/adapter'
import type { BareDatabase } from './bare.ts'

/**
 * The transaction that a request has begun by hand, with BEGIN. There is one connection for all requests of the process: where a
 * request is replayed and its code forgets the ROLLBACK, every other one would be caught in what it has left open. So
 * it is rolled back with the replay.
 */
export class OpenTransaction implements HeldConnection {
  /** One connection serves all requests. */
  readonly isShared: boolean = true
  readonly #database: Pick<BareDatabase, 'inTransaction' | 'rollBack'>
  #owner: RequestState | undefined
  #isAbandoned = false

  constructor(database: Pick<BareDatabase, 'inTransaction' | 'rollBack'>) {
    this.#database = database
  }

  /** Its request was replayed, and it could not be rolled back yet. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  isOf(request: RequestState): boolean {
    return this.#owner === request
  }

  /** Whether it is not known to be another request's. */
  mayBeOf(request: RequestState | undefined): boolean {
    return this.#owner === undefined || this.#owner === request
  }

  /** After what may have begun one. */
  isBegun(scope: Scope | undefined): void {
    if (scope?.request.kind !== 'request' || !this.#database.inTransaction) return
    this.#owner = scope.request
    this.#owner.hold(this)
  }

  /** None is open any more. */
  hasEnded(): void {
    if (this.#owner === undefined) return
    this.#owner.release(this)
    this.#owner = undefined
    this.#isAbandoned = false
  }

  reclaim(): void {
    this.#isAbandoned = this.#owner !== undefined
    if (this.#isAbandoned) this.rollBack()
  }

  /** Ends it; where the driver is busy with rows that the app still asks for, the next statement tries it again. */
  rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.rollBack()
    } catch {
      return
    }
    this.hasEnded()
  }
}
