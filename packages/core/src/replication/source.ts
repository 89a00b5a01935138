import type { Observation, PositionAlgebra } from '../position.ts'
import type { ReplayTarget } from '../replay/target.ts'

/** What an adapter can ask of its database, on connections of its own, beside the ones that the app uses. */
export interface ReplicationSource {
  readonly algebra: PositionAlgebra
  /** Asks the member that is read from; rejects when it does not answer in time. */
  probe(): Promise<Observation>
  /**
   * The same as `probe`, answered as soon as the member has come as far as `at`, or after `withinMs` where it has not by then.
   * Undefined where its server cannot wait by itself: it is asked again and again instead. Default: none can.
   */
  probeArrival?(at: string, withinMs: number): Promise<Observation> | undefined
  /** The server that answers is to be left: what is asked next is asked on a new connection. Default: nothing is held open. */
  leave?(): void
  /** Ends what `probe` holds open. */
  end(): Promise<void>
  /** The same as `probe`, with the lag: where that is a question of its own. Default: `probe` tells it. */
  probeLag?(): Promise<Observation>
  /** Asks the primary, from wherever this is; rejects when it does not answer in time. Default: it cannot be asked. */
  probePrimary?(): Promise<Observation>
  /** The same as `probe`, at once, where that costs next to nothing: what is known then is never older than its use. */
  probeSync?(): Observation
  /**
   * Reads that must be fresh are sent together with the question how far their server has come, in one round trip. Then
   * there is no question ahead of it, where the replica is not known to be behind. Default: false.
   */
  readonly checksReads?: boolean
  /** Where the primary is at the moment, if the database itself says so. Default: in the topology's primary region. */
  target?(): ReplayTarget | undefined
  /** What keeps the database from telling its position, where that can be put right. Asked after `probe`. */
  whyNoPosition?(): Error | undefined
  /** Whether an error of `probe` says that the server is out of reach, and not only that this login may not ask. Default: true. */
  isOutage?(error: unknown): boolean
}
