import type { AsyncResource } from 'node:async_hooks'
import type { Analysis, Scope } from '@flyroute/core/adapter'
import type { BareConnection, Callback, Command, Kind, Packet, QueueEntry } from './driver-types.ts'
import { judgingErrors } from './judging.ts'
import { Turn, type TurnHandler } from './turn.ts'

/**
 * A read on a replica about which nothing is left to decide, on a connection that is idle: what most commands are. It is in
 * the queue in its command's place until the answer begins; from then on each row is a packet, and none of them makes a
 * detour. Where the server refuses it, or the connection is lost before that, it becomes a turn.
 */
export class PlainRead implements QueueEntry {
  readonly #handler: TurnHandler
  readonly #command: Command
  readonly #kind: Kind
  readonly #analysis: Analysis
  readonly #scope: Scope | undefined
  readonly #caller: AsyncResource | undefined
  readonly #tell: Callback

  /**
   * @param command one with a callback
   * @param caller where the callback runs; undefined for wherever the answer comes
   */
  constructor(
    handler: TurnHandler,
    command: Command,
    kind: Kind,
    analysis: Analysis,
    scope: Scope | undefined,
    caller: AsyncResource | undefined,
  ) {
    this.#handler = handler
    this.#command = command
    this.#kind = kind
    this.#analysis = analysis
    this.#scope = scope
    this.#caller = caller
    this.#tell = command.onResult as Callback
    command.onResult = judgingErrors(handler, kind, analysis, scope, caller, this.#tell)
  }

  /** What the connection tells its end to. */
  onResult(error: unknown): void {
    this.#becomesTurn().onResult(error)
  }

  execute(packet: Packet | undefined, connection: BareConnection): boolean {
    if (packet?.isError()) {
      const turn = this.#becomesTurn()
      connection._command = turn
      return turn.execute(packet)
    }
    if (packet !== undefined) connection._command = this.#command
    return this.#command.execute(packet, connection)
  }

  /** The name that the driver's debug log gives to a state. */
  stateName(): string {
    return 'flyroute'
  }

  #becomesTurn(): Turn {
    const [command, caller, tell] = [this.#command, this.#caller, this.#tell]
    command.onResult = caller === undefined ? tell : (...args) => caller.runInAsyncScope(tell, command, ...args)
    const turn = new Turn(this.#handler, command, this.#kind, this.#analysis, this.#scope)
    turn.takesOver()
    return turn
  }
}
