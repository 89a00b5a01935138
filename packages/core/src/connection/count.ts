import type { Tally } from '../advice/tally.ts'
import type { Analysis } from '../classify/types.ts'
import type { Catalogue } from '../dialect/catalogue.ts'
import type { Scope } from '../request/scope.ts'
import type { Wire } from './wire.ts'

/** Counts what one connection does for requests, where that is asked for (`FLYROUTE_ADVISE`): else it costs a look. */
export class StatementCount {
  readonly #catalogue: Catalogue
  readonly #wire: Wire
  /** The request that has something under way here, and how many statements that is. */
  #tally: Tally | undefined = undefined
  #open = 0

  constructor(catalogue: Catalogue, wire: Wire) {
    this.#catalogue = catalogue
    this.#wire = wire
  }

  /** A statement is about to be sent to this connection's server. */
  asks(analysis: Analysis, text: string, scope: Scope | undefined): void {
    const tally = scope?.request.tally
    if (scope !== undefined && tally !== undefined) this.#counts(tally, analysis, text, scope)
  }

  /** The server has answered one: also one that was not counted. */
  answered(): void {
    if (this.#open > 0 && --this.#open === 0) this.#ends()
  }

  /** Nothing more is heard of what is under way: the connection was given back, or is lost. */
  ends(): void {
    if (this.#open > 0) this.#ends()
  }

  #ends(): void {
    this.#open = 0
    this.#tally?.ends()
    this.#tally = undefined
  }

  #counts(tally: Tally, analysis: Analysis, text: string, { onPrimary }: Scope): void {
    if (this.#tally !== tally) this.ends()
    const isQueued = this.#open > 0 && this.#wire.isQueued !== false
    // What nothing is known of, most apps only read with.
    const writes = analysis.access === 'write' || this.#catalogue.isKnownToWrite(analysis, text)
    tally.asks(analysis, text, writes, onPrimary, isQueued)
    if (this.#open++ > 0) return
    this.#tally = tally
    tally.begins()
  }
}
