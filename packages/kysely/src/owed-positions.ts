import type { Analysis, ConnectionGuard, Position, RequestState, Scope } from '@flyroute/core/adapter'
import type { CompiledQuery } from 'kysely'

/** Whose positions they are. */
interface Asked {
  readonly guard: ConnectionGuard<CompiledQuery>
  /** Its server does not answer. */
  readonly abandoned: Promise<unknown> | undefined
}

/** What a position is asked for, on behalf of one request. */
interface Owed {
  readonly isRead: boolean
  /** What was committed need not be flushed yet. */
  readonly isAsynchronous: boolean
}

/**
 * The positions after what is answered on a connection. Above a driver they are asked for by statements of ours; where the app
 * could see those in its session (`ROW_COUNT()`, `SHOW WARNINGS`), they wait for its next statement, if that does not look
 * back, or for the connection to be given back. Kysely tells the app of a single statement no earlier.
 */
export class OwedPositions {
  readonly #connection: Asked
  readonly #owed: Map<RequestState, Owed> = new Map()
  #asking: Promise<void> | undefined

  constructor(connection: Asked) {
    this.#connection = connection
  }

  /** Whether a statement has to wait for `ask`: something may be asked ahead of it, or is being asked. */
  goesAhead({ dependsOnSession }: Analysis): boolean {
    return this.#asking !== undefined || (this.#owed.size > 0 && !dependsOnSession)
  }

  /** Whether anything is still to be asked. */
  get isEmpty(): boolean {
    return this.#owed.size === 0 && this.#asking === undefined
  }

  /** The position after what was just answered is wanted: now, or when it does not show. */
  take({ request }: Scope, isRead: boolean, isAsynchronous = false): Promise<void> | undefined {
    const { server, database } = this.#connection.guard
    const { facts, replication } = database
    const known = this.#owed.get(request)
    if (known === undefined) replication.written.owes(request)
    if (!isRead) replication.written.owesWrite(request, server)
    this.#owed.set(request, {
      isRead: isRead && known?.isRead !== false,
      isAsynchronous: isAsynchronous || known?.isAsynchronous === true,
    })
    return facts.questionsShow ? undefined : this.ask()
  }

  /** Asks for what is owed, at once. */
  ask(): Promise<void> {
    // What was answered since that question was sent has a later position.
    if (this.#asking !== undefined) return this.#asking.then(() => (this.isEmpty ? undefined : this.ask()))
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    const owed = [...this.#owed]
    this.#owed.clear()
    if (owed.length === 0) return
    const { writes, database } = this.#connection.guard
    const position = await this.#position(owed.some(([, { isAsynchronous }]) => isAsynchronous))
    for (const [request, { isRead }] of owed) {
      database.replication.written.pays(request)
      if (isRead) writes.saw(request, position)
      else writes.took(request, position)
    }
  }

  /** The position by now, or why there is none: what was answered is an answer all the same. */
  async #position(isAsynchronous: boolean): Promise<Position | Error> {
    const { guard, abandoned } = this.#connection
    try {
      if (abandoned !== undefined) throw new Error('The server does not answer')
      // Off Fly, a connection that was acquired outside of a request has not said what it is; not every driver takes two questions at once.
      if (guard.server === undefined) await guard.identify()
      return await guard.position(isAsynchronous)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** The connection is not used again: who waits for an answer reads from the primary for a while. */
  giveUp(): void {
    this.#owed.clear()
  }
}
