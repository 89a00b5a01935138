/** Not an error for the app: the statement is to be run once more, on the primary. */
export class Rerun {
  /** What the replica said. */
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** Not an error for the app, which hears nothing: the request of the statement was answered with a replay. */
export class Dropped {}

/** Whether a connection is as good as before: nothing was sent, or the server has said no. */
export function isHarmless(error: unknown): boolean {
  if (error instanceof Rerun || error instanceof Dropped) return true
  const { code, reason } = error as { code?: unknown; reason?: unknown }
  return (code === 'ERR_PRIMARY_REQUIRED' && reason !== 'unavailable') || code === 'ERR_REPLAY_UNAVAILABLE'
}
