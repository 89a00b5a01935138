import type { DatabaseReplication } from '@flyroute/core/adapter'

/** How often (ms) connections are looked at, and for how many looks one may be at the same statement. */
const lookMs = 500
const patience = 2

interface WatchedPool {
  on(event: 'connect' | 'remove', listener: (client: WatchedClient) => void): unknown
}

interface WatchedClient {
  readonly connection?: { readonly stream: { destroy(error?: Error): void } }
  /** The statement that the server is at. */
  readonly _activeQuery?: unknown
}

/** What a connection was at when it was last looked at, and for how many looks by now. */
interface Work {
  statement: unknown
  looks: number
}

/**
 * Notices a replica that hangs instead of failing: where a connection has been at one statement for a second, the
 * server is asked on another one. A long query on a server that answers is left alone; of one that does not, all
 * connections that wait for it are cut, so that who waits is served elsewhere.
 *
 * It looks at the connections now and then, so that a statement itself costs nothing.
 */
export class Watchdog {
  readonly #replication: DatabaseReplication
  readonly #clients: Map<WatchedClient, Work> = new Map()
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  /** @param isOurs whether a client that the pool tells of leads to the replica */
  watch(pool: WatchedPool, isOurs: (client: WatchedClient) => boolean): void {
    if (this.#replication.servers.expects === 'primary') return
    pool.on('connect', (client) => {
      if (!isOurs(client)) return
      this.#clients.set(client, { statement: undefined, looks: 0 })
      this.#timer ??= this.#start()
    })
    pool.on('remove', (client) => {
      this.#clients.delete(client)
      if (this.#clients.size === 0) this.end()
    })
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #start(): NodeJS.Timeout {
    const timer = setInterval(() => this.#look(), lookMs)
    timer.unref()
    return timer
  }

  #look(): void {
    let longest = 0
    for (const [client, work] of this.#clients) {
      const statement = client._activeQuery ?? undefined
      work.looks = statement !== undefined && statement === work.statement ? work.looks + 1 : 0
      work.statement = statement
      longest = Math.max(longest, work.looks)
    }
    if (longest >= patience && !this.#asking) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    try {
      await this.#replication.prober.probe()
      // It answers: whoever is still busy is given as long again.
      for (const work of this.#clients.values()) work.looks = 0
    } catch (error) {
      this.#replication.prober.reportUnreachable(error)
      const lost = Object.assign(new Error('Connection terminated: the replica does not answer'), { code: 'ETIMEDOUT' })
      for (const [client, { statement }] of this.#clients) {
        if (statement !== undefined) client.connection?.stream.destroy(lost)
      }
    } finally {
      this.#asking = false
    }
  }
}
