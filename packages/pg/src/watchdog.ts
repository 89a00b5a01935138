import { type Watchdog, Watched } from '@flyroute/core/adapter'

interface WatchedPool {
  on(event: 'connect' | 'remove', listener: (client: Client) => void): unknown
}

interface Client {
  readonly connection?: { readonly stream: { destroy(error?: Error): void } }
  /** The statement that the server is at. */
  readonly _activeQuery?: unknown
  /** It is being ended, and waits for the server to close the connection. */
  readonly _ending?: boolean
}

/** A connection of the pool: cut by its socket, since the driver does not tell of a statement that is given up. */
class WatchedClient extends Watched {
  readonly #client: Client

  constructor(client: Client) {
    super()
    this.#client = client
  }

  get work(): unknown {
    return this.#client._ending ? this.#client : this.#client._activeQuery
  }

  cut(error: Error): void {
    this.#client.connection?.stream.destroy(this.#client._ending ? undefined : error)
  }
}

/**
 * Watches the connections of a pool that lead to a server that is bounded.
 *
 * @param isOurs whether a client that the pool tells of does
 */
export function watchPool(pool: WatchedPool, watchdog: Watchdog, isOurs: (client: Client) => boolean): void {
  const watched = new Map<Client, WatchedClient>()
  pool.on('connect', (client) => {
    if (!isOurs(client)) return
    const one = new WatchedClient(client)
    watched.set(client, one)
    watchdog.begins(one)
  })
  pool.on('remove', (client) => {
    const one = watched.get(client)
    if (one !== undefined) watchdog.ends(one)
    watched.delete(client)
  })
}
