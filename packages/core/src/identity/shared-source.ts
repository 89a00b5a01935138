import type { Observation, PositionAlgebra } from '../position.ts'
import type { ReplicationSource } from '../replication/source.ts'

export interface SharedSourceOptions {
  readonly algebra: PositionAlgebra
  readonly checksReads?: boolean
  /** Whether an error is the server's word that this login may not come in. Such a server is not out of reach. */
  isLoginRefused(error: unknown): boolean
}

/**
 * One server that is asked with the login of any client that leads to it. A login that is refused (its password was changed,
 * its database dropped) says nothing about the server: another one asks. Without any client the last login that was let in
 * may still ask, so that what a middleware holds answers between two clients.
 */
export class SharedSource implements ReplicationSource {
  readonly algebra: PositionAlgebra
  readonly checksReads: boolean
  readonly #isLoginRefused: (error: unknown) => boolean
  /** Those of clients that are in use, in the order they came. */
  readonly #members: Set<ReplicationSource> = new Set()
  /** The one that has answered last; the first one before any has. */
  #proven: ReplicationSource | undefined
  /** Those whose clients have gone. */
  readonly #gone: WeakSet<ReplicationSource> = new WeakSet()
  #ended = false

  constructor({ algebra, checksReads = false, isLoginRefused }: SharedSourceOptions) {
    this.algebra = algebra
    this.checksReads = checksReads
    this.#isLoginRefused = isLoginRefused
  }

  /** A login that may ask where there is no other. */
  offer(member: ReplicationSource): void {
    this.#proven ??= member
  }

  /** A client with this login is in use. */
  add(member: ReplicationSource): void {
    this.#proven ??= member
    this.#members.add(member)
  }

  /**
   * No client with this login is in use any more: its connection ends.
   *
   * @param successor asks with the same login from now on, where there is no other
   */
  async remove(member: ReplicationSource, successor: ReplicationSource): Promise<void> {
    this.#members.delete(member)
    this.#gone.add(member)
    const [other = successor] = this.#members
    if (this.#proven === member) this.#proven = other
    await member.end()
  }

  probe(): Promise<Observation> {
    return this.#ask((member) => member.probe())
  }

  probeLag(): Promise<Observation> {
    return this.#ask((member) => member.probeLag?.() ?? member.probe())
  }

  probeArrival(at: string, withinMs: number): Promise<Observation> | undefined {
    return this.#proven?.probeArrival?.(at, withinMs)
  }

  probePrimary(): Promise<Observation> {
    return this.#ask((member) => member.probePrimary?.() ?? member.probe())
  }

  leave(): void {
    this.#proven?.leave?.()
    for (const member of this.#members) if (member !== this.#proven) member.leave?.()
  }

  whyNoPosition(): Error | undefined {
    return this.#proven?.whyNoPosition?.()
  }

  isOutage(error: unknown): boolean {
    return !(error instanceof ClientGone || this.#isLoginRefused(error))
  }

  async end(): Promise<void> {
    this.#ended = true
    await Promise.all([...this.#members, ...(this.#proven === undefined ? [] : [this.#proven])].map((one) => one.end()))
  }

  async #ask(question: (member: ReplicationSource) => Promise<Observation>): Promise<Observation> {
    if (this.#ended) throw new Error('The pool has ended')
    const candidates = new Set(this.#proven === undefined ? this.#members : [this.#proven, ...this.#members])
    let refusal: unknown = new ClientGone()
    for (const member of candidates) {
      try {
        const observation = await question(member)
        if (!this.#gone.has(member)) this.#proven = member
        return observation
      } catch (error) {
        // Its last client has gone in the middle of the question: the server has not said anything.
        refusal = this.#gone.has(member) ? new ClientGone(error) : error
        if (this.isOutage(refusal)) throw refusal
      }
    }
    throw refusal
  }
}

class ClientGone extends Error {
  constructor(cause?: unknown) {
    super('No client is left to ask with', { cause })
  }
}
