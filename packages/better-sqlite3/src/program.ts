import type { Classifier } from '@flyroute/core/adapter'
import type { Ask } from './bare.ts'

interface Step {
  readonly opcode: string
  readonly p1: number
  readonly p2: number
}

/**
 * What a statement writes: what LiteFS `replicated`, only `other` files (temporary, attached from elsewhere, a copy that
 * VACUUM makes), or `unknown`: the engine finds out when it runs.
 */
export type Writes = 'replicated' | 'other' | 'unknown'

export const unknown = (): Writes => 'unknown'

/**
 * What SQLite itself says of a statement that it calls writing (`sqlite3_stmt_readonly()`). That word covers more than writes
 * of the replicated file: `CREATE TABLE IF NOT EXISTS` of what exists, temporary tables, files that were attached, `EXPLAIN`
 * of a write, a `PRAGMA` that looks. `EXPLAIN` shows the program that SQLite has made of the text, and with it which files
 * it locks for writing.
 *
 * It is asked on a replica, and after an error, only. Where it errs towards `unknown`, the engine runs the statement
 * and LiteFS refuses it: that is the authority.
 */
export class Programs {
  readonly #ask: Ask
  readonly #classify: Classifier['classify']
  readonly #isReplicated: (file: string) => boolean

  /** @param isReplicated whether a file is in LiteFS's mount */
  constructor(ask: Ask, classify: Classifier['classify'], isReplicated: (file: string) => boolean) {
    this.#ask = ask
    this.#classify = classify
    this.#isReplicated = isReplicated
  }

  /** @param params what it is run with: without them it has no program */
  writes(sql: string, params: readonly unknown[] = []): Writes {
    const { reason } = this.#classify(sql)
    // An EXPLAIN cannot be explained, and only looks.
    if (reason === 'explain-write') return 'unknown'
    let steps: readonly Step[]
    try {
      steps = this.#ask(`explain ${withoutLead(sql)}`, params) as Step[]
    } catch {
      // Parameters that were bound before, for one: what cannot be explained is taken at SQLite's first word.
      return reason === 'pragma' ? 'unknown' : 'replicated'
    }
    let writes: Writes = 'unknown'
    for (const { opcode, p1, p2 } of steps) {
      // The file after INTO, if there is one, is in p2; without it the whole database would be copied and then refused.
      const isOther =
        opcode === 'Vacuum'
          ? p2 > 0
          : opcode === 'Transaction' && p2 > 0
            ? !this.#isReplicated(this.#fileOf(p1))
            : undefined
      if (isOther === false) return 'replicated'
      if (isOther) writes = 'other'
    }
    return writes
  }

  /** The file of a database by its number on this connection; empty for a temporary one. */
  #fileOf(number: number): string {
    const databases = this.#ask('pragma database_list') as { seq: number; file: string | null }[]
    return databases.find(({ seq }) => seq === number)?.file ?? ''
  }
}

/** The text from the first word of its statement on: without the white space, semicolons and comments before it. */
export function withoutLead(sql: string): string {
  return sql.replace(/^(?:[\s;\uFEFF]|--[^\n]*(?:\n|$)|\/\*[^]*?(?:\*\/|$))+/, '')
}
