import type { BareConnection, Command } from './driver-types.ts'
import { Turn } from './turn.ts'

/** How often (ms) connections are looked at. */
const lookMs = 1_000

/**
 * Bounds how long statements take on connections that are few: one that gets no answer in time loses its connection, so that
 * its caller hears of it and the next one gets another. What has a time of its own (the option `timeout`), and what is read
 * bit by bit (streams, events), is left alone. Looks now and then, so that a statement costs it nothing.
 */
export class Deadline {
  readonly #answerMs: number
  /** Since when each connection has been at what it is at. */
  readonly #watched: Map<BareConnection, { command: unknown; since: number }> = new Map()
  #timer: NodeJS.Timeout | undefined

  constructor(answerMs: number) {
    this.#answerMs = answerMs
  }

  /** Looks at a connection from now on, until it ends. */
  watch(connection: BareConnection): void {
    this.#watched.set(connection, { command: undefined, since: 0 })
    const gone = (): void => {
      this.#watched.delete(connection)
      if (this.#watched.size === 0) this.end()
    }
    connection.once('end', gone)
    connection.once('error', gone)
    this.#timer ??= setInterval(() => this.#look(), Math.min(lookMs, this.#answerMs)).unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const now = performance.now()
    for (const [connection, watched] of this.#watched) {
      const { _command: command } = connection
      if (command !== watched.command) Object.assign(watched, { command, since: now })
      else if (command instanceof Turn && isBounded(command.command) && now - watched.since >= this.#answerMs) {
        connection.stream.destroy(
          Object.assign(new Error(`The primary has not answered for ${this.#answerMs} ms`), { code: 'ETIMEDOUT' }),
        )
      }
    }
  }
}

function isBounded({ onResult, timeout }: Command): boolean {
  return onResult !== undefined && !timeout
}
