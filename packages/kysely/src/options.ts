import type { FunctionNames, Dialect as Language, Replication, ResolveTopologyOptions, Topology } from '@flyroute/core'
import type { GuardedDatabase } from '@flyroute/core/adapter'
import type { Dialect } from 'kysely'
import type { DialectSource } from './replication.ts'

/** One database: what its connections share. */
export interface KyselyDatabase extends GuardedDatabase {
  readonly source: DialectSource
}

/** What flyroute wants to know beside the dialects. */
export interface FlyrouteOptions extends Pick<ResolveTopologyOptions, 'env' | 'region' | 'primaryRegion'> {
  /** Where things are, instead of what the environment says. */
  readonly topology?: Topology | undefined
  /** Tells the databases of one app apart, the same in every region. Default: `default`. */
  readonly name?: string | undefined
  /** The database's language. Default: what the dialect's own SQL looks like. */
  readonly language?: Language | undefined
  /** A write outside of any request (boot, cron, a socket): an error, or the primary. Default: `error`. */
  readonly outsideRequest?: 'error' | 'primary' | undefined
  /** Functions of one's own that write although no text shows it, or that only read. */
  readonly functions?: FunctionNames | undefined
  /** What a replay to the primary region costs from here (ms). Default: estimated from the distance. */
  readonly replayCostMs?: number | undefined
}

/** One dialect, connected to the member of this region. */
export interface OneDialect {
  readonly dialect: Dialect
  /**
   * The pool or database that the dialect was made with, if an adapter of flyroute has made that: it is guarded already,
   * and its `replication` is this dialect's.
   */
  readonly database?: { readonly replication: Replication } | undefined
  readonly primary?: undefined
  readonly replica?: undefined
}

/** A dialect connected to the primary, and one connected to this region's replica, if it has one. Only what is used is opened. */
export interface TwoDialects {
  readonly primary: Dialect
  readonly replica?: Dialect | undefined
  readonly dialect?: undefined
  readonly database?: undefined
}

/** Options of `FlyrouteDialect`. */
export type FlyrouteDialectOptions = FlyrouteOptions & (OneDialect | TwoDialects)
