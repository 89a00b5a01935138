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
    tally.asks(analysis, text, this.#writes(analysis, text), onPrimary, isQueued)
    if (this.#open++ > 0) return
    this.#tally = tally
    tally.begins()
  }

  /** Whether a replica would refuse it, as far as is known: what nothing is known of, most apps only read with. */
  #writes(analysis: Analysis, text: string): boolean {
    if (analysis.access === 'write') return true
    return this.#catalogue.mayWrite(analysis, text) && !this.#catalogue.isNotKnownYet(analysis, text)
  }
}
