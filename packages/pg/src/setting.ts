import type { QueryArgument, Submittable } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import type { Statement } from './statement.ts'

/**
 * A statement on a replica that sets something of its session. It holds once the server has said so; until then what follows
 * waits: a session that moved meanwhile would go on without it.
 */
export class SentSetting {
  readonly #connection: Guarded
  readonly #statement: Statement
  readonly #text: string
  #isOver = false

  /**
   * @param statement whose values do not change any more
   * @param text of it, as the server has it
   */
  constructor(connection: Guarded, statement: Statement, text: string) {
    this.#connection = connection
    this.#statement = statement
    this.#text = text
  }

  /** @param isOwn it is about to be sent as an object of the app's own: there its answer is seen only as it comes in */
  sends(query: Submittable, isOwn: boolean): void {
    if (!isOwn) return this.#connection.awaitSetting()
    const { guard, client } = this.#connection
    // What becomes of it there, the native client does not say.
    if (client.connection === undefined) return guard.session.isUnknown()
    const { handleCommandComplete, handleReadyForQuery, handleError } = query
    let hasRun = false
    query.handleCommandComplete = (message, wire) => {
      hasRun = true
      handleCommandComplete?.call(query, message, wire)
    }
    query.handleReadyForQuery = (wire) => {
      // A cursor that was closed before its end has set something, or nothing.
      if (hasRun) this.answered(undefined)
      else this.#isOverUnknown()
      handleReadyForQuery?.call(query, wire)
    }
    query.handleError = (error, wire) => {
      this.answered(error)
      handleError?.call(query, error, wire)
    }
    this.#connection.awaitSetting()
  }

  /** @param error why it has not been set */
  answered(error: unknown): void {
    const { database } = this.#connection
    // Without an answer, it may have been set all the same.
    if (error ? !database.facts.isAnswer(error) : this.#text === '') return this.#isOverUnknown()
    if (this.#isOver) return
    if (!error) this.#isAcknowledged()
    this.#ends()
  }

  #isAcknowledged(): void {
    const { analysis, bound } = this.#statement
    const text = this.#text
    this.#connection.guard.session.acknowledges(settingAgain(text, bound), text, analysis, bound ?? undefined)
  }

  #isOverUnknown(): void {
    if (this.#isOver) return
    this.#connection.guard.session.isUnknown()
    this.#ends()
  }

  #ends(): void {
    this.#isOver = true
    this.#connection.settingIsOver()
  }
}

/** What a setting is made again as: by its text, as prepared under a name elsewhere it would be in the way of the app's own. */
export function settingAgain(text: string, bound: unknown): QueryArgument {
  return bound === undefined || bound === null ? text : { text, values: bound }
}
