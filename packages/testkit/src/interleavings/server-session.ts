import type { Committed, Network } from './network.ts'
import type { Fate, Fates } from './program.ts'
import type { Sent } from './text.ts'

/** What a server answers to a statement, in no protocol's words. */
export type Answer =
  | { readonly is: 'done'; readonly tag: string; readonly rows?: number }
  | { readonly is: 'error'; readonly error: 'refusal' | 'aborted' | 'conflict' | 'duplicate' }

/** One session on a server, as far as a program can tell: transactions, writes, and a replica's refusals. */
export class ServerSession {
  /** As PostgreSQL has it: idle, in a transaction, in one that has failed. */
  status: 'I' | 'T' | 'E' = 'I'
  readonly #role: keyof Fates
  readonly #network: Network
  #pending: Committed[] = []

  constructor(role: keyof Fates, network: Network) {
    this.#role = role
    this.#network = network
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
    if (this.status === 'I') this.#keep()
    return what === 'write' ? { is: 'done', tag: 'INSERT 0 1' } : { is: 'done', tag: 'SELECT 1', rows: 1 }
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
    this.#keep()
    return this.#ends('COMMIT')
  }

  #keep(): void {
    for (const write of this.#pending) {
      this.#network.committed.push(write)
      this.#network.journal.push(`${write.run}.${write.id} is COMMITTED`)
    }
    this.#pending = []
  }

  #ends(tag: string): Answer {
    this.#pending = []
    this.status = 'I'
    return { is: 'done', tag }
  }

  #fails(error: 'refusal' | 'conflict' | 'duplicate'): Answer {
    if (this.status === 'T') this.status = 'E'
    return { is: 'error', error }
  }
}
