import type { ReplayTarget, Replication } from '@flyroute/core'
import type { DatabaseNode } from '../clusters.ts'
import type { SqlDialect } from './dialect.ts'

/** Runs one statement, given as text, and resolves with its rows (or with nothing that is looked at, for a write). */
export type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>

/** What an adapter has opened, in the few words that the suite speaks. */
export interface Subject {
  /** The object that the adapter returns, as it is handed to a middleware. */
  readonly database: { readonly replication: Replication }
  /** One statement by itself, on whichever connection: autocommit. */
  readonly query: Query
  /** BEGIN, `work`, COMMIT, all on one connection; ROLLBACK when `work` rejects, whose error is passed on. */
  transaction<T>(work: (query: Query) => Promise<T>): Promise<T>
  /** The texts that the driver's own log has told, in their order; where it has one (`hasLog`). */
  readonly logged?: readonly string[]
  /** Ends everything that was opened; resolves when it is closed. */
  end(): Promise<void>
}

/** How the suite wants a subject opened; all of it goes to the adapter as it is. */
export interface OpenOptions {
  /** The variables of a machine on Fly: `FLY_REGION`, `PRIMARY_REGION`, `DATABASE_URL` and `DATABASE_URL_<REGION>`. */
  readonly env: Readonly<Record<string, string>>
  /** How many connections the pool may have at most. */
  readonly max?: number
  readonly outsideRequest?: 'error' | 'primary'
  /** What a replay costs (ms). The suite sets it to make waiting cheap, or dear. */
  readonly replayCostMs?: number
}

/** What the suite does to a node of the cluster. */
type Actions = 'url' | 'port' | 'pauseReplay' | 'resumeReplay' | 'promote' | 'kill' | 'stop' | 'start'

/** A node of the cluster that the suite can also speak to as its administrator. */
export interface ConformanceNode extends Pick<DatabaseNode, Actions | 'pauseProcess' | 'resumeProcess'> {
  query<Row extends object>(sql: string): Promise<Row[]>
}

/** One primary with one replica. */
export interface ConformanceCluster {
  readonly primary: ConformanceNode
  readonly replicas: readonly ConformanceNode[]
  /** Waits until the replica has what the primary has. */
  caughtUp(timeoutMs?: number): Promise<void>
  dispose(): Promise<void>
}

/** Parts of the suite that a database may be unable to take part in. */
export type Feature =
  /** A write that its text does not give away, and that the database refuses when it runs. */
  | 'hidden-write'
  /** A server that accepts connections and does not answer. */
  | 'hanging'
  /** A replica that becomes the primary as the one before it is gone. */
  | 'promotion'
  /** A way to the primary from where a replica is. */
  | 'primary-connection'
  /** A replica that is killed, or stopped, and comes back. */
  | 'dying'
  /** Servers: processes of their own, with settings, passwords and connections. */
  | 'servers'
  /** A connection that is lost in the middle of a statement, behind which the driver connects again. */
  | 'lost-answer'
  /** A connection that can be closed by who uses it. */
  | 'closing'
  /** A pool that tells whether it has a connection. */
  | 'pool'
  /** A primary in another region, reached across an ocean: where there are no servers, there is none. */
  | 'distance'
  /** A statement that can wait for its replica to catch up. */
  | 'waiting-statement'

/** The groups of the suite. */
export type Group =
  | 'routing'
  | 'distance'
  | 'remote outages'
  | 'refusals'
  | 'transactions'
  | 'scopes'
  | 'tokens'
  | 'waiting'
  | 'once'
  | 'telling'
  | 'counting'
  | 'endings'
  | 'failures'
  | 'lost answers'
  | 'promotion'
  | 'takeover'

/** An adapter, as `describeAdapter` takes it. */
export interface AdapterUnderTest {
  /** What the tests are listed under. */
  readonly name: string
  readonly dialect: SqlDialect
  /** Starts one primary with one replica; the suite disposes of it. */
  startCluster(): Promise<ConformanceCluster>
  open(options: OpenOptions): Subject | Promise<Subject>
  /** Where a request is replayed that needs the primary. Default: its region. */
  readonly replaysTo?: ReplayTarget
  /** The name of the error that COMMIT ends with where the server says ROLLBACK. Default: it ends without one. */
  readonly abortedCommit?: string
  /** The driver has a log of statements, in which begin and commit stand as well. Default: false. */
  readonly hasLog?: boolean
  /**
   * Groups that this adapter has shown already with another version of its driver or its server, and that depend on neither.
   * Default: none.
   */
  readonly shownElsewhere?: readonly Group[]
  /** What is left out, each with its reason. */
  readonly without?: Partial<Record<Feature, string>>
}
