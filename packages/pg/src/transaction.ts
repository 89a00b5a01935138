import type { Analysis } from '@flyroute/core/adapter'
import type { QueryArgument } from './driver-types.ts'

/** What is known of the transaction that a connection is in; begun anew whenever the server says that it is idle. */
export interface Transaction {
  /** What began it, while nothing else has run in it: so far it can still begin elsewhere. */
  begin: QueryArgument | undefined
  /** Something has run in it. */
  used: boolean
  /** It was begun as READ ONLY: what it refuses, the primary would refuse as well. */
  readOnly: boolean
  /** It has written, so that its COMMIT has a position. */
  wrote: boolean
  /** It mentions synchronous_commit: `SET LOCAL` cannot be seen any more behind the COMMIT. */
  asynchronous: boolean
  /** A write in it was refused before it was sent: it is aborted, although the server does not know. */
  refusal: Error | undefined
}

export function newTransaction(): Transaction {
  return { begin: undefined, used: false, readOnly: false, wrote: false, asynchronous: false, refusal: undefined }
}

/** Takes note of a statement that is about to be sent. */
export function noteStatement(
  transaction: Transaction,
  config: QueryArgument,
  analysis: Analysis,
  open: boolean,
): void {
  if (analysis.transaction === 'begin' && !analysis.several) {
    transaction.begin = config
    transaction.readOnly = analysis.readOnly === true
  } else if (analysis.transaction === 'set') {
    if (analysis.readOnly !== undefined) transaction.readOnly = analysis.readOnly
  } else if (open) {
    transaction.used = true
  }
}
