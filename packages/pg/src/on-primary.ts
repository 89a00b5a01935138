import { Effect, noteUnreachable, type Scope, type Transaction } from '@flyroute/core/adapter'
import { isSubmittable, type QueryArgument, textOn } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import { type Hold, holdForPosition } from './held-answer.ts'
import { settingAgain } from './setting.ts'
import { pass, type Statement, sendStatement } from './statement.ts'

/** Sends statements to a primary: as they are, and with the position after each statement that commits something in a request. */
export class OnPrimary {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  send(statement: Statement): unknown {
    const connection = this.#connection
    const { config, values, callback, scope, isPoolQuery, analysis } = statement
    const { client } = connection
    const { session, effect } = connection.guard
    const { transaction } = session
    const text = textOn(client, config) ?? ''
    session.sends(text, analysis)
    if (effect === Effect.commits) return holdForPosition(connection, statement, this.#commits(statement, transaction))
    if (effect === Effect.reads && scope !== undefined) {
      return holdForPosition(connection, statement, readPosition(connection, scope))
    }
    if (analysis.leaves === 'setting' && !isSubmittable(config)) {
      return this.#acknowledged(statement.fixed(connection.database.driver), text)
    }
    if (scope !== undefined && client.readyForQuery === false) return sendStatement(connection, statement)
    return pass(connection, config, values, callback, scope, isPoolQuery)
  }

  /** What becomes of the answer to a statement that commits. */
  #commits({ analysis, scope }: Statement, transaction: Transaction<QueryArgument> | undefined): Hold {
    const { guard, database, wire } = this.#connection
    const { request, consistency } = scope as Scope
    return {
      wantsPosition: consistency !== 'none',
      asynchronous: guard.writes.isAsynchronous(analysis, transaction),
      over(outcome, error) {
        guard.ends(analysis, request, transaction, outcome)
        if (!wire.isEnded) noteUnreachable(database, scope, error)
      },
      taken: (position) => guard.writes.took(request, position),
    }
  }

  /** What it sets holds once the server has said so. With more under way, in which transaction that was is not known any more. */
  #acknowledged(statement: Statement, text: string): unknown {
    const { analysis, bound } = statement
    const { guard, wire } = this.#connection
    return sendStatement(this.#connection, statement, {
      answered(error, value, deliver) {
        if (error) guard.session.declines(analysis)
        else if (wire.isQuiet) guard.session.acknowledges(settingAgain(text, bound), text, analysis, bound)
        deliver(error, value)
      },
    })
  }
}

/** What becomes of the answer to a monotonic read. */
export function readPosition({ guard }: Guarded, { request }: Scope): Hold {
  return {
    wantsPosition: true,
    asynchronous: false,
    over: () => undefined,
    taken: (position) => guard.writes.saw(request, position),
  }
}
