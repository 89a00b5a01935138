import { ReplayUnavailableError } from '@flyroute/core'
import {
  type Analysis,
  currentScope,
  type Freshness,
  type Position,
  type Route,
  runInScope,
  type Scope,
} from '@flyroute/core/adapter'
import { catchUp } from './catch-up.ts'
import { canCheck, sendChecked } from './checked-read.ts'
import { type Callback, callbackOf, isSubmittable, type QueryArgument, type Submittable } from './driver-types.ts'
import { judgeFailure, Rerun } from './failure.ts'
import type { Guarded } from './guarded.ts'
import { holdForPosition } from './held-answer.ts'
import { readPositionInto } from './primary-side.ts'
import { abortedError, readError } from './refusal.ts'
import { StandIn, type Until } from './stand-in.ts'
import { keepInScope, later, makeQuery, reject, replyTo, Statement } from './statement.ts'

/**
 * A connection to a replica: what writes is refused before a byte is sent, what the server refuses is translated, reads
 * wait until the server is as fresh as they need it; and where a request cannot be replayed, the primary stands in.
 */
export class ReplicaSide {
  readonly #guard: Guarded
  /** A decision about an earlier statement takes time: what follows waits for it. */
  #undecided: Promise<unknown> | undefined
  #standIn: StandIn | undefined

  constructor(guard: Guarded) {
    this.#guard = guard
  }

  /** Whether statements do not simply go to this connection at the moment. */
  get isElsewhere(): boolean {
    return this.#standIn !== undefined || this.#undecided !== undefined
  }

