import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  createStatementMemory,
  currentScope,
  type Role,
  type Scope,
  type ServerInstance,
  type StatementMemory,
} from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { asksOn } from './ask.ts'
import type { FlyrouteDriver } from './driver.ts'
import { PrimarySide } from './primary-side.ts'
import { ReplicaSide } from './replica-side.ts'
import { newTransaction, type Run, type Transaction } from './transaction.ts'

type ExecuteOptions = Parameters<DatabaseConnection['executeQuery']>[1]
type ControlConnections = Parameters<NonNullable<DatabaseConnection['cancelQuery']>>[0]

/** One connection of the wrapped dialect, guarded: it knows what its server is and which transaction it is in. */
export class GuardedConnection implements DatabaseConnection {
  readonly owner: FlyrouteDriver
  /** The driver that the inner connection belongs to. */
  readonly driver: Driver
  readonly inner: DatabaseConnection
  readonly side: 'local' | 'primary'
  readonly memory: StatementMemory
  /** The run of the server that it leads to; undefined until that has said what it is. */
  server: ServerInstance | undefined
  transaction: Transaction | undefined
  /** Something like SET has run here since it was acquired: another connection is not the same. */
  hasSettings = false
  declare cancelQuery?: (controls: ControlConnections) => Promise<void>
  declare collectSessionInfo?: () => Promise<void>
  declare killSession?: (controls: ControlConnections) => Promise<void>
  readonly #onPrimary: PrimarySide
  readonly #onReplica: ReplicaSide

  constructor(owner: FlyrouteDriver, driver: Driver, inner: DatabaseConnection, side: 'local' | 'primary') {
    this.owner = owner
    this.driver = driver
    this.inner = inner
    this.side = side
    this.memory = createStatementMemory(owner.database.classifier)
    this.#onPrimary = new PrimarySide(this)
    this.#onReplica = new ReplicaSide(this)
    // Kysely looks whether they are there.
    if (inner.cancelQuery)
      this.cancelQuery = (controls) => required(this.#acting.cancelQuery).call(this.#acting, controls)
    if (inner.killSession)
      this.killSession = (controls) => required(this.#acting.killSession).call(this.#acting, controls)
    if (inner.collectSessionInfo) {
      this.collectSessionInfo = () => required(this.#acting.collectSessionInfo).call(this.#acting)
    }
  }

  /** What the server says it is; until then, what the settings say. */
  get role(): Role {
    if (this.server !== undefined) return this.server.role
    return this.side === 'primary' ? 'primary' : this.owner.database.replication.topology.role
  }

  get #acting(): DatabaseConnection {
    return this.transaction?.standIn?.inner ?? this.inner
  }

  /**
   * Asks this connection's server what it is.
   *
   * @throws ReplayUnavailableError when this should be the primary and is none
   */
  async greet(): Promise<void> {
    const { facts, replication } = this.owner.database
    const expected = this.side === 'primary' ? 'primary' : replication.expects
    this.server = replication.connected(await facts.observe(asksOn(this.inner), expected), this.side)
    if (this.side === 'primary' && this.server.role === 'replica') throw new ReplayUnavailableError('no-primary')
  }

  executeQuery<R>(query: CompiledQuery, options?: ExecuteOptions): Promise<QueryResult<R>> {
    return this.execute(query, options)
  }

  /** `executeQuery`, whatever Kysely has put in its place to log what is called. */
  execute<R>(query: CompiledQuery, options?: ExecuteOptions): Promise<QueryResult<R>> {
    const scope = currentScope()
    const isPrimary = this.role === 'primary'
    if (isPrimary && scope === undefined && this.transaction === undefined) return this.#onPrimary.send(query, options)
    const analysis = this.memory.classify(query.sql)
    const control = analysis.several ? undefined : analysis.transaction
    const run = (on: GuardedConnection): Promise<QueryResult<R>> => on.inner.executeQuery<R>(query, options)
    if (control === 'begin') return this.begin(query.sql, run)
    if (control === 'commit') return this.commit(run)
    if (control === 'rollback') return this.rollback(run)
    if (control === 'rollback-to') this.forgetsRefusal()
    return isPrimary
      ? this.#onPrimary.execute(query, options, analysis, scope)
      : this.#onReplica.execute(query, options, analysis, scope)
  }

  streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: ExecuteOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    return this.stream(query, chunkSize, options, currentScope())
  }

  /** @param scope of whoever asked for the stream, not of whoever reads it */
  stream<R>(
    query: CompiledQuery,
    chunkSize: number,
    options: ExecuteOptions,
    scope: Scope | undefined,
  ): AsyncIterableIterator<QueryResult<R>> {
    const analysis = this.memory.classify(query.sql)
    return this.role === 'primary'
      ? this.#onPrimary.stream(query, chunkSize, options, analysis, scope)
      : this.#onReplica.stream(query, chunkSize, options, analysis, scope)
  }

  // --- transactions -------------------------------------------------------------------------------------------------

  /** @param text what says the same in SQL, to be judged */
  async begin<T>(text: string, run: Run<T>): Promise<T> {
    const analysis = this.memory.classify(text)
    if (this.role === 'replica') return this.#onReplica.begin(text, run, analysis)
    const result = await run(this)
    this.enters(text, run, analysis)
    return result
  }

  enters(text: string, run: Run, analysis: Analysis): Transaction {
    this.transaction = newTransaction(text, run, analysis.readOnly === true)
    return this.transaction
  }

  async commit<T>(run: Run<T>): Promise<T> {
    const { transaction } = this
    if (transaction?.refusal !== undefined) throw transaction.refusal
    if (transaction?.standIn !== undefined) return this.#endElsewhere(transaction.standIn, (on) => on.commit(run))
    this.transaction = undefined
    return this.role === 'primary' && transaction?.writer !== undefined
      ? this.#onPrimary.commit(run, transaction, transaction.writer)
      : run(this)
  }

  async rollback<T>(run: Run<T>): Promise<T> {
    const { transaction } = this
    if (transaction?.standIn !== undefined) return this.#endElsewhere(transaction.standIn, (on) => on.rollback(run))
    this.transaction = undefined
    try {
      return await run(this)
    } finally {
      const { writer } = transaction ?? {}
      if (writer !== undefined) this.owner.database.replication.writeEnds(writer, 'failed')
    }
  }

  async #endElsewhere<T>(standIn: GuardedConnection, end: Run<T>): Promise<T> {
    try {
      return await end(standIn)
    } finally {
      if (standIn.transaction === undefined) {
        this.transaction = undefined
        await this.owner.releaseConnection(standIn)
      }
    }
  }

  async withSavepoint(run: Run): Promise<void> {
    const { transaction } = this
    if (transaction?.refusal !== undefined) throw transaction.refusal
    if (transaction !== undefined) transaction.used = true
    await run(transaction?.standIn ?? this)
  }

  /** What was refused behind a savepoint is undone with it. */
  forgetsRefusal(): void {
    if (this.transaction === undefined) return
    this.transaction.refusal = undefined
    this.transaction.failed = false
    this.transaction.standIn?.forgetsRefusal()
  }

  /** Goes back to its pool. */
  async leaves(): Promise<void> {
    const standIn = this.transaction?.standIn
    this.hasSettings = false
    if (standIn === undefined) return
    this.transaction = undefined
    await this.owner.releaseConnection(standIn)
  }
}

function required<T>(method: T | undefined): T {
  if (method === undefined) throw new Error('The wrapped dialect does not support this')
  return method
}
