import {
  Action,
  type Analysis,
  ConnectionGuard,
  createStatementMemory,
  currentScope,
  decide,
  type Freshness,
  type HeldConnection,
  ifStillWanted,
  isDropped,
  neverSettles,
  noteUnreachable,
  refusesLate,
  type Scope,
  type Side,
  type StatementMemory,
  whenReady,
} from '@flyroute/core/adapter'
import { Borrowing } from './borrowing.ts'
import { canCheck } from './checked-read.ts'
import { Clock } from './clock.ts'
import type { PgDatabase } from './database.ts'
import {
  type BareClient,
  type Callback,
  isSubmittable,
  type QueryArgument,
  type QueryClass,
  type Release,
  textOf,
} from './driver-types.ts'
import { fix } from './fixed.ts'
import type { Guarded } from './guarded.ts'
import { OnPrimary } from './on-primary.ts'
import { OnReplica } from './on-replica.ts'
import { dropQueries, isOwnQuestion } from './own-question.ts'
import type { PlainPoolQuery, PoolQuery } from './pool-query.ts'
import { Dropped, isHarmless, Rerun } from './signals.ts'
import { abortedError, drop, later, makeQuery, pass, reject, Statement } from './statement.ts'
import { PgWire } from './wire.ts'

/** What a guarded connection is made for. */
export interface ConnectionOptions {
  readonly database: PgDatabase
  readonly side: Side
  /** It is of no pool of ours. Default: false. */
  readonly isAlone?: boolean
  /** The class whose objects the driver makes of texts. */
  readonly Query: QueryClass
  /** How long (ms) the server may take to answer a question of ours; 0: as long as it wants. */
  readonly questionMs: number
  /** How long (ms) the answer to a statement may take, but for those that stay open (cursors, streams). Default: for ever. */
  readonly answerMs?: number
  /** The guarded `query` itself: what a client has in place of it (a subclass, an instrumentation) is to be called. */
  readonly query: BareClient['query']
  readonly send: Guarded['send']
}

/**
 * One connection of node-postgres. What becomes of a statement is core's to decide; here that is said in the driver's words: how a
 * statement is sent, answered and failed, in all the forms that `client.query` takes.
 */
export class PgConnection implements Guarded, HeldConnection {
  readonly client: BareClient
  readonly database: PgDatabase
  readonly Query: QueryClass
  readonly send: Guarded['send']
  readonly answerMs: number | undefined
  readonly isAlone: boolean
  readonly wire: PgWire
  readonly guard: ConnectionGuard<QueryArgument>
  readonly clock: Clock
  readonly #memory: StatementMemory
  /** The guarded `query`. */
  readonly #query: BareClient['query']
  readonly #onPrimary: OnPrimary = new OnPrimary(this)
  readonly #onReplica: OnReplica = new OnReplica(this)
  readonly #borrowing: Borrowing = new Borrowing(this)
  /** The statement of `pool.query` that the connection was checked out for, until it comes. */
  #expected: PoolQuery | undefined
  /** The statement of `pool.query` that is under way here. */
  #poolQuery: PoolQuery | undefined
  /** A decision about an earlier statement takes time: what follows waits for it. */
  #undecided: Promise<unknown> | undefined
  /** A setting is under way, and what follows waits for it. */
  #settingIsOver: (() => void) | undefined
  /** The request that has used the connection last. */
  #user: Scope | undefined

