import type { BareClient, QueryArgument, QueryConfig } from './driver-types.ts'
import { type Guarded, guardOf } from './guarded.ts'
import { later } from './statement.ts'

/** For how long a connection takes over: for one transaction (or statement), or to the end of the check-out. */
export type Until = 'transaction' | 'release'

/**
 * A connection to the primary that stands in for one to a replica, where a request cannot be replayed: for a transaction
 * that writes, a cursor, a COPY, a LISTEN, an advisory lock. What was set for the session goes along.
 */
export class StandIn {
  readonly #guard: Guarded
  readonly #connecting: Promise<BareClient>
  #client: BareClient | undefined
  #isReady = false
  #hasLeft = false
  /** The session was changed for our sake: nobody else is to get this connection. */
  #isChanged = false

  /**
   * @param begin statements that begin the transaction anew
   * @param over called when nothing runs here any more
   */
  constructor(guard: Guarded, begin: readonly QueryArgument[], until: Until, over: () => void) {
    this.#guard = guard
    this.#connecting = this.#connect(begin)
    this.#connecting.then(
      (client) => {
        this.#isReady = true
        if (until === 'transaction') this.#leaveWhenIdle(client, over)
      },
      () => {
        this.leave(true)
        over()
      },
    )
  }

  /** Runs a statement here, in whichever form its caller waits for the answer. */
  run(config: QueryArgument, values: unknown, callback: unknown): unknown {
    const query = (): unknown => this.#client?.query(config, values, callback)
    if (this.#isReady) return query()
    return later({ config, values, callback }, this.#connecting, query, this.#guard.client)
  }

  /** Gives the connection back. One whose transaction nobody has ended is of no use to anybody else. */
  leave(error?: unknown): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const giveBack = (): void => {
      const client = this.#client
      if (client === undefined) return
      client.off('notification', this.#forward)
      const isUnfit = this.#isChanged || guardOf(client)?.session.transaction !== undefined
      client.release?.(error ?? (isUnfit ? true : undefined))
    }
    this.#connecting.then(giveBack, giveBack)
  }

  async #connect(begin: readonly QueryArgument[]): Promise<BareClient> {
    const client = await this.#guard.database.primaryPool().connect()
    this.#client = client
    client.on('notification', this.#forward)
    const { settings } = guardOf(client)?.session ?? {}
    for (const text of this.#guard.session.settings) {
      if (settings?.has(text)) continue
      this.#isChanged = true
      await client.query(text)
    }
    for (const config of begin) await client.query(withoutCallback(config))
    return client
  }

  #leaveWhenIdle(client: BareClient, over: () => void): void {
    const idle = (): void => {
      if (guardOf(client)?.session.transaction !== undefined) return
      client.off('drain', idle)
      this.leave()
      over()
    }
    client.on('drain', idle)
  }

  readonly #forward = (message: unknown): void => {
    this.#guard.client.emit('notification', message)
  }
}

/** The same statement, run for us: whoever sent it first has had their answer. */
function withoutCallback(config: QueryArgument): QueryArgument {
  if (typeof config === 'string') return config
  const { text, values } = config as QueryConfig
  return { ...(text === undefined ? {} : { text }), ...(values === undefined ? {} : { values }) }
}
