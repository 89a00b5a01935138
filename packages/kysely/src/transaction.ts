import type { RequestState } from '@flyroute/core/adapter'
import type { GuardedConnection } from './connection.ts'

/** Does something on a connection, whichever it turns out to be. */
export type Run<T = unknown> = (on: GuardedConnection) => Promise<T>

/** What is known of the transaction that a connection is in. */
export interface Transaction {
  /** Begins it, here or elsewhere. */
  readonly text: string
  readonly begin: Run
  /** It was begun as READ ONLY: what it refuses, the primary would refuse as well. */
  readonly readOnly: boolean
  /** Something has run in it: it cannot begin elsewhere any more. */
  used: boolean
  /** The server has aborted it, and will answer its COMMIT with ROLLBACK. */
  failed: boolean
  /** It mentions synchronous_commit: `SET LOCAL` cannot be seen any more behind the COMMIT. */
  asynchronous: boolean
  /** The request that has written in it, so that its COMMIT has a position. */
  writer: RequestState | undefined
  /** Something in it was refused: it is aborted, although the server does not know. */
  refusal: Error | undefined
  /** A connection to the primary, on which it runs in fact. */
  standIn: GuardedConnection | undefined
}

export function newTransaction(text: string, begin: Run, readOnly: boolean): Transaction {
  return {
    text,
    begin,
    readOnly,
    used: false,
    failed: false,
    asynchronous: false,
    writer: undefined,
    refusal: undefined,
    standIn: undefined,
  }
}
