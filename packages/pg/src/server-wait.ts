import type { BareClient } from './driver-types.ts'
import { isServers, readError } from './refusal.ts'

/** Runs a text on a connection, below every guard; with arrays of text. */
export type Query = (sql: string) => Promise<{ rows: unknown[] }>

/** The first version that can. */
const since = 19

/** Whether the server of a connection can wait for a position by itself, and how it is told to. Asked once, at connect. */
export class ServerWait {
  readonly client: BareClient
  #can: boolean | undefined

  /** @param client not connected yet; of the native ones it is not known */
  constructor(client: BareClient) {
    this.client = client
    client.connection?.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      if (message.parameterName === 'server_version') this.#can ??= Number.parseInt(message.parameterValue, 10) >= since
    })
  }

  get isPossible(): boolean {
    return this.#can === true
  }

  /** The same query, but its first text is answered when the wait is over: in one round trip, as one transaction. */
  before(query: Query, wait: string): Query {
    let waits = this.isPossible
    return async (sql) => {
      if (!waits) return query(sql)
      waits = false
      try {
        const [waited, answer] = (await query(`${wait}; ${sql}`)) as unknown as { rows: unknown[][] }[]
        // It has become a primary, or a pooler in between leads elsewhere.
        if (!/^(success|timeout)$/.test(String(waited?.rows[0]?.[0]))) this.#can = false
        return answer as { rows: unknown[] }
      } catch (error) {
        const word = readError(error)
        if (!isServers(error) || word === 'unavailable' || word === 'recovery-conflict') throw error
        // The version has it, and something on the way, or a time-out of the app's, does not.
        this.#can = false
        return query(sql)
      }
    }
  }
}
