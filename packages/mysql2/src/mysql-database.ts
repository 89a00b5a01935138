import type { EventEmitter } from 'node:events'
import type { GuardedDatabase, Position, Scope, ServerInstance, Watchdog } from '@flyroute/core/adapter'
import type { PoolOptions } from 'mysql2'
import type { BareConnection } from './driver-types.ts'
import type { FlyroutePoolOptions } from './options.ts'

/** One database: what its pools and connections share. */
export interface MysqlDatabase extends GuardedDatabase {
  readonly watchdog: Watchdog
  /** A server of one's own plays the replica. */
  readonly simulated: boolean
  /** The place of a server in its log, by its own clock. */
  positionAt(server: ServerInstance | undefined, at: string): Position
  /** The driver's options for the member that is read from, out of those that a pool or a connection is made with. */
  localConfig(options: FlyroutePoolOptions): PoolOptions
  /** The driver's options for the primary, out of the same: for a connection, or for the bounded pool. */
  primaryConfig(options: FlyroutePoolOptions): PoolOptions
  /** Pools whose listeners set up connections: what they do on `connection` is done for connections to the primary as well. */
  readonly pools: Set<EventEmitter>
  /** A connection to the primary, of a bounded pool that is opened now if it was not. */
  connectToPrimary(scope: Scope | undefined): Promise<BareConnection>
  /** What is shared has been ended. */
  readonly isEnded: boolean
  /** A pool ends: with the last one, what is shared ends as well. */
  end(pool?: EventEmitter): Promise<void>
}
