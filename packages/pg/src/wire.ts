import type { Ask, TransactionStatus, Wire } from '@flyroute/core/adapter'
import { addressOf, type BareClient } from './driver-types.ts'
import { OwnQuestions } from './own-question.ts'

/** Every value as the server wrote it: an app's own type parsers do not change what we read. */
export const rawText: { getTypeParser(): (value: string) => string } = { getTypeParser: () => (value) => value }

const statuses = { I: 'idle', T: 'open', E: 'failed' } as const

/** What core asks and sees of a client of node-postgres. */
export class PgWire implements Wire {
  readonly questions: OwnQuestions
  readonly #client: BareClient
  #hasDied = false
  readonly #send: (config: unknown) => unknown
  readonly #answerMs: number
  /** The native client does not tell it: there the texts do. */
  status: TransactionStatus | undefined

  /** @param answerMs how long the server may take to answer a question of ours; 0: as long as it wants */
  constructor(client: BareClient, send: (config: unknown) => unknown, answerMs: number) {
    this.questions = new OwnQuestions(client, () => this.status !== 'idle')
    this.#client = client
    this.#send = send
    this.#answerMs = answerMs
    this.status = client.connection === undefined ? undefined : 'idle'
  }

  readonly ask: Ask = async (sql) => {
    if (this.#client.connection !== undefined) return this.questions.ask(sql, this.#answerMs)
    const question = { text: sql, types: rawText, rowMode: 'array', query_timeout: this.#answerMs }
    const { rows } = (await this.#send(question)) as { rows: Awaited<ReturnType<Ask>> }
    return rows
  }

  readonly cut = (): void => {
    this.#client.connection?.stream.destroy()
  }

  get address(): string {
    return addressOf(this.#client)
  }

  get isEnded(): boolean {
    return this.#client._ending === true && !this.#hasDied
  }

  get isLost(): boolean {
    return this.#client._queryable === false
  }

  /** The connection has died by itself: its pool, which hears of that first, ends it then. */
  dies(): void {
    this.#hasDied ||= this.#client._ending !== true
  }

  get isQueued(): boolean {
    return !this.isQuiet && this.#client.pipeline !== true
  }

  get isQuiet(): boolean {
    const { readyForQuery, _activeQuery: active, _queryQueue: queue, _sentQueryQueue: sent } = this.#client
    // After an error nothing is being read, although the server has yet to say that it is ready.
    return (readyForQuery === true || active === null) && !queue?.length && !sent?.length
  }

  /** The server is ready for the next statement. */
  isReady(status: 'I' | 'T' | 'E'): void {
    this.status = statuses[status]
  }

  /** The server has answered with an error, and has yet to say that it is ready. */
  fails(): void {
    if (this.status === 'open') this.status = 'failed'
  }
}
