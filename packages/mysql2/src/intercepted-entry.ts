import type { Ask } from '@flyroute/core/adapter'
import mysql from 'mysql2'
import type { BareConnection, Callback, Command, Packet, QueueEntry } from './driver-types.ts'

interface QueryFactory {
  createQuery(options: object, values: undefined, callback: Callback, config: object): Command
}

/** The driver's way from a text to a command; not among its declared exports. */
export const createQuery: QueryFactory['createQuery'] = (mysql as unknown as QueryFactory).createQuery

/** How often (ms) is looked whether the app has resumed a connection that it has paused. */
const lookAgainMs = 5

/** A query of our own, as an entry for a connection's queue. */
function plainQuery(sql: string, callback: Callback): Command {
  return createQuery({ sql, ...plainRows }, undefined, callback, {})
}

/** How to read our own rows, whatever the app has set for its own: as the server wrote them. */
const plainRows = { rowsAsArray: true, typeCast: false, nestTables: false, namedPlaceholders: false }

/** Every value as text; nothing of what has no rows. */
export function asText(rows: unknown): Awaited<ReturnType<Ask>> {
  if (!Array.isArray(rows)) return []
  return rows.map((row: (string | Uint8Array | null)[]) => row.map((value) => (value === null ? null : String(value))))
}

/**
 * An entry in the queue of a connection that may hold it: while something is decided, or asked of the server in between.
 * What is queued after it waits, in its order.
 */
export abstract class InterceptedEntry implements QueueEntry {
  readonly connection: BareConnection
  #asked: Command | undefined
  #unanswered: ((error: unknown) => void) | undefined
  #isExecuting = false

  constructor(connection: BareConnection) {
    this.connection = connection
  }

  abstract get onResult(): Callback | undefined

  /** Begins, or goes on with a packet that is not the answer to a question of ours; true where it is over. */
  protected abstract proceed(packet: Packet | undefined): boolean

  execute(packet: Packet | undefined): boolean {
    if (this.#asked === undefined) {
      this.#isExecuting = true
      try {
        return this.proceed(packet)
      } finally {
        this.#isExecuting = false
      }
    }
    if (this.#asked.execute(packet, this.connection)) this.#asked = undefined
    return false
  }

  /** Asks the server something of our own, in the middle of this entry's turn. Rejects with the driver's error. */
  ask(sql: string): ReturnType<Ask> {
    return new Promise((resolve, reject) => {
      if (!this.isCurrent) return reject(new Error("Can't add new command when connection is in closed state"))
      this.#unanswered = reject
      this.#asked = plainQuery(sql, (error, rows) => (error ? reject(error) : resolve(asText(rows))))
      this.#asked.execute(undefined, this.connection)
    })
  }

  /** The connection has gone: no answer will come. */
  protected abandon(error: unknown): void {
    this.#asked = undefined
    this.#unanswered?.(error)
  }

  /** Whether it is this entry's turn. */
  protected get isCurrent(): boolean {
    return this.connection._command === this
  }

  /** Has the connection look at this entry again, which was held. */
  protected advance(): void {
    // The connection is looking at it right now, or has long gone on.
    if (this.#isExecuting || !this.isCurrent) return
    // A paused connection would put this off until after packets, and lose it.
    if (this.connection._paused) setTimeout(() => this.advance(), lookAgainMs).unref()
    else this.connection.handlePacket()
  }

  /** The name that the driver's debug log gives to a state. */
  stateName(): string {
    return 'flyroute'
  }
}
