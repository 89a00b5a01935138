import { AsyncResource } from 'node:async_hooks'
import type { Command } from './driver-types.ts'

/** Not made anew for each command: what literals make in hot places, V8 takes for long-lived after a while. */
const options = { requireManualDestroy: true }

/**
 * Where the code runs now, to come back to with what the driver answers: it answers where its socket was opened, or where
 * another request has given a connection back. To come back costs a sixth of what it costs to enter the scope anew, and what
 * the app keeps for itself in that way (AsyncLocalStorage) is there again as well.
 */
export function currentCaller(): AsyncResource {
  return new AsyncResource('flyroute', options)
}

/** Has what a command tells run where the code runs now. */
export function keepInScope(command: Command): void {
  const { onResult, emit } = command
  const caller = currentCaller()
  if (onResult) command.onResult = (...args) => caller.runInAsyncScope(onResult, command, ...args)
  else command.emit = (...args) => caller.runInAsyncScope(emit, command, ...args)
}
