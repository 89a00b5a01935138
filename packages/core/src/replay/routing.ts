import { isFieldValue, type Problems } from './check.ts'

/** How the request shall be run again, beside where. */
export interface ReplayRouting {
  /** An opaque string that the target finds in `fly-replay-src`. Printable ASCII without `;` `,` quotes and backslash. */
  readonly state?: string | undefined
  /** Not on the Machine that answers. Default: false. */
  readonly elsewhere?: boolean | undefined
  /** How long (ms) the proxy tries. Default: the proxy's own. */
  readonly timeoutMs?: number | undefined
  /**
   * Who gets the request, with `fly-replay-failed`, when the replay fails: this Machine (`force_self`), or this one
   * if it can, else any of the app (`prefer_self`). Default: none, the client gets the proxy's error.
   */
  readonly fallback?: 'force_self' | 'prefer_self' | undefined
}

/** Adds the `fly-replay` fields that say how; what is wrong goes to `problems`. */
export function addRoutingFields(fields: Map<string, string>, options: ReplayRouting, problems: Problems): void {
  const { state, elsewhere, timeoutMs, fallback } = options
  if (state !== undefined) {
    problems.require(
      isFieldValue(state),
      'state has to be printable ASCII without ; , quotes, backslash, or a space at its ends',
    )
    fields.set('state', state)
  }
  problems.require(elsewhere === undefined || typeof elsewhere === 'boolean', 'elsewhere has to be a boolean')
  if (elsewhere) fields.set('elsewhere', 'true')
  if (timeoutMs !== undefined) {
    const holds = Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs < 1_000_000_000
    problems.require(holds, 'timeoutMs has to be a whole number of milliseconds above 0')
    fields.set('timeout', `${timeoutMs}ms`)
  }
  if (fallback !== undefined) {
    problems.require(
      fallback === 'force_self' || fallback === 'prefer_self',
      'fallback has to be force_self or prefer_self',
    )
    fields.set('fallback', fallback)
  }
}
