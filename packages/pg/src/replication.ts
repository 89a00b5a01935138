import {
  type Ask,
  lsn,
  type Observation,
  type ReplicationSource,
  type Role,
  waitForReplay,
} from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import type { BareClient, ClientClass } from './driver-types.ts'
import { type Observer, rawText, type Side } from './observer.ts'
import { keepPassword } from './options.ts'
import { type Query, ServerWait } from './server-wait.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000
/** For how long (ms) what a replica has told in full holds, but for its place. */
const briefMs = 500

export interface PgSourceOptions {
  readonly Client: ClientClass
  readonly config: PoolConfig
  readonly observer: Observer
  /** Which member is asked. */
  readonly side: Side
  /** What the settings say that it is. */
  readonly expected: Role
  /** Told when the connection has died: its server may have been started anew, further back in the log. */
  readonly lost?: () => void
  /** Asks the primary, where that is another server. */
  readonly primary?: PgReplicationSource | undefined
}

/**
 * The connection that asks a member where it stands: one of its own, so that a pool whose connections all hang does not
 * silence it; opened when it is needed, and never what keeps a process alive.
 */
export class PgReplicationSource implements ReplicationSource {
  readonly algebra: typeof lsn = lsn
  readonly checksReads = true
  readonly #options: PgSourceOptions
  readonly #config: PgSourceOptions['config']
  #client: Promise<BareClient> | undefined
  #wait: ServerWait | undefined
  /** What was last told in full. */
  #told: { readonly by: BareClient; readonly at: number; readonly observation: Observation } | undefined
  #idle: NodeJS.Timeout | undefined
  #ended = false

  constructor(options: PgSourceOptions) {
    const name = 'flyroute'
    this.#options = options
    this.#config = {
      ...options.config,
      application_name: name,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    }
  }

  probe(): Promise<Observation> {
    return this.#probe()
  }

  probeArrival(at: string, withinMs: number): Promise<Observation> | undefined {
    // A connection that has not told anything yet is asked plainly: what it refuses then is the question.
    const canWait = this.#wait?.isPossible && this.#told?.by === this.#wait.client
    const wait = canWait ? waitForReplay(at, withinMs) : undefined
    return wait === undefined ? undefined : this.#probe(wait)
  }

  /** Asks something else on the same connection. */
  async ask(sql: string): ReturnType<Ask> {
    const { rows } = await this.#use(async (query) => ({ value: await query(sql), isMisplaced: false }))
    return rows as Awaited<ReturnType<Ask>>
  }

  /** @param wait the statement that the answer is to wait for, where the connection still knows it */
  #probe(wait?: string): Promise<Observation> {
    return this.#use(async (query, client) => {
      const server = this.#wait
      const asks = wait !== undefined && server?.client === client ? server.before(query, wait) : query
      const value = await this.#ask(asks, client)
      // Where the primary should be and is none, the name may lead to another server next time.
      return { value, isMisplaced: this.#options.expected === 'primary' && value.role === 'replica' }
    })
  }

  async #use<T>(work: (query: Query, client: BareClient) => Promise<{ value: T; isMisplaced: boolean }>): Promise<T> {
    if (this.#ended) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    const opened = (this.#client ??= this.#open())
    try {
      const client = await opened
      client.ref?.()
      const query: Query = (text) => client.query({ text, types: rawText, rowMode: 'array' }) as ReturnType<Query>
      const { value, isMisplaced } = await work(query, client)
      client.unref?.()
      this.#idle = setTimeout(() => void this.#close(opened), isMisplaced ? 0 : idleMs)
      this.#idle.unref?.()
      return value
    } catch (error) {
      void this.#close(opened)
      throw error
    }
  }

  async #ask(query: Query, client: BareClient): Promise<Observation> {
    const { observer, side } = this.#options
    const last = this.#told
    if (last?.by === client && performance.now() - last.at < briefMs) {
      const observation = await observer.askAgain(query, last.observation)
      if (observation !== undefined) return observation
    }
    const observation = await observer.ask(query, client, side)
    this.#told = { by: client, at: performance.now(), observation }
    return observation
  }

  probePrimary(): Promise<Observation> {
    return (this.#options.primary ?? this).probe()
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#idle)
    await Promise.all([this.#client && this.#close(this.#client), this.#options.primary?.end()])
  }

  #open(): Promise<BareClient> {
    const client = new this.#options.Client(this.#config)
    keepPassword(client, this.#config)
    this.#wait = new ServerWait(client)
    client.on('error', () => this.#options.lost?.())
    const opened = Promise.resolve(client.connect()).then(() => client)
    // Another one may have taken its place by the time it ends.
    client.once('end', () => {
      if (this.#client === opened) this.#client = undefined
    })
    return opened
  }

  async #close(opened: Promise<BareClient>): Promise<void> {
    if (this.#client === opened) this.#client = undefined
    await opened.then((client) => client.end()).catch(() => undefined)
  }
}
