import type { Committed, Network } from './network.ts'
import type { Fate, Fates } from './program.ts'
import type { Sent } from './text.ts'

/** What a server answers to a statement, in no protocol's words. */
export type Answer =
  | {
      readonly is: 'done'
      readonly tag: string
      readonly rows?: number
      /** Something is in the database for good that was not before. */
      readonly commits?: boolean
    }
  | { readonly is: 'error'; readonly error: 'refusal' | 'aborted' | 'conflict' | 'duplicate' }

/** One session on a server, as far as a program can tell: transactions, writes, and a replica's refusals. */
export class ServerSession {
  /** As PostgreSQL has it: idle, in a transaction, in one that has failed. */
  status: 'I' | 'T' | 'E' = 'I'
  readonly #role: keyof Fates
  readonly #network: Network
  readonly #abortsTransactions: boolean
  #pending: Committed[] = []

  constructor(role: keyof Fates, network: Network, abortsTransactions: boolean) {
    this.#role = role
    this.#network = network
    this.#abortsTransactions = abortsTransactions
  }

  run(sent: Sent, fate: Fate): Answer {
    const { what } = sent
    if (what === 'rollback') return this.#ends('ROLLBACK')
    if (what === 'commit') return this.#commits(fate)
    if (this.status === 'E') return { is: 'error', error: 'aborted' }
    if (what === 'begin') {
      this.status = 'T'
      return { is: 'done', tag: 'BEGIN' }
    }
    if (what === 'set') return { is: 'done', tag: 'SET' }
    if (fate === 'conflict') return this.#fails('conflict')
    if (what !== 'read' && this.#role === 'replica') return this.#fails('refusal')
    if (fate === 'fails') return this.#fails('duplicate')
    if (what === 'read') return { is: 'done', tag: 'SELECT 1', rows: 1 }
    this.#pending.push({ run: sent.run, id: sent.id })
    const commits = this.status === 'I' && this.#keep()
    return what === 'write'
      ? { is: 'done', tag: 'INSERT 0 1', commits }
      : { is: 'done', tag: 'SELECT 1', rows: 1, commits }
  }

  /** ROLLBACK, or the end of the connection. */
  rollsBack(): Answer {
    return this.#ends('ROLLBACK')
  }

  #commits(fate: Fate): Answer {
    if (this.status === 'E') return this.#ends('ROLLBACK')
    if (fate === 'fails') {
      // A constraint that is looked at when the transaction ends.
      this.#ends('ROLLBACK')
      return { is: 'error', error: 'duplicate' }
    }
    const commits = this.#keep()
    return { ...this.#ends('COMMIT'), commits }
  }

  /** @returns whether there was anything */
  #keep(): boolean {
    const hasWritten = this.#pending.length > 0
    for (const write of this.#pending) {
      this.#network.committed.push(write)
      this.#network.journal.push(`${write.run}.${write.id} is COMMITTED`)
    }
    this.#pending = []
    return hasWritten
  }

  #ends(tag: string): Answer & { readonly is: 'done' } {
    this.#pending = []
    this.status = 'I'
    return { is: 'done', tag }
  }

  #fails(error: 'refusal' | 'conflict' | 'duplicate'): Answer {
    if (this.status === 'T' && this.#abortsTransactions) this.status = 'E'
    return { is: 'error', error }
  }
}
