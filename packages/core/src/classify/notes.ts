import { type Lexicon, type StatementNotes, type StatementRule, unknown, type Verdict } from './rules.ts'
import { TextScanner } from './scan.ts'
import { classifyStatement } from './statement.ts'
import type { PreparedStep, TransactionControl } from './types.ts'

/** Whether it does something in a transaction, and neither begins nor ends one. */
export function isInside(control: TransactionControl): boolean {
  return control === 'set' || control === 'savepoint' || control === 'release' || control === 'rollback-to'
}

/** The notes on one text. */
export class Notes implements StatementNotes {
  transaction: TransactionControl | undefined = undefined
  readOnly: boolean | undefined = undefined
  hasModes = false
  isSnapshot = false
  chain: boolean | undefined = undefined
  schema = false
  prepared: PreparedStep[] | undefined = undefined
  creates = false

  readonly #lexicon: Lexicon
  readonly #depth: number

  constructor(lexicon: Lexicon, depth = 0) {
    this.#lexicon = lexicon
    this.#depth = depth
  }

  control(transaction: TransactionControl): void {
    if (this.transaction !== undefined && !isInside(this.transaction) && isInside(transaction)) return
    this.transaction = transaction
    this.readOnly = undefined
    this.hasModes = false
    this.isSnapshot = false
    this.chain = undefined
  }

  prepare(step: PreparedStep): void {
    this.prepared ??= []
    this.prepared.push(step)
  }

  classify(sql: string): Verdict {
    return this.nested(sql, (scanner, notes) =>
      scanner.begin() ? classifyStatement(scanner, notes) : unknown('unparsed'),
    )
  }

  nested(text: string, rule: StatementRule): Verdict {
    if (this.#depth === 3) return unknown('unparsed')
    return rule(new TextScanner(this.#lexicon, text), new Notes(this.#lexicon, this.#depth + 1))
  }
}
