import type { PrimaryRequiredError } from '../errors.ts'
import { publish } from '../events.ts'

/**
 * The end of a statement whose request has been answered with a replay: there is none. The replay does the work, so the
 * statement must reach no server, and what waits for it must not go on as if it had.
 *
 * Why no error: code that runs this late is code that nothing awaits any more (a branch of `Promise.all`, a timer, a listener
 * of `finish`). An error there is an unhandled rejection, which ends the process, and an error that is marked as handled loses
 * the mark at the first async function of the app. A promise that stays open and that nothing holds is collected, with all
 * that waits for it.
 */
export function neverSettles(database: string): Promise<never> {
  publish('late-statement', { database })
  return new Promise(ignore)
}

// Not an arrow in place: it would hold what its caller has in scope for as long as the app holds the promise.
function ignore(): void {}

/**
 * The same on a connection that only the app gives back: one by itself, or of a pool that is not ours. There a promise that stays open would
 * keep the connection for ever. It is answered with the refusal of its request, so that the app's `finally` runs; no code has to
 * handle that error (see `lookAfterUnhandled`).
 *
 * @returns the error; undefined where nothing was refused before the replay, and the statement never settles
 */
export function refusesLate(
  database: string,
  request: { readonly refusal: PrimaryRequiredError | undefined } | undefined,
): PrimaryRequiredError | undefined {
  publish('late-statement', { database })
  return request?.refusal
}
