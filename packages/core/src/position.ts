/** Which of the two sorts of member a server is. */
export type Role = 'primary' | 'replica'

/**
 * A place in one database's replication log.
 *
 * Positions compare only within one cluster, and only where the epoch allows it: a server on an older
 * epoch than a position has not seen it, however far its own log goes.
 */
export interface Position {
  /** Identity of the cluster (Postgres: system identifier). Empty where the server would not tell. */
  readonly cluster: string
  /** How often the primary has moved (Postgres: timeline). 0 where the database knows no such thing. */
  readonly epoch: number
  /** The place itself, in the database's own notation: an LSN, a GTID set, a TXID. */
  readonly at: string
  /** When it was taken, by the primary's own clock, in milliseconds since 1970. */
  readonly time: number
}

/** The arithmetic of one database's positions; what an adapter's dialect brings along. */
export interface PositionAlgebra {
  /** Whether a server that stands at `reached` has everything up to `wanted`. False for what cannot be parsed. */
  covers(reached: string, wanted: string): boolean
  /** The smallest position that covers both. */
  merge(a: string, b: string): string
  /** Whether the text is a position at all; what a client sends is checked with this first. */
  isValid(at: string): boolean
  /** Whether the two certainly belong to different clusters; for databases whose clusters have no name. */
  areForeign?(a: string, b: string): boolean
  /** How many bytes of log lie between the two, where that can be said. */
  distance?(from: string, to: string): number | undefined
  /**
   * Whether what is wanted was written by a server that took over from this one, which calls itself primary; for databases
   * that know no epochs, where the position itself has to tell.
   */
  isOvertaken?(server: { readonly at: string; readonly source?: string | undefined }, wanted: string): boolean
}

/**
 * One running server process, from its start to its end.
 *
 * Within one run a replica's position only grows, so what was once observed holds for every connection to
 * that run. After a restart it may stand further back, but then those connections are gone as well.
 */
export interface ServerInstance {
  /** Distinguishes this run of this server from every other. */
  readonly id: string
  role: Role
  readonly cluster: string
  epoch: number
  /** The last position that was seen; undefined where the server cannot tell. */
  at: string | undefined
  /** What positions call this server, where they name the servers that have written (GTIDs). */
  readonly source?: string | undefined
  /** A replica that would run this user's writes, and keep them to itself: nothing but the guard keeps them away. */
  acceptsWrites?: boolean | undefined
  /** It writes temporary tables to a log of its own, where they are transactions that no other server has. Default: false. */
  logsTemporaryTables?: boolean | undefined
  /** Its sessions begin a transaction at the end of another, where that does not say otherwise. Default: false. */
  chainsTransactions?: boolean | undefined
  /** When (ms since 1970) a reader has shown that another primary has taken over from it: connections from before are left. */
  leftAt?: number
  /** Its clock minus ours (ms), where it tells positions without a time. */
  clockOffsetMs?: number | undefined
}

/** What a server said of itself. */
export interface Observation {
  readonly instance: string
  readonly role: Role
  readonly cluster: string
  readonly epoch: number
  readonly at: string | undefined
  /** What positions call this server, where they name the servers that have written (GTIDs). */
  readonly source?: string | undefined
  /** A replica that would run this user's writes, and keep them to itself. Default: false. */
  readonly acceptsWrites?: boolean | undefined
  /** It writes temporary tables to a log of its own. Default: false. */
  readonly logsTemporaryTables?: boolean | undefined
  /** Its sessions begin a transaction at the end of another, where that does not say otherwise. Default: false. */
  readonly chainsTransactions?: boolean | undefined
  /** Its clock minus ours (ms), where it tells positions without a time. */
  readonly clockOffsetMs?: number | undefined
  /** What a replica has received, replayed or not. */
  readonly received?: string | undefined
  /** For how long (seconds) what was received has waited to be replayed; 0 where nothing waits, undefined where that is not known. */
  readonly lagSeconds?: number | undefined
  /** How many bytes were received and not yet replayed. */
  readonly lagBytes?: number | undefined
  /** How long ago (seconds) a replica has last heard from its primary; undefined where it does not tell. */
  readonly lastContactSeconds?: number | undefined
}

/** Whether the server has everything up to the position. On doubt it has not. */
export function hasReached(
  server: Pick<ServerInstance, 'cluster' | 'epoch' | 'at'>,
  wanted: Pick<Position, 'cluster' | 'epoch' | 'at'>,
  algebra: PositionAlgebra,
): boolean {
  if (server.at === undefined || server.cluster !== wanted.cluster) return false
  if (server.epoch < wanted.epoch) return false
  return algebra.covers(server.at, wanted.at)
}

/**
 * The later of two positions: of two clusters the one that was taken later, of two epochs the newer one
 * (what lay beyond the switch is lost, there is nothing to wait for), else the one that covers both.
 */
export function mergePositions(a: Position, b: Position, algebra: PositionAlgebra): Position {
  if (a.cluster !== b.cluster) return a.time > b.time ? a : b
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b
  if (algebra.covers(a.at, b.at)) return a
  if (algebra.covers(b.at, a.at)) return b
  return { cluster: a.cluster, epoch: a.epoch, at: algebra.merge(a.at, b.at), time: Math.max(a.time, b.time) }
}
