import { type Watchdog, Watched } from '@flyroute/core/adapter'
import type { BareConnection, Command } from './driver-types.ts'
import { GuardedCommand } from './guarded-command.ts'
import { guardedOf } from './guards.ts'

/** A connection, until it ends: cut by its socket, so that its command hears of it. */
class WatchedConnection extends Watched {
  readonly #connection: BareConnection
  readonly #answerMs: number | undefined

  constructor(connection: BareConnection, answerMs: number | undefined) {
    super()
    this.#connection = connection
    this.#answerMs = answerMs
  }

  get work(): unknown {
    // One that closes waits for its server to close as well.
    return this.#connection._closing ? this.#connection : this.#connection._command
  }

  /** What has a time of its own (the option `timeout`), or is read bit by bit (streams, events), is not limited. */
  override get limitMs(): number | undefined {
    const { _command: command } = this.#connection
    return command instanceof GuardedCommand && isBounded(command.command) ? this.#answerMs : undefined
  }

  cut(error: Error): void {
    this.#connection.stream.destroy(error)
  }
}

/**
 * Looks at a guarded connection from now on, until it ends.
 *
 * @param answerMs how long (ms) a command may take on it. Default: as long as it does.
 */
export function watchConnection(watchdog: Watchdog, connection: BareConnection, answerMs?: number): void {
  const watched = new WatchedConnection(connection, answerMs)
  guardedOf(connection)?.whenOver(() => watchdog.ends(watched))
  watchdog.begins(watched)
}

function isBounded({ onResult, timeout }: Command): boolean {
  return onResult !== undefined && !timeout
}
