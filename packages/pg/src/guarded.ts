import type { ConnectionGuard, Freshness, Scope } from '@flyroute/core/adapter'
import type { PgDatabase } from './database.ts'
import type { BareClient, Callback, QueryArgument, QueryClass, Release } from './driver-types.ts'
import type { PlainPoolQuery, PoolQuery } from './pool-query.ts'
import type { Statement } from './statement.ts'
import type { PgWire } from './wire.ts'

/** A guarded connection, as its parts and the pools see it. */
export interface Guarded {
  readonly client: BareClient
  readonly guard: ConnectionGuard<QueryArgument>
  readonly database: PgDatabase
  readonly wire: PgWire
  /** The class whose objects the driver makes of texts. */
  readonly Query: QueryClass
  /** How long (ms) the answer to a statement may take; undefined: as long as the driver's own options say. */
  readonly answerMs: number | undefined
  /** It is of no pool of ours: only the app gives it back. */
  readonly isAlone: boolean
  /** The driver's own `query`, below the guard. */
  readonly send: (config: unknown, values?: unknown, callback?: unknown) => unknown
  /**
   * Sends a plain read, if this connection is one to a replica with nothing else going on.
   *
   * @param answer called once, with the driver's own error (which `interpretPlain` interprets) or the result
   * @returns whether it is on its way
   */
  sendPlain(query: PlainPoolQuery, answer: Callback): boolean
  /** What the error that a plain read has met is to the app and to the pool. */
  interpretPlain(query: PlainPoolQuery, error: unknown): unknown
  /** Sends a statement as soon as the server is fresh enough for it, or has it go where it is. */
  whenReady(statement: Statement, need: Freshness): unknown
  /** Runs a statement on the primary, in place of this connection. */
  runOnPrimary(statement: Statement): unknown
  /** What the client's `query` does, in all its forms. */
  query(config: QueryArgument, values: unknown, callback: unknown): unknown
  /**
   * The pool has checked the connection out: for a statement of `pool.query`, or for the app to use.
   *
   * @param holder the request that has asked for it: a pool calls back in whichever scope gave the connection back
   * @returns what gives it back
   */
  lend(query?: PoolQuery, holder?: Scope): Release
  /** What the connection is given back with is looked at first: an error that does it no harm is no reason to drop it. */
  watchRelease(): void
  /** What a statement is told whose request was answered with a replay: `Dropped`, or an error where the app has to give the connection back. */
  dropped(scope: Scope | undefined): unknown
  /** A statement that sets something is about to be sent: what follows waits, so that the session does not move without it. */
  awaitSetting(): void
  /** It was answered, or is not going to be. */
  settingIsOver(): void
}

/** Gives what it is made of as what it has made. */
class Same {
  constructor(self: object) {
    // biome-ignore lint/correctness/noConstructorReturn: a class below puts its private field on an object that it has not made
    return self
  }
}

/** A private field on clients that the driver has made: it does not show, and is found as fast as any property. */
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

/** Remembers the guarded connection of a client, without a property that would show on it. */
export function setGuarded(client: object, guarded: Guarded): void {
  new Slot(client, guarded)
}

/** The guarded connection of a client; undefined for one of the driver's own. */
export function guardedOf(client: object): Guarded | undefined {
  return Slot.of(client)
}
