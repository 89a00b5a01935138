import type { ConnectionGuard, RequestState } from '@flyroute/core/adapter'
import type { MysqlDatabase } from './database.ts'
import type { BareConnection, Command } from './driver-types.ts'
import type { GuardedCommand } from './guarded-command.ts'
import type { Repeatable } from './repeatable.ts'
import type { MysqlWire } from './wire.ts'

/** A guarded connection, as its parts see it. */
export interface Guarded {
  readonly connection: BareConnection
  readonly database: MysqlDatabase
  readonly wire: MysqlWire
  readonly guard: ConnectionGuard<Repeatable>
  /** Whether it is of a pool of ours, which sees it given back. */
  readonly isPooled: boolean
  /** It was so when it was new: a pool lets go of a connection that is lost. */
  readonly isOfPool: boolean
  /** The text that a command is known by. */
  textOf(command: Command): string
  /** Runs a command on the primary, in place of this connection. */
  runOnPrimary(guarded: GuardedCommand): void
  /** Takes the position after a monotonic read, in its turn. */
  sees(guarded: GuardedCommand, request: RequestState): Promise<void>
}