  constructor(
    client: BareClient,
    { database, side, Query, questionMs, answerMs, isAlone = false, query, send }: ConnectionOptions,
  ) {
    this.client = client
    this.database = database
    this.Query = Query
    this.send = send
    this.answerMs = answerMs
    this.isAlone = isAlone
    this.wire = new PgWire(client, send, questionMs)
    this.guard = new ConnectionGuard(database, side, this.wire, (text) => text)
    this.clock = new Clock(client, (sent, sentAt, error) => {
      this.guard.tells(this.guard.isHeard ? this.#analyse(sent, undefined) : undefined, sentAt, error)
    })
    this.#query = query
    this.#memory = createStatementMemory(database.classifier)
    this.#listen()
  }

  // --- statements ---------------------------------------------------------------------------------------------------

  query(config: QueryArgument, values: unknown, callback: unknown): unknown {
    const poolQuery = this.#expected
    this.#expected = undefined
    if (this.#undecided !== undefined) return this.#follow(config, values, callback, poolQuery)
    const scope = poolQuery === undefined ? currentScope() : poolQuery.scope
    const { guard, client } = this
    const isPoolQuery = poolQuery !== undefined
    if (scope === undefined && guard.canBypass) return pass(this, config, values, callback, scope, isPoolQuery)
    const analysis = this.#analyse(config, poolQuery?.analysis)
    if (analysis === undefined) return this.send(config, values, callback)
    if (scope !== undefined) guard.isUsedBy(scope.request)
    this.#user = scope
    const statement = new Statement(config, values, callback, analysis, scope, isPoolQuery)
    const aborted = guard.session.transaction?.refusal
    const action = decide(guard, analysis, textOf(config) ?? '', scope)
    this.#poolQuery = poolQuery
    const isHere = action === Action.here || action === Action.wait
    if (poolQuery !== undefined && isHere && guard.role === 'replica') poolQuery.sentOn = this
    poolQuery?.withdrawIntent()
    // The driver's pool would drop the connection for an error that does it no harm.
    if (action !== Action.here && isPoolQuery) this.watchRelease()
    if (action === Action.refuse && aborted !== undefined) {
      return reject(statement, abortedError(this.database.driver, aborted), client)
    }
    return this.act(action, statement)
  }

  act(action: Action, statement: Statement): unknown {
    const { guard, client } = this
    switch (action) {
      case Action.here:
        guard.count.asks(statement.analysis, textOf(statement.config) ?? '', statement.scope)
        return guard.role === 'primary' ? this.#onPrimary.send(statement) : this.#onReplica.send(statement)
      case Action.primary:
        return this.runOnPrimary(statement)
      case Action.refuse:
        return reject(statement, guard.refusal, client)
      case Action.rollback:
        return this.#onReplica.rollsBack(statement)
      case Action.drop:
        return drop(this, statement)
      case Action.wait:
        return this.#wait(statement, guard.need)
    }
  }

  #wait(waiting: Statement, need: Freshness | undefined): unknown {
    const statement = waiting.fixed(this.database.driver)
    if (need === undefined || !canCheck(this, statement, need)) return this.whenReady(statement, need)
    this.guard.count.asks(statement.analysis, textOf(statement.config) ?? '', statement.scope)
    const { result, decided } = this.#onReplica.sendChecked(statement, need)
    this.#holdsBack(decided)
    return result
  }

  runOnPrimary(statement: Statement): unknown {
    // What fails there has failed.
    if (this.#poolQuery !== undefined) this.#poolQuery.sentOn = undefined
    return this.#borrowing.run(statement)
  }

  whenReady(statement: Statement, need: Freshness | undefined): unknown {
    const { config, analysis, scope } = statement
    let action: Action = Action.here
    const decided = whenReady(this.guard, analysis, textOf(config) ?? '', scope, need).then((decision) => {
      action = decision
    })
    this.#holdsBack(decided)
    return later(statement, decided, () => this.act(ifStillWanted(action, scope), statement), this.client)
  }

  /** What comes before this is decided waits for it, so that the order stays what it was. */
  #holdsBack(decided: Promise<unknown>): void {
    const known = (): void => undefined
    const undecided = decided.then(known, known)
    this.#undecided = undecided
    // In the same breath with all that waits: nothing new gets in between.
    void undecided.then(() => {
      if (this.#undecided === undecided) this.#undecided = undefined
    })
  }

  awaitSetting(): void {
    const isOver = new Promise<void>((resolve) => {
      this.#settingIsOver = resolve
    })
    this.#holdsBack(isOver)
  }

  settingIsOver(): void {
    this.#settingIsOver?.()
  }

  #follow(config: QueryArgument, values: unknown, callback: unknown, poolQuery: PoolQuery | undefined): unknown {
    const fixed = fix({ config, values, callback }, this.database.driver)
    const run = (): unknown => {
      this.#expected = poolQuery
      return this.query(fixed.config, fixed.values, fixed.callback)
    }
    return later(fixed, this.#undecided as Promise<unknown>, run, this.client)
  }

  /** @param known what the pool has found out of the same text */
  #analyse(config: QueryArgument, known: Analysis | undefined): Analysis | undefined {
    const name = typeof config === 'string' ? undefined : config.name
    if (name === undefined && known !== undefined && known.prepared === undefined) return known
    const text = textOf(config)
    if (typeof text !== 'string') {
      if (name !== undefined) return this.#memory.recall(name)
      // What it does, only it knows: as with a text that is not understood.
      return isSubmittable(config) ? this.database.classifier.classify('?') : undefined
    }
    if (name === undefined) return this.#memory.classify(text)
    this.#memory.remember(name, text)
    return known ?? this.database.classifier.classify(text)
  }

  // --- the short way of plain reads ---------------------------------------------------------------------------------

  sendPlain({ config, values, analysis, scope }: PlainPoolQuery, answer: Callback): boolean {
    // With something else in the method's place, that is to be called.
    if (this.client.query !== this.#query || this.#undecided !== undefined) return false
    const text = textOf(config) ?? ''
    if (!this.guard.passes(analysis, text, scope)) return false
    this.guard.count.asks(analysis, text, scope)
    if (typeof config !== 'string' && config.name !== undefined && config.text !== undefined) {
      this.#memory.remember(config.name, config.text)
    }
    const query = makeQuery(this, config, values, answer)
    query.callback = answer
    this.send(query)
    return true
  }

  interpretPlain(query: PlainPoolQuery, error: unknown): unknown {
    this.watchRelease()
    const verdict = this.#onReplica.interpret(query, error, true)
    if (verdict === 'pass') return error
    if (verdict === 'drop') return new Dropped()
    return verdict === 'rerun' ? new Rerun(error) : verdict
  }

  // --- checked out, and given back ----------------------------------------------------------------------------------

  lend(poolQuery?: PoolQuery, holder?: Scope): Release {
    this.#expected = poolQuery
    this.guard.isLent = true
    // What nothing will happen to but that it is sent and answered, the pool gives back as it would without us.
    const { guard } = this
    if (poolQuery === undefined || guard.side === 'primary' || guard.isMisplaced)
      this.#interceptRelease(poolQuery !== undefined)
    if (poolQuery === undefined && holder !== undefined) this.database.held.hold(this, holder.request)
    return this.client.release as Release
  }

  watchRelease(): void {
    this.#interceptRelease(true)
  }

  #interceptRelease(isPoolQuery: boolean): void {
    const release = this.client.release as Release
    this.client.release = (error) => {
      const isUnfit = this.guard.isUnfit
      this.leave()
      // The driver's pool drops a connection for any error of a statement; a refusal does it no harm.
      if (error && !(isPoolQuery && isHarmless(error))) release(error)
      else release(isUnfit ? true : undefined)
    }
  }

  leave(): void {
    this.guard.givenBack()
    this.database.held.release(this)
  }

  get isBusy(): boolean {
    return !this.wire.isQuiet && !this.#isOpenEnded
  }

  /** Whether all that goes on is for a cursor or a stream, whose reader may stand still for ever. */
  get #isOpenEnded(): boolean {
    const { _activeQuery: active, _queryQueue: queue } = this.client
    if (typeof active !== 'object' || active === null || queue?.length) return false
    return !(active instanceof this.Query || isOwnQuestion(active))
  }

