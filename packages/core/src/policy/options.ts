import type { Traffic } from '../advice/traffic.ts'
import type { Log } from '../log/reporter.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import type { Replication } from '../replication/types.ts'
import type { Consistency } from '../request/state.ts'
import type { TokenCookie } from './cookie.ts'
import type { Fallbacks } from './fallbacks.ts'
import type { RouteTable } from './route-table.ts'

/** What a predicate sees of a request. */
export interface RequestFacts {
  readonly method: string
  /** The path with its query. */
  readonly path: string
  readonly headers: Headers
}

/**
 * Where requests are served whose reads have no server in this region:
 * - `learn`: where it is cheaper, by what requests of the same route have needed;
 * - `replay`: in the primary's region, always;
 * - `direct`: here, with each statement sent across, as without flyroute. What writes is replayed all the same.
 */
export type Placement = 'learn' | 'replay' | 'direct'

/** How requests are served; the same for every middleware. */
export interface ReplayPolicyOptions {
  /** Every object of the adapters that the handlers use: pools, dialects, databases. The first is the one whose primary is meant by a method. */
  readonly databases: readonly { readonly replication: Replication }[]
  /** What is replayed before the handler runs: methods, or a predicate. Default: POST, PUT, PATCH and DELETE. */
  readonly replayBeforeHandler?: readonly string[] | ((request: RequestFacts) => boolean)
  /** What reads must see. Default: `read-your-writes`. */
  readonly consistency?: Consistency
  /** How long (ms) a request waits at most for a replica that is behind its token; less where a replay is quicker. Default: 1,000. */
  readonly waitTimeoutMs?: number
  /** The token's cookie; `false` for none. Default: `flyroute`, for a day. */
  readonly cookie?: false | string | TokenCookie
  /** The header that carries the token for API clients, both ways; `false` for none. Default: `flyroute-token`. */
  readonly tokenHeader?: false | string
  /** Signs tokens; the first signs, all are accepted (rotation). Default: `FLYROUTE_SECRET`, comma-separated; else unsigned. */
  readonly secret?: string | readonly string[]
  /** The longest body (bytes) that Fly Proxy can replay. Default: 1,000,000. */
  readonly maxReplayBodyBytes?: number
  /** What cannot be replayed runs on the primary connection, or is answered 413 or 503. Default: `primary`. */
  readonly whenReplayUnavailable?: 'primary' | 'error'
  /** Whether a request may run twice: it is then run here after a replay that failed half-way. Default: GET, HEAD, OPTIONS only. */
  readonly isIdempotent?: (request: RequestFacts) => boolean
  /**
   * Where requests are served whose reads have no server in this region: where it is cheaper, by what their routes have needed;
   * always by a replay; or always from here. One for all, or for each request. Default: `learn`.
   */
  readonly placement?: Placement | ((request: RequestFacts) => Placement)
  /** How long (ms) the proxy may try to reach the primary region before the request comes back here. Default: 5,000. */
  readonly replayTimeoutMs?: number
  /**
   * Takes the lines that say where the databases are and what is wrong, in place of standard error: a function, or a logger such
   * as pino's or `console`. Whether anything is said is the environment's affair: `FLYROUTE_LOG`, by default `info` on Fly and
   * `off` elsewhere.
   */
  readonly log?: Log
  /** Adds `flyroute-debug` to every answer: region, role and why. Default: false. */
  readonly debugHeader?: boolean
}

/** The options with their defaults, checked. */
export interface ResolvedPolicy {
  readonly databases: readonly DatabaseReplication[]
  readonly replaysBeforeHandler: (request: RequestFacts) => boolean
  readonly isIdempotent: (request: RequestFacts) => boolean
  readonly consistency: Consistency
  readonly waitTimeoutMs: number
  /** `own`: the name of the one that this machine writes. */
  readonly cookie: (Required<Pick<TokenCookie, 'name'>> & TokenCookie & { readonly own: string }) | undefined
  readonly tokenHeader: string | undefined
  readonly secrets: readonly string[]
  readonly fallbacks: Fallbacks
  readonly maxReplayBodyBytes: number
  readonly whenReplayUnavailable: 'primary' | 'error'
  readonly replayTimeoutMs: number
  readonly debugHeader: boolean
  readonly placement: (request: RequestFacts) => Placement
  /** The database whose reads cross an ocean from here; undefined where there is none, or that decides nothing. */
  readonly far: DatabaseReplication | undefined
  readonly routes: RouteTable
  /** What requests do, where that is counted (`FLYROUTE_ADVISE`). */
  readonly traffic: Traffic | undefined
  /** Until when (by `performance.now()`) nothing is replayed that can be served from here: a replay has come back. */
  readonly lonely: { until: number }
}
