import { judge } from './judge.ts'
import { unknown, type Verdict } from './rules.ts'
import { type Lexicon, Scanner } from './scan.ts'
import type { PreparedStep, TransactionControl } from './types.ts'

/** What the rules note about a text on their way, beside the verdict. */
export class Facts {
  transaction: TransactionControl | undefined = undefined
  readOnly: boolean | undefined = undefined
  chain = false
  schema = false
  prepared: PreparedStep[] | undefined = undefined

  readonly #lexicon: Lexicon
  readonly #nested: boolean

  constructor(lexicon: Lexicon, nested = false) {
    this.#lexicon = lexicon
    this.#nested = nested
  }

  control(transaction: TransactionControl): void {
    this.transaction = transaction
    this.readOnly = undefined
    this.chain = false
  }

  prepare(step: PreparedStep): void {
    this.prepared ??= []
    this.prepared.push(step)
  }

  /** Judges a statement that is the content of a string literal; one level deep. */
  classify(sql: string): Verdict {
    if (this.#nested) return unknown('unparsed')
    const scanner = new Scanner(sql, this.#lexicon)
    if (!scanner.begin()) return unknown('unparsed')
    return judge(scanner, new Facts(this.#lexicon, true))
  }
}
