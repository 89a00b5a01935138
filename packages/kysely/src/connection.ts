import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  createStatementMemory,
  currentScope,
  lostError,
  type Role,
  type Scope,
  type ServerInstance,
  type StatementMemory,
  type Watchdog,
} from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { asksOn, compiled } from './ask.ts'
import type { FlyrouteDriver } from './driver.ts'
import { PrimarySide } from './primary-side.ts'
import { ReplicaSide } from './replica-side.ts'
import { newTransaction, type Run, type Transaction } from './transaction.ts'
import { patienceFor, Wait } from './watchdog.ts'

type ExecuteOptions = Parameters<DatabaseConnection['executeQuery']>[1]
type ControlConnections = Parameters<NonNullable<DatabaseConnection['cancelQuery']>>[0]

const acceptsWrites =
  'the replica would accept writes of this user and nobody else would ever see them: statements that may write go to the primary; connect as a user without SUPER, CONNECTION_ADMIN or READ ONLY ADMIN, or set super_read_only'

/** One connection of the wrapped dialect, guarded: it knows what its server is and which transaction it is in. */
export class GuardedConnection implements DatabaseConnection {
  readonly owner: FlyrouteDriver
  /** The driver that the inner connection belongs to. */
  readonly driver: Driver
  readonly inner: DatabaseConnection
  readonly side: 'local' | 'primary'
  readonly memory: StatementMemory
  /** Looks after what it waits for. */
  readonly watchdog: Watchdog | undefined
  /** The run of the server that it leads to; undefined until that has said what it is. */
  server: ServerInstance | undefined
  /** It has not said so itself: another connection of its driver has, a moment before. */
  isAssumed = false
  transaction: Transaction | undefined
  /** Something like SET has run here since it was acquired: another connection is not the same. */
  hasSettings = false
  /** A statement that the server does not answer, and that nobody waits for any more; settles when it is over. */
  abandoned: Promise<unknown> | undefined
  /** A connection to the primary that runs a single statement in this one's place. */
  elsewhere: GuardedConnection | undefined
  declare cancelQuery?: (controls: ControlConnections) => Promise<void>
  declare collectSessionInfo?: () => Promise<void>
  declare killSession?: (controls: ControlConnections) => Promise<void>
  readonly #onPrimary: PrimarySide
  readonly #onReplica: ReplicaSide
  /** Kysely may want to cancel what runs here. */
  #isCancellable = false

