import { AsyncResource } from 'node:async_hooks'

/** Not made anew for each command: what literals make in hot places, V8 takes for long-lived after a while. */
const options = { requireManualDestroy: true }

/**
 * Where the code runs now, to come back to with what the driver answers: it answers where its socket was opened, or where
 * somebody else has given a connection back. To come back costs a sixth of what it costs to enter the scope anew, and what
 * the app keeps for itself in that way (AsyncLocalStorage) is there again as well.
 */
export function currentCaller(): AsyncResource {
  return new AsyncResource('flyroute', options)
}
