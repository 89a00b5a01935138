import type { EventEmitter } from 'node:events'
import type { GuardedDatabase, Position, Scope, ServerInstance, Watchdog } from '@flyroute/core/adapter'
import type { PoolOptions } from 'mysql2'
import type { BareConnection } from './driver-types.ts'

/** One database with one configuration: what its pools and connections share. */
export interface MysqlDatabase extends GuardedDatabase {
  readonly watchdog: Watchdog
  /** A server of one's own plays the replica. */
  readonly simulated: boolean
  /** The place of a server in its log, by its own clock. */
  positionAt(server: ServerInstance | undefined, at: string): Position
  /** The driver's options for the member that is read from, in a copy of its own: the driver writes into it. */
  localConfig(): PoolOptions
  /** The same for the primary: for a connection, or for the bounded pool. */
  primaryConfig(): PoolOptions
  /** Pools whose listeners set up connections: what they do on `connection` is done for connections to the primary as well. */
  readonly pools: Set<EventEmitter>
  /** A connection to the primary, of a bounded pool that is opened now if it was not. */
  connectToPrimary(scope: Scope | undefined): Promise<BareConnection>
  /** A pool, or a connection, shares it from now on. */
  use(user: object): void
  /** It does not any more: with the last one, what is shared ends. */
  leave(user: object): Promise<void>
}