  constructor(owner: FlyrouteDriver, driver: Driver, inner: DatabaseConnection, side: 'local' | 'primary') {
    this.owner = owner
    this.driver = driver
    this.inner = inner
    this.side = side
    this.memory = createStatementMemory(owner.database.classifier)
    this.watchdog = side === 'local' ? owner.watchdog : undefined
    this.#onPrimary = new PrimarySide(this)
    this.#onReplica = new ReplicaSide(this)
    // Kysely looks whether they are there.
    if (inner.cancelQuery)
      this.cancelQuery = (controls) => required(this.#acting.cancelQuery).call(this.#acting, controls)
    if (inner.killSession)
      this.killSession = (controls) => required(this.#acting.killSession).call(this.#acting, controls)
    if (inner.collectSessionInfo) {
      this.collectSessionInfo = () => {
        this.#isCancellable = true
        return required(this.#acting.collectSessionInfo).call(this.#acting)
      }
    }
  }

  /** What the server says it is; until then, what the settings say. */
  get role(): Role {
    if (this.server !== undefined) return this.server.role
    return this.side === 'primary' ? 'primary' : this.owner.database.replication.topology.role
  }

  get #acting(): DatabaseConnection {
    return (this.transaction?.standIn ?? this.elsewhere ?? this).inner
  }

  /**
   * Asks this connection's server what it is.
   *
   * @throws ReplayUnavailableError when this should be the primary and is none
   */
  async greet(): Promise<void> {
    const { facts, replication } = this.owner.database
    const expected = this.side === 'primary' ? 'primary' : replication.servers.expects
    const observation = await facts.observe(asksOn(this.inner, facts.language), expected)
    if (this.side === 'local') await replication.servers.comparable()
    this.server = replication.servers.connected(observation, this.side)
    this.isAssumed = false
    if (this.server.acceptsWrites) replication.noticeOnce(acceptsWrites)
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
    if (control !== undefined && control !== 'set') return this.#controls(control, query, options, analysis, scope)
    return isPrimary
      ? this.#onPrimary.execute(query, options, analysis, scope)
      : this.#onReplica.execute(query, options, analysis, scope)
  }

  /** What begins or ends a transaction, or a part of it, in SQL. */
  #controls<R>(
    control: NonNullable<Analysis['transaction']>,
    query: CompiledQuery,
    options: ExecuteOptions,
    analysis: Analysis,
    scope: Scope | undefined,
  ): Promise<QueryResult<R>> {
    const run = (on: GuardedConnection): Promise<QueryResult<R>> => on.inner.executeQuery<R>(query, options)
    if (control === 'begin') return this.begin(query.sql, run)
    if (control === 'commit') return this.#chains(this.commit(run), analysis)
    if (control === 'rollback') return this.#chains(this.rollback(run), analysis)
    if (control === 'rollback-to') this.forgetsRefusal()
    return this.role === 'primary'
      ? this.#onPrimary.execute(query, options, analysis, scope)
      : this.#onReplica.execute(query, options, analysis, scope)
  }

  /** AND CHAIN: the next transaction has begun with the end of this one. */
  async #chains<T>(ended: Promise<T>, analysis: Analysis): Promise<T> {
    const result = await ended
    if (analysis.chain) this.enters('begin', (on) => on.inner.executeQuery(compiled('begin')), analysis).used = true
    return result
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

  /**
   * The same answer, or an error as soon as it is clear that the server will give none: then the connection is not used again
   * until it does.
   */
  unlessItHangs<T>(answer: Promise<T>, scope: Scope | undefined): Promise<T> {
    return this.watchdog === undefined ? answer : new Answer(this, answer, scope).promise
  }

  /** Nobody waits for this answer any more. */
  abandons(answer: Promise<unknown>): void {
    this.abandoned = answer.then(
      () => undefined,
      () => undefined,
    )
  }

  /** What has to be done behind an answer that nobody waits for any more, if there is one. */
  isOverWith(clean: () => unknown): void {
    if (this.abandoned !== undefined) this.abandons(this.abandoned.then(clean))
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
    if (this.abandoned !== undefined) throw lostError()
    this.transaction = undefined
    return this.role === 'primary' && transaction?.writer !== undefined
      ? this.#onPrimary.commit(run, transaction, transaction.writer)
      : this.unlessItHangs(run(this), currentScope())
  }

  async rollback<T>(run: Run<T>): Promise<T> {
    const { transaction } = this
    if (transaction?.standIn !== undefined) return this.#endElsewhere(transaction.standIn, (on) => on.rollback(run))
    // Its server hangs: it is rolled back when that answers again, and for whoever asks now it is over.
    if (this.abandoned !== undefined) return undefined as T
    this.transaction = undefined
    try {
      return await this.unlessItHangs(run(this), currentScope())
    } finally {
      const { writer } = transaction ?? {}
      if (writer !== undefined) this.owner.database.replication.written.ends(writer, 'failed')
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
    const on = transaction?.standIn ?? this
    await on.unlessItHangs(run(on), currentScope())
  }

  /** What was refused behind a savepoint is undone with it. */
  forgetsRefusal(): void {
    if (this.transaction === undefined || this.abandoned !== undefined) return
    this.transaction.refusal = undefined
    this.transaction.failed = false
    this.transaction.standIn?.forgetsRefusal()
  }

  /** Has Kysely find on the primary what it may want to cancel there. */
  async takesOver(primary: GuardedConnection): Promise<GuardedConnection> {
    if (this.#isCancellable) await primary.inner.collectSessionInfo?.()
    return primary
  }

  /**
   * Goes back to its pool.
   *
   * @returns what has to be waited for first, if anything
   */
  leaves(): Promise<unknown> | undefined {
    this.hasSettings = false
    this.#isCancellable = false
    const { transaction, abandoned } = this
    if (transaction === undefined && abandoned === undefined) return undefined
    return this.#cleansUp(transaction, abandoned)
  }

  async #cleansUp(transaction: Transaction | undefined, abandoned: Promise<unknown> | undefined): Promise<void> {
    const { standIn, refusal } = transaction ?? {}
    if (abandoned !== undefined) {
      await abandoned
      this.abandoned = undefined
    }
    if (standIn !== undefined) {
      this.transaction = undefined
      await this.owner.releaseConnection(standIn)
    } else if (refusal !== undefined || (abandoned !== undefined && transaction !== undefined)) {
      // The next one to use the connection has nothing to do with it.
      this.transaction = undefined
      await this.driver.rollbackTransaction(this.inner).catch(() => undefined)
    }
  }
}

/** An answer of the server, whatever to. */
class Answer<T> extends Wait<T> {
  override readonly patience: number
  readonly #connection: GuardedConnection
  readonly #answer: Promise<T>

  constructor(connection: GuardedConnection, answer: Promise<T>, scope: Scope | undefined) {
    super(connection.watchdog)
    this.patience = patienceFor(scope?.request.kind === 'request')
    this.#connection = connection
    this.#answer = answer
    answer.then(
      (value) => this.over()?.(value),
      (error: unknown) => this.over()?.(Promise.reject(error)),
    )
  }

  cut(error: Error): void {
    const resolve = this.over()
    if (resolve === undefined) return
    this.#connection.abandons(this.#answer)
    resolve(Promise.reject(error))
  }
}

function required<T>(method: T | undefined): T {
  if (method === undefined) throw new Error('The wrapped dialect does not support this')
  return method
}
