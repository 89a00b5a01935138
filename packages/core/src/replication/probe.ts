import { errorCode, publish } from '../events.ts'
import type { Observation, ServerInstance } from '../position.ts'
import { Breaker } from './breaker.ts'
import type { PrimaryCluster } from './cluster.ts'
import { Contact } from './contact.ts'
import type { Servers } from './observed.ts'
import type { ReplicationSource } from './source.ts'

/** How often (ms), at most, the local server is asked whether it still has its role. */
const recheckMs = 500

/** How long (ms) new connections to a server that is to be left are kept: its name still leads to it. */
const leftMs = 1_000

/** Asks the servers who they are and how far they have come, and knows when the local one is out of reach. */
export class Prober {
  readonly #database: string
  readonly #source: ReplicationSource
  readonly #servers: Servers
  readonly #cluster: PrimaryCluster
  readonly #breaker: Breaker
  readonly #contact: Contact
  #asking: Promise<Observation> | undefined
  #asksNext: Promise<Observation> | undefined
  #recheckedAt = Number.NEGATIVE_INFINITY

  constructor(database: string, source: ReplicationSource, servers: Servers, cluster: PrimaryCluster) {
    this.#database = database
    this.#source = source
    this.#cluster = cluster
    this.#servers = servers
    this.#contact = new Contact(source.algebra, source.probePrimary?.bind(source))
    this.#breaker = new Breaker(
      // A server that refuses our login is there.
      () => this.probe().catch((error: unknown) => (this.isOutage(error) ? Promise.reject(error) : undefined)),
      (open, cause) => {
        const { setting } = servers
        if (open) publish('replica-unavailable', { database, setting, code: errorCode(cause) })
        else publish('replica-available', { database, setting })
      },
    )
  }

  /** Whether reads skip the replica for now: its circuit breaker is open. */
  get isUnavailable(): boolean {
    return this.#breaker.isOpen
  }

  /** The local server could not be reached: the circuit breaker of a replica opens. In place of the primary there is none. */
  reportUnreachable(cause: unknown): void {
    if (this.#servers.expects === 'replica' && this.isOutage(cause)) this.#breaker.fail(cause)
  }

  /**
   * Asks the local server, on the adapter's own connection. One question is under way at most; who asks meanwhile shares the
   * next one, so that no answer is older than its question.
   */
  probe(): Promise<Observation> {
    if (this.#asking === undefined) return this.#share(() => this.#source.probe())
    this.#asksNext ??= this.#asking
      .catch(() => undefined)
      .then(() => {
        this.#asksNext = undefined
        return this.probe()
      })
    return this.#asksNext
  }

  /** `probe` that waits on the server for a position; undefined where that cannot be asked, or not now. */
  probeArrival(at: string, withinMs: number): Promise<Observation> | undefined {
    const question = this.#asking === undefined ? this.#source.probeArrival?.(at, withinMs) : undefined
    return question && this.#share(() => question)
  }

  /** `probe`, with the lag, and how old that is; both are told. */
  async probeLag(): Promise<Observation> {
    const { probeLag } = this.#source
    const observation = await (probeLag === undefined ? this.probe() : this.#hear(() => probeLag.call(this.#source)))
    if (observation.role !== 'replica') return observation
    const { lagSeconds, lagBytes } = observation
    const lastContactSeconds = this.#contact.age(observation)
    publish('lag', { database: this.#database, lagSeconds, lagBytes, lastContactSeconds })
    return { ...observation, lastContactSeconds }
  }

  /** Asks without waiting, where the database can be asked so; undefined where it cannot. */
  probeSync(): ServerInstance | undefined {
    const { probeSync } = this.#source
    return probeSync === undefined ? undefined : this.#servers.connected(probeSync.call(this.#source))
  }

  /**
   * Sees to it, in the background, that the local server is asked again for its role: to be called wherever an answer is given
   * on the strength of the role that is remembered. Where nothing else is sent to the server, a promotion would never show.
   *
   * @param isUrgent something has just shown that the role may be wrong: it is asked at once. Default: at most every half second.
   */
  recheckRole(isUrgent = false): void {
    const now = performance.now()
    if (!isUrgent && now - this.#recheckedAt < recheckMs) return
    this.#recheckedAt = now
    this.probe().catch(() => undefined)
  }

  /**
   * A reader has shown that another primary has taken over from this server: its name may lead to that one by now, so that all
   * connections to it are left, ours as well. Readers may be wrong, so that new ones are kept for a while.
   */
  leaves(server: ServerInstance): void {
    const now = Date.now()
    if (server.leftAt !== undefined && now - server.leftAt < leftMs) return
    server.leftAt = now
    this.#source.leave?.()
  }

  /** The connection that `probe` asks on ended without being asked to. */
  connectionLost(): void {
    this.#servers.disconnected(this.#servers.local)
    this.#contact.forget()
  }

  /** Whether the primary answers from here: what a replica that is down is replayed to. */
  async primaryAnswers(): Promise<boolean> {
    const observation = await this.#source.probePrimary?.()
    return observation?.role === 'primary'
  }

  /** No more probes: the pool ends. */
  async end(): Promise<void> {
    this.#breaker.close()
    await this.#source.end()
  }

  #share(ask: () => Promise<Observation>): Promise<Observation> {
    this.#asking = this.#hear(ask).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #hear(ask: () => Promise<Observation>): Promise<Observation> {
    try {
      const observation = await ask()
      const comparable = this.#servers.comparable()
      if (comparable !== undefined) await comparable
      if (this.#servers.isForeign(observation)) {
        this.#servers.connected(observation)
        // It may be the other way round: the primary has been made anew, and this one follows it already.
        void this.#cluster.ask()
        throw foreignError()
      }
      this.#servers.probed(observation)
      return observation
    } catch (error) {
      this.reportUnreachable(error)
      throw error
    }
  }

  /** Whether an error of a probe says that the server is out of reach, and not only that our login may not ask. */
  isOutage(error: unknown): boolean {
    return this.#source.isOutage?.(error) ?? true
  }
}

/** Why a server of another cluster is out of reach, in the words of a driver. */
export function foreignError(): Error {
  const message = 'The local server belongs to another cluster than the primary'
  return Object.assign(new Error(message), { code: 'FOREIGN_CLUSTER' })
}
