import { interpretError, type Position, rollbackFor, runInScope, type Verdict } from '@flyroute/core/adapter'
import { sendChecked } from './checked-read.ts'
import { type Callback, callbackOf, isSubmittable, type Submittable, textOf, textOn } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { holdForPosition } from './held-answer.ts'
import { readPosition } from './on-primary.ts'
import { SentSetting } from './setting.ts'
import { Dropped, Rerun } from './signals.ts'
import { answerTo, replyTo, type Statement, sendStatement } from './statement.ts'

/** Sends statements to a replica, and has core interpret what fails there. */
export class OnReplica {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  send(sent: Statement): unknown {
    const { guard, client, database } = this.#connection
    // What the server may refuse is run again elsewhere, and so is what sets something: as it was when it was sent.
    const isFixed = sent.analysis.access !== 'read' || sent.analysis.leaves === 'setting'
    const statement = isFixed ? sent.fixed(database.driver) : sent
    const { config, analysis, scope } = statement
    const failed = this.#failing(statement)
    const text = textOn(client, config) ?? ''
    guard.session.sends(text, analysis)
    if (isSubmittable(config)) this.#interceptErrors(config, statement)
    const setting = analysis.leaves === 'setting' ? new SentSetting(this.#connection, statement, text) : undefined
    if (setting === undefined && scope?.consistency === 'monotonic' && analysis.transaction === undefined) {
      return holdForPosition(this.#connection, statement, { ...readPosition(this.#connection, scope), failed })
    }
    return sendStatement(this.#connection, statement, {
      sends: (query, isOwn) => setting?.sends(query, isOwn),
      answered(error, value, deliver) {
        setting?.answered(error)
        if (error) failed(error, deliver)
        else deliver(null, value)
      },
    })
  }

  /** Asks and reads in one round trip; where the replica turns out to be behind, it is as if nothing had been read. */
  sendChecked(statement: Statement, need: Position): { result: unknown; decided: Promise<void> } {
    const { config, values, callback, analysis, scope } = statement
    const { guard, client, database } = this.#connection
    const failed = this.#failing(statement)
    const { deliver, result } = answerTo(statement, callbackOf(config, values, callback), client)
    const again = statement.again(deliver)
    const text = textOf(config) ?? ''
    guard.session.sends(text, analysis)
    const decided = new Promise<void>((decide) => {
      sendChecked(this.#connection, statement, need, {
        answer: (error, value) => {
          decide()
          if (error) failed(error, deliver)
          else deliver(null, value)
        },
        behind: (error) => {
          decide()
          // A replica that is lost is not waited for.
          if (database.facts.readError(error) === 'unavailable') failed(error, deliver)
          else runInScope(scope, () => this.#connection.whenReady(again, need))
        },
      })
    })
    return { result, decided }
  }

  interpret(
    { config, analysis, scope }: Pick<Statement, 'config' | 'analysis' | 'scope'>,
    error: unknown,
    canMove: boolean,
  ): Verdict {
    const failure = { analysis, text: textOf(config), scope, error, wasSent: true, canMove }
    return interpretError(this.#connection.guard, failure)
  }

  /** As the server does: the COMMIT of an aborted transaction is answered with ROLLBACK. */
  rollsBack({ config, values, callback, analysis, scope }: Statement): unknown {
    const { guard, client, send } = this.#connection
    guard.session.sends(config, { ...analysis, transaction: 'rollback' })
    const { deliver, result } = replyTo(callbackOf(config, values, callback), scope, client._Promise)
    send(rollbackFor(analysis), undefined, deliver)
    return result
  }

  /** What is done with an error of a statement that is about to be sent. */
  #failing(statement: Statement): (error: unknown, deliver: Callback) => void {
    const { session } = this.#connection.guard
    const { canMove, mark } = session
    return (error, deliver) => {
      const { scope, isPoolQuery } = statement
      const verdict = this.interpret(statement, error, canMove || isPoolQuery)
      if (isPoolQuery) this.#connection.watchRelease()
      if (verdict === 'pass') return deliver(error)
      if (verdict === 'drop') return this.#drop(statement, deliver)
      if (verdict !== 'rerun') return deliver(verdict)
      // The pool runs its own statements again by itself.
      if (isPoolQuery) return deliver(new Rerun(error))
      session.returnTo(mark)
      runInScope(scope, () => this.#connection.runOnPrimary(statement.again(deliver)))
    }
  }

  /** The caller hears nothing, or what has it give the connection back; the pool gets its own back. */
  #drop({ isPoolQuery, scope }: Statement, deliver: Callback): void {
    const told = this.#connection.dropped(scope)
    if (isPoolQuery || !(told instanceof Dropped)) deliver(told)
  }

  /** Of a cursor or a stream, what has begun cannot be run again elsewhere. */
  #interceptErrors(query: Submittable, statement: Statement): void {
    const { handleError } = query
    query.handleError = (error, connection) => {
      if (!this.#connection.database.facts.isAnswer(error)) closeAtOnce(query.cursor ?? query)
      const verdict = this.interpret(statement, error, false)
      if (verdict === 'drop') return this.#drop(statement, (told) => handleError?.call(query, told, connection))
      handleError?.call(query, verdict === 'pass' || verdict === 'rerun' ? error : verdict, connection)
    }
  }
}

/** A cursor that is closed waits until its server is ready, which one that is lost never says: a stream would not end. */
function closeAtOnce(cursor: Submittable): void {
  if (typeof cursor.close !== 'function') return
  cursor.close = (callback) => {
    if (callback === undefined) return Promise.resolve()
    process.nextTick(callback)
    return undefined
  }
}
