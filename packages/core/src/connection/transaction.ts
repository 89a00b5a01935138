import type { RequestState } from '../request/state.ts'
import type { Setting } from './setting.ts'

/** What is known of the transaction that a connection is in. `S` is a statement in the adapter's own form, fit to be run again. */
export class Transaction<S> {
  /** What began it: BEGIN, and SET TRANSACTION around it. As long as nothing was read in it, it can begin elsewhere. */
  readonly begin: S[] = []
  /** Settings of known values that were acknowledged in it: they go along with it, and are undone with it where the server does so. */
  readonly settings: Setting<S>[] = []
  /** Something was set in it, acknowledged or not. */
  sets = false
  /** Something else has run in it: it cannot begin elsewhere any more. */
  used: boolean
  /** It was begun as READ ONLY: what it refuses, the primary would refuse as well. */
  readOnly = false
  /** It sees one moment of its server, and nothing that is written later: REPEATABLE READ and above. */
  isSnapshot = false
  /** It was begun on a replica: it stays read-only, although its server may have been promoted meanwhile. */
  isOnReplica = false
  /** The request that has written in it, so that its COMMIT has a position. */
  writer: RequestState | undefined = undefined
  /** It mentions synchronous_commit: `SET LOCAL` cannot be seen any more after the COMMIT. */
  asynchronous = false
  /** A statement in it was refused: it is aborted, although the server may not know. */
  refusal: Error | undefined = undefined
  /** An error in it has aborted it, by the rules of its server: its COMMIT will be answered with ROLLBACK. */
  isFailed = false

  /** Something has run in it: a BEGIN that fails now is not the one that began it. */
  get hasGoneOn(): boolean {
    return this.used || this.isFailed || this.settings.length > 0 || this.begin.length > 1
  }

  /** @param used it cannot begin elsewhere */
  constructor(used = false) {
    this.used = used
  }
}
