/** Why a request was replayed, as flyroute says it. */
const replayReasons: ReadonlySet<string> = new Set(['write', 'refused', 'stale', 'unavailable', 'distance', 'method'])

/** Why Fly Proxy says that a replay has failed. */
const failures: ReadonlySet<string> = new Set(['timeout', 'retries_exhausted', 'no_candidate'])

// Both come with a request, and a client can write them: what is none of them is counted, and not named.

/** A reason of a replay, or `other`. */
export function replayReason(reason: string | undefined): string {
  return reason !== undefined && replayReasons.has(reason) ? reason : 'other'
}

/** Why a replay has failed, or `other`. */
export function failureReason(reason: string): string {
  return failures.has(reason) ? reason : 'other'
}

/** Why a request was served as it was; what it was replayed here for came with it. */
export function requestReason(reason: string): string {
  return reason.startsWith('replayed-') ? `replayed-${replayReason(reason.slice('replayed-'.length))}` : reason
}
