import type { Role, ServerInstance } from '@flyroute/core/adapter'
import type { PgDatabase } from './database.ts'
import type { BareClient, Callback, QueryArgument, QueryClass, Release } from './driver-types.ts'
import type { Side } from './observer.ts'
import type { PlainSingle } from './plain-read.ts'
import type { Session } from './session.ts'
import type { Single } from './statement.ts'

/** A guarded connection, as the parts of its guard and the pools see it. */
export interface Guarded {
  readonly client: BareClient
  readonly database: PgDatabase
  readonly side: Side
  readonly session: Session
  /** The class whose objects the driver makes of texts. */
  readonly Query: QueryClass
  /** What the server says it is; until then, what the settings say. */
  readonly role: Role
  /** The run of the server that this connection leads to; undefined until it has said what it is. */
  readonly server: ServerInstance | undefined
  /** How long (ms) the answer to a statement may take; undefined: as long as the driver's own options say. */
  readonly answerMs: number | undefined
  /** The driver's own `query`, below the guard. */
  readonly send: (config: unknown, values?: unknown, callback?: unknown) => unknown
  /**
   * Sends a plain read, if this connection is one to a replica with nothing else going on.
   *
   * @param answer called once, with the driver's own error (which `judge` translates) or the result
   * @returns whether it is on its way
   */
  read(single: PlainSingle, answer: Callback): boolean
  /** What the error that a plain read has met is to the app and to the pool. */
  judge(single: PlainSingle, error: unknown): unknown
  /** What the client's `query` does, in all its forms. */
  query(config: QueryArgument, values: unknown, callback: unknown): unknown
  /** Asks this connection's server what it is. */
  greet(): Promise<void>
  /**
   * The pool has checked the connection out: for a statement of `pool.query`, or for the app to use.
   *
   * @returns what gives it back
   */
  lend(single?: Single): Release
  /** What the connection is given back with is looked at first: an error that does it no harm is no reason to drop it. */
  watchRelease(): void
  /** Gives a connection back that has taken over. */
  leave(error?: unknown): void
}

/** Gives what it is made of as what it has made. */
class Same {
  constructor(self: object) {
    // biome-ignore lint/correctness/noConstructorReturn: a class below puts its private field on an object that it has not made
    return self
  }
}

/** A private field on clients that somebody else has made: nobody sees it, and it is found as fast as any property. */
class Slot extends Same {
  readonly #guard: Guarded

  constructor(client: object, guard: Guarded) {
    super(client)
    this.#guard = guard
  }

  static of(client: object): Guarded | undefined {
    return #guard in client ? client.#guard : undefined
  }
}

/** Remembers the guard of a client, without a property that would show on it. */
export function setGuard(client: object, guard: Guarded): void {
  new Slot(client, guard)
}

/** The guard of a client; undefined for one of the driver's own. */
export function guardOf(client: object): Guarded | undefined {
  return Slot.of(client)
}