  /** Its request was answered with a replay, and does not give it back: it is closed, and what was open on it rolled back. */
  reclaim(): void {
    const { client, guard } = this
    guard.isReclaimed = true
    guard.tellKept()
    const release = client.release as Release
    release(new Error('The request was replayed'))
    // The app may yet give it back.
    client.release = () => undefined
  }

  // --- what the connection tells ------------------------------------------------------------------------------------

  #listen(): void {
    const { client, wire, guard } = this
    client.connection?.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      if (message.parameterName === 'in_hot_standby') this.#standbyChanged(message.parameterValue === 'on')
    })
    client.connection?.on('errorMessage', (error: { code?: string }) => {
      wire.fails()
      this.#lost(error)
      if (error.code === '25006' && guard.role === 'primary') guard.doubts()
    })
    client.on('error', this.#onError)
  }

  /** The connection is about to die: we hear of that before the statements on it, and before all other listeners. */
  dies(): void {
    this.wire.dies()
    this.guard.dies()
    this.client.removeListener('error', this.#onError)
    this.client.prependListener('error', this.#onError)
  }

  /** The queries on it are about to be told of its loss. Those on a replica interpret that by themselves, and so does a pool. */
  losesQueries(error: unknown): void {
    const { client, database, guard } = this
    if (guard.role !== 'primary' || this.#poolQuery !== undefined || !isDropped(database, this.#user, error)) return
    const told = this.dropped(this.#user)
    dropQueries(client, told instanceof Dropped ? undefined : told)
  }

  dropped(scope: Scope | undefined): unknown {
    const { name } = this.database.replication
    if (this.isAlone) return refusesLate(name, scope?.request) ?? new Dropped()
    void neverSettles(name)
    return new Dropped()
  }

  /**
   * With a listener, a connection that dies while it is checked out does not end the process either. It has one until it is
   * established, and again when it dies (`dies`; the native client does not say): in between, the pool adds and removes its own
   * with each statement, which costs more where there is another.
   */
  isEstablished(): void {
    if (this.client.connection !== undefined) this.client.removeListener('error', this.#onError)
  }

  readonly #onError = (error: unknown): void => {
    this.#lost(error)
    const { server, side } = this.guard
    if (side === 'local') this.database.replication.servers.disconnected(server)
  }

  /** The connection is lost, or is about to be, before the statements on it hear of that. */
  #lost(error: unknown): void {
    if (this.guard.role === 'primary' && !this.wire.isEnded) noteUnreachable(this.database, this.#user, error)
  }

  /** The server was promoted: it says so of itself, on every connection that is used. */
  #standbyChanged(isStandby: boolean): void {
    const { server } = this.guard
    if (server === undefined || isStandby === (server.role === 'replica')) return
    server.role = isStandby ? 'replica' : 'primary'
    this.guard.identify().catch(() => undefined)
  }
}
