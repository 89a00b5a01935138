import type { DatabaseReplication } from '@flyroute/core/adapter'

/** How often (ms) busy connections are looked at, and for how many looks one may be busy before its server is asked. */
const lookMs = 500
const patience = 4

interface WatchedPool {
  on(event: 'acquire' | 'remove', listener: (client: WatchedClient) => void): unknown
  on(event: 'release', listener: (error: unknown, client: WatchedClient) => void): unknown
}

interface WatchedClient {
  readonly connection?: { readonly stream: { destroy(error?: Error): void } }
}

/**
 * Notices a replica that hangs instead of failing: where a connection has been out for two seconds, the server is asked
 * on another one. A long query on a server that answers is left alone; of one that does not, all connections are cut,
 * so that who waits is served elsewhere.
 */
export class Watchdog {
  readonly #replication: DatabaseReplication
  readonly #busy: Map<WatchedClient, number> = new Map()
  #timer: NodeJS.Timeout | undefined
  #looks = 0
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  watch(pool: WatchedPool): void {
    if (this.#replication.expects === 'primary') return
    pool.on('acquire', (client) => {
      this.#busy.set(client, this.#looks)
      this.#timer ??= this.#start()
    })
    const forget = (client: WatchedClient): void => {
      this.#busy.delete(client)
    }
    pool.on('release', (_, client) => forget(client))
    pool.on('remove', forget)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #start(): NodeJS.Timeout {
    const timer = setInterval(() => {
      this.#looks++
      if (this.#busy.size === 0) return this.end()
      const [oldest] = this.#busy.values()
      if (!this.#asking && this.#looks - (oldest ?? this.#looks) >= patience) void this.#ask()
    }, lookMs)
    timer.unref()
    return timer
  }

  async #ask(): Promise<void> {
    this.#asking = true
    try {
      await this.#replication.observe()
      // It answers: whoever is still busy is given as long again.
      for (const client of this.#busy.keys()) this.#busy.set(client, this.#looks)
    } catch (error) {
      this.#replication.failed(error)
      const lost = Object.assign(new Error('Connection terminated: the replica does not answer'), { code: 'ETIMEDOUT' })
      for (const client of this.#busy.keys()) client.connection?.stream.destroy(lost)
    } finally {
      this.#asking = false
    }
  }
}
