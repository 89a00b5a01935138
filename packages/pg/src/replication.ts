import { lsn, type Observation, type ReplicationSource } from '@flyroute/core/adapter'
import type { BareClient, ClientClass } from './driver-types.ts'
import { type Observer, rawText } from './observer.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000

/**
 * The connection that asks the member next door where it stands: one of its own, so that a pool whose connections all
 * hang does not silence it; opened when it is needed, and never what keeps a process alive.
 */
export class PgReplicationSource implements ReplicationSource {
  readonly algebra: typeof lsn = lsn
  readonly #Client: ClientClass
  readonly #config: object
  readonly #observer: Observer
  readonly #lost: () => void
  #client: Promise<BareClient> | undefined
  #idle: NodeJS.Timeout | undefined
  #ended = false

  /** @param lost told when the connection has died: its server may have been started anew, further back in the log */
  constructor(Client: ClientClass, config: object, observer: Observer, lost: () => void) {
    this.#Client = Client
    const name = 'flyroute'
    this.#config = { ...config, application_name: name, connectionTimeoutMillis: answerMs, query_timeout: answerMs }
    this.#observer = observer
    this.#lost = lost
  }

  async observe(): Promise<Observation> {
    if (this.#ended) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    this.#client ??= this.#open()
    const opened = this.#client
    try {
      const client = await opened
      client.ref?.()
      const ask = (text: string): Promise<{ rows: unknown[] }> =>
        client.query({ text, types: rawText, rowMode: 'array' }) as Promise<{ rows: unknown[] }>
      const observation = await this.#observer.ask(ask, client, 'local')
      client.unref?.()
      this.#idle = setTimeout(() => void this.#close(opened), idleMs)
      this.#idle.unref?.()
      return observation
    } catch (error) {
      void this.#close(opened)
      throw error
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#idle)
    if (this.#client !== undefined) await this.#close(this.#client)
  }

  async #open(): Promise<BareClient> {
    const client = new this.#Client(this.#config)
    client.on('error', () => this.#lost())
    client.once('end', () => {
      this.#client = undefined
    })
    await client.connect()
    return client
  }

  async #close(opened: Promise<BareClient>): Promise<void> {
    if (this.#client === opened) this.#client = undefined
    await opened.then((client) => client.end()).catch(() => undefined)
  }
}
