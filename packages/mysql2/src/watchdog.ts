import type { DatabaseReplication } from '@flyroute/core/adapter'
import type { BareConnection } from './driver-types.ts'

/** How often (ms) busy connections are looked at, and for how many looks one may be busy before its server is asked. */
const lookMs = 500
const patience = 4

/**
 * Notices a replica that hangs instead of failing: where a connection has been out for two seconds, the server is asked
 * on another one. A long query on a server that answers is left alone; of one that does not, all connections are cut,
 * so that who waits is served elsewhere.
 */
export class Watchdog {
  readonly #replication: DatabaseReplication
  readonly #busy: Map<BareConnection, number> = new Map()
  #timer: NodeJS.Timeout | undefined
  #looks = 0
  #asking = false

  constructor(replication: DatabaseReplication) {
    this.#replication = replication
  }

  /** The pool has given out a connection. */
  out(connection: BareConnection): void {
    if (this.#replication.expects === 'primary') return
    this.#busy.set(connection, this.#looks)
    this.#timer ??= this.#start()
  }

  /** It has it back. */
  back(connection: BareConnection): void {
    this.#busy.delete(connection)
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
      for (const connection of this.#busy.keys()) this.#busy.set(connection, this.#looks)
    } catch (error) {
      this.#replication.failed(error)
      const lost = Object.assign(new Error('The replica does not answer'), { code: 'ETIMEDOUT' })
      for (const connection of this.#busy.keys()) connection.stream.destroy(lost)
    } finally {
      this.#asking = false
    }
  }
}
