import type { Role } from '../position.ts'
import type { Topology } from '../topology/topology.ts'

/** What a database says of itself, on `status()`. */
export interface ReplicationStatus {
  /** Role of the member this process reads from. */
  readonly role: Role
  readonly region: string | undefined
  /** Its place in the replication log; undefined where it cannot tell. */
  readonly position: string | undefined
  /** Bytes received but not yet replayed; undefined where the server cannot tell. */
  readonly lagBytes?: number | undefined
  /** For how long (seconds) what was received has waited to be replayed; 0 when nothing waits, undefined where that is not known. */
  readonly lagSeconds?: number | undefined
  /**
   * How long ago (seconds) the replica has certainly heard from its primary: as old is what it says of its lag, also that there is
   * none. Up to half a minute where the primary is idle. Only of a replica; undefined where nothing is known.
   */
  readonly lastContactSeconds?: number | undefined
  /** Whether the replica is skipped because it could not be reached. */
  readonly replicaUnavailable: boolean
  /** The replica would run this user's writes, and keep them to itself: nothing but flyroute keeps them away. Only where it is so. */
  readonly acceptsWrites?: boolean | undefined
}

/** The one property that an adapter adds to the driver's own object. */
export interface Replication {
  /** Where the database is, from here; `role` is that of the member that is connected. */
  readonly topology: Topology
  /**
   * A token for what has been written so far by this process: code that reads with it (a job, another service) sees that.
   *
   * @throws the driver's error when the database cannot be asked.
   * @throws ConfigurationError where its settings keep it from telling a position (MySQL without GTIDs)
   */
  currentToken(): Promise<string>
  /**
   * Resolves as soon as the member that is read from has everything up to the token.
   *
   * @param options.timeoutMs default 5,000
   * @throws PrimaryRequiredError with reason `stale` at the time-out
   */
  waitFor(token: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<void>
  status(): Promise<ReplicationStatus>
}
