import { judge } from './judge.ts'
import { type StatementRule, unknown, type Verdict } from './rules.ts'
import { Scanner } from './scan.ts'
import type { Lexicon } from './syntax.ts'
import type { PreparedStep, TransactionControl } from './types.ts'

/** What the rules note about a text on their way, beside the verdict. */
export class Facts {
  transaction: TransactionControl | undefined = undefined
  readOnly: boolean | undefined = undefined
  chain = false
  schema = false
  prepared: PreparedStep[] | undefined = undefined
  /** The statement is a CREATE, whose body may hold semicolons. */
  creates = false

  readonly #lexicon: Lexicon
  readonly #depth: number

  constructor(lexicon: Lexicon, depth = 0) {
    this.#lexicon = lexicon
    this.#depth = depth
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

  /** Judges a statement that is the content of a string literal. */
  classify(sql: string): Verdict {
    return this.nested(sql, (scanner, facts) => (scanner.begin() ? judge(scanner, facts) : unknown('unparsed')))
  }

  /** Judges a text within the text by a rule; three levels deep at most, so that no text exhausts the stack. */
  nested(text: string, rule: StatementRule): Verdict {
    if (this.#depth === 3) return unknown('unparsed')
    return rule(new Scanner(this.#lexicon, text), new Facts(this.#lexicon, this.#depth + 1))
  }
}
