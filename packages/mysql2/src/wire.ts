import type { Ask, TransactionStatus, Wire } from '@flyroute/core/adapter'
import { addressOf, type BareConnection, type ResultHeader } from './driver-types.ts'
import type { InterceptedEntry } from './intercepted-entry.ts'

// Of the status that the server sends with each answer that has no rows.
const inTransaction = 1
const autocommit = 2

/** What core asks and sees of a connection of mysql2: all of it in the turn of an entry of its queue. */
export class MysqlWire implements Wire {
  status: TransactionStatus = 'idle'
  /** A command is looked at when all that came before it has been answered. */
  readonly isQuiet: boolean = true
  /** Another user was not let in: MySQL ends the connection. */
  isEnded = false
  isLost = false
  /** In whose turn the server is asked. */
  entry: InterceptedEntry | undefined

  readonly address: string
  readonly #connection: BareConnection

  constructor(connection: BareConnection) {
    this.#connection = connection
    this.address = addressOf(connection)
  }

  readonly ask: Ask = (sql) => {
    if (this.entry === undefined) throw new Error('Nothing has its turn on this connection')
    return this.entry.ask(sql)
  }

  readonly cut = (): void => {
    this.#connection.stream.push(null)
  }

  /** The server has answered; while autocommit is off, a transaction is always open. */
  answered(headers: readonly ResultHeader[]): void {
    // MariaDB does not.
    this.isEnded = false
    const status = headers.at(-1)?.serverStatus
    if (status === undefined) return
    this.status = (status & inTransaction) !== 0 || (status & autocommit) === 0 ? 'open' : 'idle'
  }

  /** The session was reset. */
  forget(): void {
    this.status = 'idle'
  }
}
