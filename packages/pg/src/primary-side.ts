import { ReplayUnavailableError } from '@flyroute/core'
import type { RequestState, Scope } from '@flyroute/core/adapter'
import { callbackOf, isSubmittable, type QueryArgument } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { holdForPosition } from './held-answer.ts'
import { noteUnreachable } from './outage.ts'
import type { Transaction } from './session.ts'
import { keepInScope, makeQuery, reject, replyTo, type Statement } from './statement.ts'

/**
 * A connection to a primary, used in a request: everything is sent as it is, and behind whatever commits something the
 * position is taken.
 */
export class PrimarySide {
  readonly #guard: Guarded
  /** Another primary has taken over from this one, and a client has seen it: nothing of here may be shown any more. */
  isStale = false
  /** The request that has used the connection last. */
  #user: Scope | undefined

  constructor(guard: Guarded) {
    this.#guard = guard
  }

  /** The connection is lost, or is about to be, before the statements on it hear of that. */
  lost(error: unknown): void {
    noteUnreachable(this.#user, error)
  }

  run(statement: Statement, request: RequestState): unknown {
    const { config, analysis, scope } = statement
    this.#user = scope
    const { session, database, server, client } = this.#guard
    if (session.transaction === undefined && server !== undefined) {
      const { freshness } = database.replication
      if (freshness.assess(freshness.need(scope), server) === 'stale-primary') {
        this.isStale = true
        return reject(statement, new ReplayUnavailableError('stale-primary'), client)
      }
    }
    const { transaction, isFailed } = session
    const { transaction: control, several } = analysis
    const writes = analysis.access !== 'read' || request.captureAfterEveryStatement
    session.sends(config, analysis)
    if (control === undefined || several) {
      const commits = transaction === undefined || control !== undefined
      if (writes && !commits) this.#wroteIn(transaction, request)
      else if (writes || (control !== undefined && transaction?.writer !== undefined)) {
        return this.#commit(statement, request, transaction)
      } else if (scope?.consistency === 'monotonic') return this.#read(statement, request)
    } else if (control === 'commit-prepared') {
      return this.#commit(statement, request, undefined)
    } else if (transaction?.writer !== undefined) {
      // The COMMIT of a failed transaction is a ROLLBACK.
      if (control === 'commit' && !isFailed) return this.#commit(statement, request, transaction)
      if (control === 'commit' || control === 'rollback')
        database.replication.written.ends(transaction.writer, 'failed')
      if (control === 'prepare') database.replication.written.ends(transaction.writer, 'done')
    }
    return this.pass(config, statement.values, statement.callback, scope, statement.isSingle)
  }

  /** A write whose COMMIT is still to come: until then, and after it, the request must not run a second time. */
  #wroteIn(transaction: Transaction, request: RequestState): void {
    if (transaction.writer !== undefined) return
    transaction.writer = request
    this.#guard.database.replication.written.begins(request)
  }

  #commit(statement: Statement, request: RequestState, transaction: Transaction | undefined): unknown {
    const { session, database } = this.#guard
    const { replication } = database
    const { analysis } = statement
    const writer = transaction?.writer
    replication.written.begins(request)
    return holdForPosition(this.#guard, statement, {
      wantsPosition: statement.scope?.consistency !== 'none',
      // What a procedure sets for its transaction cannot be seen: there the position that is always far enough is taken.
      asynchronous: analysis.synchronousCommit || analysis.access === 'unknown' || transaction?.asynchronous === true,
      over(outcome, error) {
        replication.written.ends(request, outcome)
        if (writer !== undefined) replication.written.ends(writer, outcome)
        noteUnreachable(statement.scope, error)
        // A string that began a transaction of its own has not committed that one.
        if (outcome === 'done' && session.status === 'T' && session.transaction !== undefined) {
          session.transaction.writer = request
          replication.written.begins(request)
        }
      },
      taken(position) {
        if (position instanceof Error) replication.written.withoutPosition(position)
        replication.written.wrote(request, position instanceof Error ? undefined : position)
      },
    })
  }

  /** A monotonic read: its position is what the client has seen. */
  #read(statement: Statement, request: RequestState): unknown {
    return holdForPosition(this.#guard, statement, readPositionInto(this.#guard, request))
  }

  /** Sends a statement as it is; what is called back runs in the scope of the question. */
  pass(
    config: QueryArgument,
    values: unknown,
    callback: unknown,
    scope: Scope | undefined,
    isSingle: boolean,
  ): unknown {
    const { send, client, answerMs } = this.#guard
    if (isSubmittable(config)) {
      keepInScope(config, scope)
      return send(config, values, callback)
    }
    // Promises keep their scope by themselves, connections have none, and the pool sees to its own callbacks.
    const isCalledBack = scope !== undefined && callbackOf(config, values, callback) !== undefined
    if (answerMs === undefined && (isSingle || !isCalledBack)) return send(config, values, callback)
    const query = makeQuery(this.#guard, config, values, callback)
    const { deliver, result } = replyTo(query.callback, scope, client._Promise)
    query.callback = deliver
    send(query)
    return result
  }
}

/** What `holdForPosition` does with the position of a read. */
export function readPositionInto(
  { database: { replication } }: Guarded,
  request: RequestState,
): Parameters<typeof holdForPosition>[2] {
  return {
    wantsPosition: true,
    asynchronous: false,
    over: () => undefined,
    taken(position) {
      if (!(position instanceof Error)) replication.written.read(request, position)
    },
  }
}
