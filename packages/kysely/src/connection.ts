import {
  Action,
  ConnectionGuard,
  createStatementMemory,
  currentScope,
  decide,
  type HeldConnection,
  ifStillWanted,
  noteUnavailable,
  rollbackFor,
  type Scope,
  type Side,
  type StatementMemory,
  sentNow,
  type Watchdog,
  type Wire,
  whenReady,
} from '@flyroute/core/adapter'
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely'
import { Borrowing } from './borrowing.ts'
import { discard } from './discard.ts'
import type { Guarded, Owner } from './guarded.ts'
import { OnPrimary } from './on-primary.ts'
import { OnReplica } from './on-replica.ts'
import { OwedPositions } from './owed-positions.ts'
import { asksOn, Control, compiled, type ExecuteOptions, Statement } from './statement.ts'
import { tellCatalogue } from './tell-catalogue.ts'

type ControlConnections = Parameters<NonNullable<DatabaseConnection['cancelQuery']>>[0]

/**
 * One connection of the wrapped dialect. What becomes of a statement is core's to decide; here that is said in Kysely's words:
 * how a statement is sent, answered and failed, by itself or as a stream.
 */
export class KyselyConnection implements DatabaseConnection, Guarded, HeldConnection {
  readonly owner: Owner
  readonly driver: Driver
  readonly inner: DatabaseConnection
  readonly guard: ConnectionGuard<CompiledQuery>
  readonly watchdog: Watchdog | undefined
  abandoned: Promise<unknown> | undefined
  /** It has not said itself what it is: another connection of its driver has, a moment before. */
  isAssumed = false
  isCancellable = false
  isBusy = false
  declare cancelQuery?: (controls: ControlConnections) => Promise<void>
  declare collectSessionInfo?: () => Promise<void>
  declare killSession?: (controls: ControlConnections) => Promise<void>
  readonly #memory: StatementMemory
  readonly positions: OwedPositions = new OwedPositions(this)
  readonly #onPrimary: OnPrimary = new OnPrimary(this)
  readonly #onReplica: OnReplica = new OnReplica(this)
  readonly #borrowing: Borrowing = new Borrowing(this)
  /** What a driver's own method is about to execute on it: that was decided upon already. */
  #below: { readonly query: CompiledQuery; readonly send: () => Promise<QueryResult<unknown>> } | undefined
  /** The stream that was opened last. */
  #rows: AsyncIterableIterator<unknown> | undefined

