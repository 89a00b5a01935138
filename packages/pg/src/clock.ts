import { sentNow } from '@flyroute/core/adapter'
import type { BareClient, QueryArgument, Submittable } from './driver-types.ts'
import { activeOf, isOwnQuestion } from './own-question.ts'

/** What is told of a statement that has come back. */
export type Told = (query: QueryArgument, sentAt: number, error: unknown) => void

/**
 * Measures statements where the driver submits them and reads their answers, whatever form they were asked in: only while there is a
 * subscriber, and none of our own questions. Of what is sent ahead of its turn (pipelining) it measures from the answer before.
 */
export class Clock {
  readonly #client: BareClient
  readonly #tell: Told
  #query: Submittable | undefined
  #sentAt = 0

  constructor(client: BareClient, tell: Told) {
    this.#client = client
    this.#tell = tell
  }

  /** The driver may have submitted its next query. */
  looks(): void {
    const active = activeOf(this.#client) as Submittable | null | undefined
    if (!active || active === this.#query) return
    this.#query = undefined
    const sentAt = sentNow()
    if (sentAt === 0 || isOwnQuestion(active)) return
    this.#query = active
    this.#sentAt = active.sentAt ?? sentAt
  }

  /** The server has answered the query, or the query has failed: before its caller is told. */
  stops(error?: unknown): void {
    const query = this.#query
    if (query === undefined) return
    this.#query = undefined
    this.#tell(query, this.#sentAt, error)
  }
}
