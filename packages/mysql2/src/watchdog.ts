import type { DatabaseReplication } from '@flyroute/core/adapter'
import type { BareConnection } from './driver-types.ts'

/** How often (ms) connections are looked at, and for how many looks one may be at the same command before its server is asked. */
const lookMs = 500
const patience = 4

interface Watched {
  command: unknown
  looks: number
}

/**
 * Notices a replica that hangs instead of failing: where a connection has been at one command for two seconds, the server is
 * asked on another one. A long query on a server that answers is left alone; of one that does not, all busy connections are
 * cut, so that who waits is served elsewhere. Looks now and then, so that a statement costs it nothing.
 */
export class Watchdog {
  readonly #replication: DatabaseReplication
  readonly #watched: Map<BareConnection, Watched> = new Map()
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  /** Looks at a connection from now on, until it ends. */
  watch(connection: BareConnection): void {
    if (this.#replication.servers.expects === 'primary') return
    this.#watched.set(connection, { command: undefined, looks: 0 })
    const gone = (): void => {
      this.#watched.delete(connection)
    }
    connection.once('end', gone)
    connection.once('error', gone)
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    let isSuspicious = false
    for (const [{ _command: command, _closing }, watched] of this.#watched) {
      const isBusy = command !== undefined && command !== null && !_closing
      watched.looks = isBusy && command === watched.command ? watched.looks + 1 : 0
      watched.command = command
      if (watched.looks >= patience) isSuspicious = true
    }
    if (this.#watched.size === 0) this.end()
    else if (isSuspicious && !this.#asking) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    try {
      await this.#replication.prober.probe()
      // It answers: whoever is still busy is given as long again.
      for (const watched of this.#watched.values()) watched.looks = 0
    } catch (error) {
      this.#replication.prober.reportUnreachable(error)
      const lost = Object.assign(new Error('The replica does not answer'), { code: 'ETIMEDOUT' })
      for (const [connection, { looks }] of this.#watched) if (looks > 0) connection.stream.destroy(lost)
    } finally {
      this.#asking = false
    }
  }
}