  constructor(owner: Owner, driver: Driver, inner: DatabaseConnection, side: Side) {
    const { database, watchdog } = owner
    const { language } = database.facts
    this.owner = owner
    this.driver = driver
    this.inner = inner
    this.watchdog = side === 'local' ? watchdog : undefined
    this.guard = new ConnectionGuard(database, side, this.#wire(asksOn(inner, language)), compiled)
    this.#memory = createStatementMemory(database.classifier)
    this.#passesOnControls()
  }

  // --- statements ---------------------------------------------------------------------------------------------------

  executeQuery<R>(query: CompiledQuery, options?: ExecuteOptions): Promise<QueryResult<R>> {
    const below = this.#below
    if (below?.query !== query) return this.execute<R>(query, options)
    this.#below = undefined
    return below.send() as Promise<QueryResult<R>>
  }

  /** `executeQuery`, whatever Kysely has put in its place to log what is called. */
  execute<R>(query: CompiledQuery, options?: ExecuteOptions): Promise<QueryResult<R>> {
    const { guard, positions } = this
    const analysis = this.#memory.classify(query.sql)
    if (positions.goesAhead(analysis)) return positions.ask().then(() => this.execute<R>(query, options))
    const scope = currentScope()
    if (guard.passes(analysis, query.sql, scope)) {
      guard.count.asks(analysis, query.sql, scope)
      return this.#onReplica.send<R>(new Statement(query, options, scope, analysis))
    }
    const isControl = analysis.transaction !== undefined || guard.session.transaction !== undefined
    if (scope === undefined && !isControl && guard.canBypass) return this.#onPrimary.pass<R>(query, options)
    const statement = new Statement(query, options, scope, analysis)
    return this.#carriesOut<R>(this.#decides(statement), statement)
  }

  run<R>(statement: Statement): Promise<QueryResult<R>> {
    const { positions } = this
    statement.analysis = this.#memory.classify(statement.query.sql)
    if (positions.goesAhead(statement.analysis)) return positions.ask().then(() => this.run<R>(statement))
    return this.#carriesOut<R>(this.#decides(statement), statement)
  }

  streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: ExecuteOptions,
  ): AsyncIterableIterator<QueryResult<R>> {
    return this.stream(new Statement(query, options, currentScope(), this.#memory.classify(query.sql)), chunkSize)
  }

  async *stream<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    statement.analysis = this.#memory.classify(statement.query.sql)
    while (this.positions.goesAhead(statement.analysis)) await this.positions.ask()
    let action = this.#decides(statement)
    if (action === Action.wait) action = ifStillWanted(await this.#whenReady(statement), statement.scope)
    if (action === Action.primary) yield* this.#borrowing.stream<R>(statement, chunkSize)
    else if (action !== Action.here) yield await this.#carriesOut<R>(action, statement)
    else {
      this.guard.count.asks(statement.analysis, statement.query.sql, statement.scope)
      yield* this.#on().stream<R>(statement, chunkSize)
    }
  }

  #decides(statement: Statement): Action {
    const { query, analysis, scope } = statement
    const action = decide(this.guard, analysis, query.sql, scope)
    statement.withdrawsIntent()
    return action
  }

  #carriesOut<R>(action: Action, statement: Statement): Promise<QueryResult<R>> {
    const { guard, owner } = this
    const { query, scope } = statement
    switch (action) {
      case Action.here:
        guard.count.asks(statement.analysis, query.sql, scope)
        return this.#on().send<R>(statement)
      case Action.primary:
        return this.#borrowing.run<R>(statement)
      case Action.refuse:
        noteUnavailable(scope, guard.refusal)
        return Promise.reject(guard.refusal)
      case Action.rollback:
        return this.#rollsBack<R>(statement)
      case Action.drop:
        return owner.drops(scope)
      case Action.wait:
        return this.#whenReady(statement).then((decision) =>
          this.#carriesOut<R>(ifStillWanted(decision, scope), statement),
        )
    }
  }

  #on(): OnPrimary | OnReplica {
    return this.guard.role === 'primary' ? this.#onPrimary : this.#onReplica
  }

  async #whenReady(statement: Statement): Promise<Action> {
    const { guard } = this
    const { need } = guard
    if (need === undefined) await tellCatalogue(this, statement)
    return whenReady(guard, statement.analysis, statement.query.sql, statement.scope, need)
  }

  runOnPrimary<R>(statement: Statement): Promise<QueryResult<R>> {
    return this.#borrowing.run<R>(statement)
  }

  streamOnPrimary<R>(statement: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#borrowing.stream<R>(statement, chunkSize)
  }

  async runAgain(query: CompiledQuery): Promise<void> {
    // Logged already, on the connection that it ran on first.
    await this.execute(query instanceof Control ? new Control(query.sql, query.run) : query)
  }

  // --- below the guard ----------------------------------------------------------------------------------------------

  send<R>(query: CompiledQuery, options: ExecuteOptions, instead?: CompiledQuery): Promise<QueryResult<R>> {
    const sentAt = sentNow()
    const answer = this.#sends<R>(query, options, instead)
    return sentAt === 0 ? answer : this.measures(answer, query, sentAt)
  }

  async #sends<R>(query: CompiledQuery, options: ExecuteOptions, instead?: CompiledQuery): Promise<QueryResult<R>> {
    if (!(query instanceof Control)) return this.inner.executeQuery<R>(instead ?? query, options)
    await query.run(this.driver, query.below?.(this.inner, instead) ?? this.inner)
    return { rows: [] }
  }

  open<R>({ query, options }: Statement, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    const sentAt = sentNow()
    const rows = this.inner.streamQuery<R>(query, chunkSize, options)
    this.#rows = rows
    return sentAt === 0 ? rows : this.#measuresRows(rows, query, sentAt)
  }

  async measures<T>(answer: Promise<T>, { sql }: CompiledQuery, sentAt: number): Promise<T> {
    let failure: unknown
    try {
      return await answer
    } catch (error) {
      failure = error
      throw error
    } finally {
      this.guard.tells(this.#memory.classify(sql), sentAt, failure)
    }
  }

  async *#measuresRows<T>(rows: AsyncIterable<T>, { sql }: CompiledQuery, sentAt: number): AsyncIterableIterator<T> {
    let failure: unknown
    try {
      yield* rows
    } catch (error) {
      failure = error
      throw error
    } finally {
      this.guard.tells(this.#memory.classify(sql), sentAt, failure)
    }
  }

  /** What a driver's own method sees: an inner connection, on which it executes through this one's log. */
  readonly below = (inner: DatabaseConnection, instead?: CompiledQuery): DatabaseConnection =>
    new Proxy(inner, {
      get: (target, key) => {
        if (key === 'executeQuery') {
          return (query: CompiledQuery, options: ExecuteOptions): Promise<unknown> => {
            this.#below = { query, send: () => target.executeQuery(instead ?? query, options) }
            return this.executeQuery(query, options)
          }
        }
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

  #wire(ask: Wire['ask']): Wire {
    const isQuiet = (): boolean => this.abandoned === undefined && !this.guard.isReclaimed
    return {
      ask,
      // Kysely does not tell it: the texts do.
      status: undefined,
      get isQuiet() {
        return isQuiet()
      },
    }
  }

  abandons(answer: Promise<unknown>): void {
    this.abandoned = answer.then(
      () => undefined,
      () => undefined,
    )
  }

  /** Kysely looks whether they are there. */
  #passesOnControls(): void {
    const { inner } = this
    const acting = (): DatabaseConnection => this.#borrowing.connection?.inner ?? inner
    if (inner.cancelQuery) this.cancelQuery = async (controls) => acting().cancelQuery?.(controls)
    if (inner.killSession) this.killSession = async (controls) => acting().killSession?.(controls)
    if (inner.collectSessionInfo) {
      this.collectSessionInfo = async () => {
        this.isCancellable = true
        await acting().collectSessionInfo?.()
      }
    }
  }

  // --- acquired, and given back -------------------------------------------------------------------------------------

  /** Has a request hold it, until it is given back. */
  isHeldBy(scope: Scope | undefined): void {
    this.guard.isLent = true
    if (scope !== undefined) this.owner.database.held.hold(this, scope.request)
  }

  reclaim(): void {
    this.guard.isReclaimed = true
    this.guard.tellKept()
    this.owner.giveBack(this, true)
  }

  giveBack(isUnfit: boolean): void {
    this.owner.giveBack(this, isUnfit)
  }

  settles(): Promise<void> | undefined {
    const { positions } = this
    const own = positions.isEmpty ? undefined : positions.ask()
    const borrowed = this.#borrowing.connection?.settles()
    return borrowed === undefined ? own : borrowed.then(() => own)
  }

  /**
   * It goes back to its pool.
   *
   * @param isUnfit it must not be used again as it is
   * @returns what has to be waited for first, if anything: whether it was discarded
   */
  leaves(isUnfit: boolean): Promise<boolean> | undefined {
    const { guard, abandoned } = this
    const { transaction } = guard.session
    const isDiscarded = isUnfit || guard.isSpent
    this.isCancellable = false
    this.positions.giveUp()
    this.owner.database.held.release(this)
    guard.givenBack()
    if (!isDiscarded && abandoned === undefined && transaction?.refusal === undefined) return undefined
    return this.#cleansUp(isDiscarded)
  }

  /** The COMMIT of a transaction in which a statement was refused is a ROLLBACK. */
  #rollsBack<R>({ query, options, analysis }: Statement): Promise<QueryResult<R>> {
    const rollback = compiled(rollbackFor(analysis))
    this.guard.session.sends(rollback, { ...analysis, transaction: 'rollback' })
    return this.send<R>(query, options, rollback)
  }

  /** Ends its transaction for us; its server is not to begin another one. */
  async rollsBack(): Promise<void> {
    const { driver, inner, guard } = this
    if (guard.session.chains) await inner.executeQuery(compiled('rollback and no chain'))
    else await driver.rollbackTransaction(inner)
  }

  /** The next one to use the connection has nothing to do with what is open on it. */
  async #cleansUp(isDiscarded: boolean): Promise<boolean> {
    const { driver, inner, guard } = this
    if (isDiscarded) await this.#rows?.return?.()
    await this.abandoned
    this.abandoned = undefined
    guard.session.leavesTransaction()
    if (isDiscarded) await discard(driver, inner, guard.database.facts.language)
    else await this.rollsBack().catch(() => undefined)
    return isDiscarded
  }
}
