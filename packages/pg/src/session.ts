import type { Analysis, RequestState } from '@flyroute/core/adapter'
import { type BareClient, type QueryArgument, textOf } from './driver-types.ts'

/** What is known of the transaction that a connection is in. */
export class Transaction {
  /** What began it: BEGIN, and SET TRANSACTION behind it. As long as nothing else has run, it can begin elsewhere. */
  readonly begin: QueryArgument[] = []
  /** Something has run in it. */
  used: boolean
  /** It was begun as READ ONLY: what it refuses, the primary would refuse as well. */
  readOnly = false
  /** The request that has written in it, so that its COMMIT has a position. */
  writer: RequestState | undefined = undefined
  /** It mentions synchronous_commit: `SET LOCAL` cannot be seen any more behind the COMMIT. */
  asynchronous = false
  /** Something in it was refused: it is aborted, although the server may not know. */
  refusal: Error | undefined = undefined

  /** @param used it cannot begin elsewhere */
  constructor(used = false) {
    this.used = used
  }
}

/** How many settings are remembered at most. */
const maxSettings = 64

/**
 * What is known of the session on a connection: the server's word after each statement (idle, in a transaction, in a
 * failed one), and what the statements say that are still on their way.
 */
export class Session {
  status: 'I' | 'T' | 'E' = 'I'
  /** Statements that have changed the session (SET, RESET, PREPARE), in their order. */
  readonly settings: Set<string> = new Set()
  readonly #client: BareClient
  /** Whether a transaction will be open when all that was sent has run. */
  #ahead = false
  #transaction: Transaction | undefined

  constructor(client: BareClient) {
    this.#client = client
  }

  /** The transaction that a statement sent now will run in; undefined for autocommit. */
  get transaction(): Transaction | undefined {
    if (!this.#isOpen) this.#transaction = undefined
    else this.#transaction ??= new Transaction()
    return this.#transaction
  }

  /** Whether what is sent now could as well run on another connection: no transaction has read anything yet. */
  get canMove(): boolean {
    const { transaction } = this
    return transaction === undefined || (!transaction.used && transaction.begin.length > 0)
  }

  /** The server has aborted the transaction, and will answer its COMMIT with ROLLBACK. */
  get isFailed(): boolean {
    return this.isQuiet && this.status === 'E'
  }

  /** The server has answered with an error. */
  fails(): void {
    if (this.status === 'T') this.status = 'E'
  }

  /** Takes note of a statement that is about to be sent. What the session says of itself changes only when it was. */
  sends(config: QueryArgument, analysis: Analysis): void {
    this.#follow(config, analysis)
    if (analysis.synchronousCommit && this.#transaction !== undefined) this.#transaction.asynchronous = true
  }

  #follow(config: QueryArgument, analysis: Analysis): void {
    const { transaction: control, several, chain, readOnly } = analysis
    const open = this.#isOpen
    this.#ahead = open
    if (control === 'begin') {
      this.#ahead = true
      if (open && !several) return
      this.#transaction = new Transaction(several)
      if (several) return
      this.#transaction.begin.push(config)
      this.#transaction.readOnly = readOnly === true
    } else if (control === 'commit' || control === 'rollback' || control === 'prepare') {
      this.#ahead = chain
      this.#transaction = chain ? new Transaction(true) : undefined
    } else if (control === 'set' && !several) {
      if (!open || this.#transaction === undefined) return
      this.#transaction.begin.push(config)
      this.#transaction.readOnly = readOnly ?? this.#transaction.readOnly
    } else {
      if (!open) this.#transaction = undefined
      else if (this.transaction !== undefined) this.transaction.used = true
      this.#noteSetting(config, analysis)
    }
  }

  /** The transaction was given up: a ROLLBACK is on its way that nobody has asked for. */
  leavesTransaction(): void {
    this.#ahead = false
    this.#transaction = undefined
  }

  #noteSetting(config: QueryArgument, { reason, several, prepared }: Analysis): void {
    const changes = reason === 'set' || reason === 'reset' || reason === 'discard' || prepared !== undefined
    if (!changes || several) return
    const text = textOf(config)
    if (text === undefined || /^\s*(set\s+local|execute)\b/i.test(text)) return
    if (/^\s*(reset|discard)\s+all\b/i.test(text)) return this.settings.clear()
    // The last one of a kind counts: it moves to the end.
    this.settings.delete(text)
    this.settings.add(text)
    if (this.settings.size > maxSettings) this.settings.delete(this.settings.values().next().value as string)
  }

  get #isOpen(): boolean {
    return this.isQuiet ? this.status !== 'I' : this.#ahead
  }

  /** Nothing is on its way: the server's word is the latest there is. */
  get isQuiet(): boolean {
    const { readyForQuery, _activeQuery: active, _queryQueue: queue, _sentQueryQueue: sent } = this.#client
    // Behind an error nothing is being read, although the server has yet to say that it is ready.
    return (readyForQuery === true || active === null) && !queue?.length && !sent?.length
  }
}