  /** Sends a statement where the ones before it went, in their order. */
  follow(config: QueryArgument, values: unknown, callback: unknown): unknown {
    if (this.#undecided === undefined && this.#standIn !== undefined) return this.#standIn.run(config, values, callback)
    const time = this.#undecided ?? Promise.resolve()
    return later(
      { config, values, callback },
      time,
      () => this.#guard.query(config, values, callback),
      this.#guard.client,
    )
  }

  run(statement: Statement): unknown {
    const { analysis, scope, isSingle } = statement
    const { database, session, server } = this.#guard
    const { transaction } = session
    if (transaction !== undefined) {
      if (transaction.refusal !== undefined) return this.#inAborted(statement, transaction.refusal)
      // It ends where it is; what has read something stays there; and what fails in a read-only one fails on the primary too,
      // but for a lock that succeeds here and protects nothing there.
      const ends = analysis.transaction !== undefined && analysis.transaction !== 'set'
      const stays = analysis.access !== 'write' && (transaction.used || ends)
      if (stays || (transaction.readOnly && analysis.reason !== 'advisory-lock')) return this.#send(statement)
    }
    const { replication } = database
    let route: Route | undefined
    let refusal: unknown
    try {
      route = replication.router.route(analysis.access, analysis.reason, scope)
    } catch (error) {
      refusal = error
    }
    const need = scope === undefined ? undefined : replication.freshness.need(scope)
    const isFresh = need === undefined || replication.freshness.assess(need, server) === 'fresh'
    if (route === 'local' && isFresh) return this.#send(statement)
    if (isSingle) this.#guard.watchRelease()
    if (route === undefined) return this.#refuse(statement, refusal as Error)
    if (route === 'primary') return this.#toPrimary(statement)
    const demand = need as Freshness
    return canCheck(this.#guard, statement, demand)
      ? this.#sendChecked(statement, demand)
      : this.#whenFresh(statement, demand)
  }

  /** Sends a read of `pool.query` about which nothing is to be decided any more. */
  sendPlain(config: QueryArgument, values: unknown, analysis: Analysis, answer: Callback): void {
    this.#guard.session.sends(config, analysis)
    const query = makeQuery(this.#guard, config, values, answer)
    query.callback = answer
    this.#guard.send(query)
  }

  /** What an error that such a read has met is to the app, and to the pool. */
  judgePlain(
    config: QueryArgument,
    values: unknown,
    analysis: Analysis,
    scope: Scope | undefined,
    error: unknown,
  ): unknown {
    this.#guard.watchRelease()
    return judgeFailure(this.#guard, new Statement(config, values, undefined, analysis, scope, true), error, true)
  }

  /** Gives a connection back that stands in. */
  leave(error?: unknown): void {
    this.#standIn?.leave(error)
    this.#standIn = undefined
  }

  // --- here ---------------------------------------------------------------------------------------------------------

  #send(statement: Statement): unknown {
    const { config, values, callback, analysis, scope, isSingle } = statement
    const { session, client, send } = this.#guard
    const { canMove } = session
    session.sends(config, analysis)
    if (isSubmittable(config)) this.#judgeErrorsOf(config, statement, canMove)
    if (scope?.consistency === 'monotonic' && analysis.transaction === undefined) {
      return holdForPosition(this.#guard, statement, {
        ...readPositionInto(this.#guard, scope.request),
        failed: (error, deliver) => this.#failed(statement, error, canMove, deliver),
      })
    }
    if (isSubmittable(config)) {
      keepInScope(config, scope)
      return send(config, values, callback)
    }
    const query = makeQuery(this.#guard, config, values, callback)
    const asked = query.callback
    const { deliver, result } =
      isSingle && asked !== undefined ? { deliver: asked, result: undefined } : replyTo(asked, scope, client._Promise)
    query.callback = (error, value) => (error ? this.#failed(statement, error, canMove, deliver) : deliver(null, value))
    send(query)
    return result
  }

  #judgeErrorsOf(query: Submittable, statement: Statement, canMove: boolean): void {
    const { handleError } = query
    query.handleError = (error, connection) => {
      const judged = judgeFailure(this.#guard, statement, error, canMove)
      handleError?.call(query, judged instanceof Rerun ? error : judged, connection)
    }
  }

  #failed(statement: Statement, error: unknown, canMove: boolean, deliver: Callback): void {
    const { session } = this.#guard
    const judged = judgeFailure(this.#guard, statement, error, canMove)
    if (statement.isSingle) this.#guard.watchRelease()
    // The pool runs its single statements again by itself.
    if (!(judged instanceof Rerun) || statement.isSingle) return deliver(judged)
    if (session.transaction !== undefined) session.transaction.used = false
    runInScope(statement.scope, () => this.#toPrimary(statement.again(deliver)))
  }

  /** Asks and reads in one round trip; where the replica turns out to be behind, it is as if nothing had been read. */
  #sendChecked(statement: Statement, need: Position): unknown {
    const { config, values, callback, analysis, scope, isSingle } = statement
    const { session, client } = this.#guard
    const { canMove } = session
    const asked = callbackOf(config, values, callback)
    const { deliver, result } =
      isSingle && asked !== undefined ? { deliver: asked, result: undefined } : replyTo(asked, scope, client._Promise)
    const again = statement.again(deliver)
    session.sends(config, analysis)
    let decide: () => void = () => undefined
    const undecided = new Promise<void>((resolve) => {
      decide = resolve
    })
    this.#undecided = undecided
    const over = (): void => {
      if (this.#undecided === undecided) this.#undecided = undefined
      decide()
    }
    sendChecked(this.#guard, statement, need, {
      answer: (error, value) => {
        over()
        if (error) this.#failed(statement, error, canMove, deliver)
        else deliver(null, value)
      },
      behind: (error) => {
        over()
        // A replica that is lost is not waited for.
        if (readError(error) === 'unavailable') this.#failed(statement, error, canMove, deliver)
        else runInScope(scope, () => this.#whenFresh(again, need))
      },
    })
    return result
  }

  // --- later, when this server is fresh enough ------------------------------------------------------------------------

  /** Waits until this very server is as fresh as the scope asks, then sends; or goes where it is fresh already. */
  #whenFresh(statement: Statement, need: Freshness): unknown {
    const { scope } = statement
    const { client, database } = this.#guard
    const decided = catchUp(this.#guard, need, scope as Scope)
      .then((isReached) => isReached || database.replication.router.routeStaleRead(scope) !== 'primary')
      .finally(() => {
        this.#undecided = undefined
      })
    const run = (isHere: boolean): unknown => (isHere ? this.#send(statement) : this.#toPrimary(statement))
    let isHere = false
    const time = decided.then((decision) => {
      isHere = decision
    })
    this.#undecided = decided.catch(() => undefined)
    return later(statement, time, () => run(isHere), client)
  }

  // --- elsewhere ------------------------------------------------------------------------------------------------------

  /** Runs a statement on the primary: a single one on any connection there, more than that on one of its own. */
  #toPrimary(statement: Statement): unknown {
    const { values, callback, analysis, scope } = statement
    const { session, database } = this.#guard
    if (!session.canMove) {
      // What it has read here cannot be read again elsewhere as if nothing had happened.
      const obstacle = scope?.request.whyNotReplayable() ?? 'outside-request'
      return this.#refuse(statement, new ReplayUnavailableError(obstacle, { detail: 'transaction' }))
    }
    const config = this.#complete(statement.config)
    const ofSession = analysis.reason === 'listen' || analysis.reason === 'advisory-lock' || isSubmittable(config)
    const isSingle = session.transaction === undefined && analysis.transaction === undefined && !ofSession
    if (isSingle && session.settings.size === 0) {
      const plain = typeof values === 'function' ? undefined : values
      return database.primaryPool().query(config, plain, callbackOf(config, values, callback))
    }
    return this.#standInFor(ofSession ? 'release' : 'transaction', analysis.transaction === 'begin').run(
      config,
      values,
      callback,
    )
  }

  #standInFor(until: Until, isBegin: boolean): StandIn {
    const { session, send } = this.#guard
    const { transaction } = session
    const begin = isBegin ? [] : (transaction?.begin ?? [])
    if (transaction !== undefined) {
      session.leavesTransaction()
      send('rollback', undefined, () => undefined)
    }
    const standIn = new StandIn(this.#guard, begin, until, () => {
      if (this.#standIn === standIn) this.#standIn = undefined
    })
    this.#standIn = standIn
    return standIn
  }

  /** A named statement whose text only this server has is given its text again. */
  #complete(config: QueryArgument): QueryArgument {
    if (typeof config === 'string' || isSubmittable(config) || config.text !== undefined) return config
    const { name = '', values } = config
    const text = this.#guard.client.connection?.parsedStatements?.[name]
    return text === undefined ? config : { ...config, text, values }
  }

  // --- nowhere --------------------------------------------------------------------------------------------------------

  /** Rejects a statement without sending it; a transaction that it was part of is aborted, as by the server. */
  #refuse(statement: Statement, error: Error): unknown {
    const { session, client } = this.#guard
    if (session.transaction !== undefined) session.transaction.refusal = error
    return reject(statement, error, client)
  }

  /** In a transaction with a refused statement, only its end passes. */
  #inAborted(statement: Statement, refusal: Error): unknown {
    const { config, values, callback, analysis } = statement
    const { session, database, client, send } = this.#guard
    const control = analysis.several ? undefined : analysis.transaction
    if (control === 'rollback' || control === 'rollback-to') {
      if (control === 'rollback-to' && session.transaction !== undefined) session.transaction.refusal = undefined
      return this.#send(statement)
    }
    if (control !== 'commit' && control !== 'prepare') {
      return reject(statement, abortedError(database.driver, refusal), client)
    }
    // As the server does: the COMMIT of an aborted transaction is answered with ROLLBACK.
    session.sends(config, analysis)
    const asked = callbackOf(config, values, callback)
    const { deliver, result } = replyTo(asked, currentScope(), client._Promise)
    send(analysis.chain ? 'rollback and chain' : 'rollback', undefined, deliver)
    return result
  }
}
