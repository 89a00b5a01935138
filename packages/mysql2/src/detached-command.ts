import type { AsyncResource } from 'node:async_hooks'
import type { Analysis, Scope } from '@flyroute/core/adapter'
import type { Callback, Command, Kind } from './driver-types.ts'

/** What was asked of a server. */
export interface DetachedCommand {
  readonly command: Command
  readonly kind: Kind
  readonly analysis: Analysis
  readonly scope: Scope | undefined
}

/** Who is told of what has failed. */
export interface ErrorInterceptor {
  /** A command that was on its way by itself has come back; `sentAt` as `sentNow` has said, and not 0. */
  tells(analysis: Analysis, sentAt: number, error?: unknown): void
  /** A command that was on its way by itself has failed. What comes of it is told to the command's own callback. */
  detachedFailed(detached: DetachedCommand, error: unknown): void
}

/**
 * Lets a command go its way by itself, until it fails. It must have a callback.
 *
 * Nothing in the callback that it gets leads back to the command, which is `this`: such a circle can keep the engine from
 * collecting commands, with all their rows, while they are young.
 *
 * @param caller where its own callback runs; undefined for wherever the answer comes
 * @param sentAt as `sentNow` has said
 */
export function detach(
  interceptor: ErrorInterceptor,
  command: Command,
  kind: Kind,
  analysis: Analysis,
  scope: Scope | undefined,
  caller: AsyncResource | undefined,
  sentAt: number,
): void {
  command.onResult = intercepting(interceptor, kind, analysis, scope, caller, command.onResult as Callback, sentAt)
}

function intercepting(
  interceptor: ErrorInterceptor,
  kind: Kind,
  analysis: Analysis,
  scope: Scope | undefined,
  caller: AsyncResource | undefined,
  tell: Callback,
  sentAt: number,
): Callback {
  return function (this: Command, error, rows, fields) {
    if (sentAt !== 0) interceptor.tells(analysis, sentAt, error)
    if (error) {
      this.onResult = caller === undefined ? tell : (...args) => caller.runInAsyncScope(tell, this, ...args)
      interceptor.detachedFailed({ command: this, kind, analysis, scope }, error)
    } else if (caller === undefined) tell(null, rows, fields)
    else caller.runInAsyncScope(tell, this, null, rows, fields)
  }
}

/**
 * Has a command that nothing is to be decided about say when it has come back.
 *
 * @param tell called once, with its error
 */
export function measure(command: Command, tell: (error?: unknown) => void): void {
  const { onResult, emit } = command
  if (onResult) {
    command.onResult = function (this: Command, error, ...answer) {
      tell(error)
      onResult.call(this, error, ...answer)
    }
    return
  }
  let isTold = false
  command.emit = (event: string | symbol, ...args: unknown[]) => {
    if (!isTold && (event === 'end' || event === 'error')) {
      isTold = true
      tell(event === 'error' ? args[0] : undefined)
    }
    return emit.call(command, event, ...args)
  }
}

/** Keeps to itself that a command has ended, once: that is told when its turn is over. */
export function withoutNextEnd(command: Command): void {
  const { emit } = command
  let isNext = true
  command.emit = (event: string | symbol, ...args: unknown[]) => {
    if (!isNext || event !== 'end') return emit.call(command, event, ...args)
    isNext = false
    return true
  }
}
