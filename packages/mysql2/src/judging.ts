import type { AsyncResource } from 'node:async_hooks'
import type { Analysis, Scope } from '@flyroute/core/adapter'
import type { Callback, Command, Kind } from './driver-types.ts'
import { hand } from './error-identity.ts'
import type { Asked, TurnHandler } from './turn.ts'

/**
 * The callback of a command that is on its way by itself. Nothing in it leads back to the command, which is `this`: such a
 * circle keeps the engine from collecting commands, with all their rows, while they are young.
 */
export function judgingErrors(
  handler: TurnHandler,
  kind: Kind,
  analysis: Analysis,
  scope: Scope | undefined,
  caller: AsyncResource | undefined,
  tell: Callback,
): Callback {
  return function (this: Command, error, rows, fields) {
    if (error) {
      const asked: Asked = { command: this, kind, analysis, scope, execution: undefined, wasSent: true }
      const judged = handler.judges(asked, error)
      if (caller === undefined) hand(judged, tell)
      else caller.runInAsyncScope(hand, undefined, judged, tell)
    } else if (caller === undefined) tell(null, rows, fields)
    else caller.runInAsyncScope(tell, this, null, rows, fields)
  }
}
