import type { RequestState } from '@flyroute/core/adapter'
import type { ResultHeader } from './driver-types.ts'
import type { Turn } from './turn.ts'

/** What is known of the transaction that a connection is in. */
export interface Transaction {
  /** What began it: SET TRANSACTION and START TRANSACTION. As long as nothing else has run, it can begin elsewhere. */
  readonly begin: readonly string[]
  /** Something has run in it. */
  used: boolean
  /** It was begun as READ ONLY: what it refuses, the primary would refuse as well. */
  readonly readOnly: boolean
  /** The request that has written in it, so that its COMMIT has a position. */
  writer: RequestState | undefined
  /** Something in it was refused: it is taken for aborted, although the server does not know. */
  refusal: Error | undefined
}

// Of the status that the server sends with each answer that has no rows.
const inTransaction = 1
const autocommit = 2

/** How many settings are remembered at most. */
const maxSettings = 64

/** What is known of the session on a connection. */
export class Session {
  /** Statements that have changed the session (SET, USE), in their order. */
  readonly settings: Set<string> = new Set()
  /** The transaction that the next statement runs in; undefined for autocommit. */
  transaction: Transaction | undefined
  /** The app has asked for read-only transactions on this connection. */
  isReadOnly = false
  #next: string[] = []

  /** Takes note of a statement that has been answered; `header` where the answer had no rows. */
  ran(turn: Turn, header: ResultHeader | undefined): void {
    const { analysis, kind } = turn
    if (kind === 'prepare') return
    const { transaction: control, several } = analysis
    if (header?.serverStatus !== undefined) this.#follow(turn, header.serverStatus)
    if (control === 'set' && !several) this.#setTransaction(textToRepeat(turn))
    else if (control === undefined || several) {
      const changes = !several && (analysis.reason === 'set' || analysis.reason === 'use')
      if (changes) this.#remember(textToRepeat(turn))
      else if (this.transaction !== undefined) this.transaction.used = true
    }
  }

  /** The session was reset: nothing of it is left. */
  forget(): void {
    this.settings.clear()
    this.transaction = undefined
    this.isReadOnly = false
    this.#next = []
  }

  #follow(turn: Turn, status: number): void {
    const { transaction: control, several, readOnly, chain } = turn.analysis
    const isOpen = (status & inTransaction) !== 0 || (status & autocommit) === 0
    const ends = (control === 'commit' || control === 'rollback') && !several
    if (!isOpen) this.transaction = undefined
    else if (control === 'begin' && !several) {
      const begin = [...this.#next, textToRepeat(turn)]
      this.transaction = newTransaction(begin, readOnly ?? this.isReadOnly)
      this.#next = []
    } else if (this.transaction === undefined || ends) {
      this.transaction = newTransaction([], this.isReadOnly)
      this.transaction.used = chain || several
    }
  }

  #setTransaction(text: string): void {
    const ofSession = /^\s*set\s+(session|local|@@)/i.test(text)
    if (ofSession) {
      this.#remember(text)
      if (/read\s+(only|write)/i.test(text)) this.isReadOnly = /read\s+only/i.test(text)
    } else this.#next.push(text)
  }

  #remember(text: string): void {
    if (/(tx|transaction)_read_only/i.test(text)) this.isReadOnly = true
    // The last one of a kind counts: it moves to the end.
    this.settings.delete(text)
    this.settings.add(text)
    if (this.settings.size > maxSettings) this.settings.delete(this.settings.values().next().value as string)
  }
}

function newTransaction(begin: readonly string[], readOnly: boolean): Transaction {
  return { begin, used: false, readOnly, writer: undefined, refusal: undefined }
}

/** The statement's text with its values in it. */
function textToRepeat({ command }: Turn): string {
  return command.sql ?? command.statement?.query ?? ''
}
