import { type Classifier, createClassifier, currentScope, type DatabaseReplication } from '@flyroute/core/adapter'
import Database from 'better-sqlite3'
import type { BareStatement } from './bare.ts'
import { Guard } from './guard.ts'
import { Programs, type Writes } from './program.ts'
import { QuietLog } from './quiet-log.ts'
import type { LitefsSource } from './replication.ts'
import { piecesOf } from './split.ts'
import { StatementGuard, type StatementGuards, telling } from './statement.ts'
import { guardTransaction } from './transaction.ts'

/** The driver's database on LiteFS, with the guard in front of what runs SQL. */
export class GuardedDatabase extends Database {
  readonly #guard: Guard
  readonly #programs: Programs
  readonly #guards: StatementGuards
  readonly #statements: StatementGuard
  readonly #replication: DatabaseReplication
  readonly #classify: Classifier['classify']

  constructor(path: string, options: Database.Options, replication: DatabaseReplication, source: LitefsSource) {
    const log = new QuietLog(options.verbose)
    super(path, 'verbose' in options ? ({ ...options, verbose: log.verbose } as Database.Options) : options)
    const ask = (sql: string, params: readonly unknown[] = []): unknown[] =>
      log.quietly(() => {
        // As numbers, whatever the app has made its default.
        return super
          .prepare(sql)
          .safeIntegers(false)
          .all(...params)
      })
    const isInTransaction = (): boolean => this.inTransaction
    const bare = {
      readonly: this.readonly,
      get inTransaction(): boolean {
        return isInTransaction()
      },
      get isQueryOnly(): boolean {
        const [row] = ask('pragma query_only') as { query_only: number }[]
        return row?.query_only === 1
      },
      rollBack: (): void => void log.quietly(() => super.exec('rollback')),
    }
    this.#replication = replication
    this.#classify = createClassifier({ dialect: 'sqlite' }).classify
    this.#programs = new Programs(ask, this.#classify, (file) => source.isReplicated(file))
    this.#guard = new Guard(bare, replication, source)
    this.#guards = { guard: this.#guard, replication, programs: this.#programs, classify: this.#classify }
    this.#statements = new StatementGuard(this.#guards)
  }

  override prepare(sql: string): never {
    return this.#statements.guard(super.prepare(sql) as BareStatement) as never
  }

  /** On the primary the text goes to the engine as it is; on a replica each statement of it is classified by the engine's own word. */
  override exec(sql: string): this {
    // What is no text is for the driver to refuse, in its own words.
    if (typeof sql !== 'string') return super.exec(sql)
    return this.#guard.isReplica ? this.#execOnReplica(sql) : this.#execWhole(sql)
  }

  #execWhole(sql: string): this {
    const run = (): this => telling(this.#guards, sql, () => super.exec(sql))
    const { access, reason, transaction } = this.#classify(sql)
    if (access === 'read') return this.#guard.controls(transaction, run, () => this)
    return this.#guard.writes(() => this.#programs.writes(sql), reason, run)
  }

  #execOnReplica(sql: string): this {
    const wasInTransaction = this.inTransaction
    try {
      for (const { sql: piece, statement } of piecesOf(sql, (text) => super.prepare(text) as BareStatement)) {
        const { reason, transaction } = this.#classify(piece)
        const run = (): this => telling(this.#guards, piece, () => super.exec(piece))
        if (statement === 'several') this.#execWhole(piece)
        else if (statement === undefined || statement.readonly) this.#guard.controls(transaction, run, () => this)
        else this.#guard.writes(() => this.#programs.writes(piece), reason, run)
      }
    } catch (error) {
      // A transaction that this very text has begun has nothing in it, and no later statement will end it.
      if (!wasInTransaction && this.#guard.isAborted) {
        const rollBack = (): this => super.exec('rollback')
        this.#guard.controls('rollback', rollBack, () => this)
      }
      throw error
    }
    return this
  }

  /** Most of them look, or set what is there already. */
  override pragma(source: string, options?: Database.PragmaOptions): unknown {
    const sql = `pragma ${source}`
    const run = (): unknown => telling(this.#guards, sql, () => super.pragma(source, options))
    if (this.#classify(sql).access === 'read') return this.#guard.looks(currentScope(), run)
    return this.#guard.writes((): Writes => this.#programs.writes(sql), 'pragma', run)
  }

  override transaction<F extends (...params: never[]) => unknown>(fn: F): never {
    return guardTransaction(this.#guard, this, fn, (inner) => super.transaction(inner as never)) as never
  }

  override close(): this {
    // Refused while an iterator is open: then it goes on.
    super.close()
    void this.#replication.end()
    return this
  }
}

// ORMs know the driver by its class, and make further databases with it.
Object.defineProperty(GuardedDatabase.prototype, 'constructor', { value: Database, configurable: true, writable: true })
