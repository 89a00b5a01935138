/** Why the proxy answers a request itself. The status codes are ours: the documentation speaks of "a generic 5xx error". */
const reasons = {
  no_candidate: [503, 'no Machine comes into question'],
  retries_exhausted: [502, 'no Machine accepted the connection'],
  timeout: [504, 'no Machine accepted the connection in time'],
  lost: [502, 'the Machine closed the connection before it answered'],
  client_aborted: [499, 'the client has gone'],
  replay_not_understood: [502, 'the answer asks for a replay that the proxy does not do'],
  replay_of_fallback: [502, 'a request that a fallback brought back cannot be replayed again'],
  too_many_replays: [502, 'the request was replayed too often'],
  body_too_large: [502, 'requests larger than 1 MB cannot be replayed'],
  proxy_error: [502, 'the proxy itself failed'],
} as const

export type Reason = keyof typeof reasons

/** Ends a request with an answer of the proxy's own. */
export class ProxyError extends Error {
  readonly reason: Reason
  readonly status: number

  constructor(reason: Reason, detail = '') {
    const [status, text] = reasons[reason]
    super(detail === '' ? text : `${text}: ${detail}`)
    this.reason = reason
    this.status = status
  }
}

/** For an answer whose `fly-replay` the real proxy would reject, or may: its grammar is documented by example only. */
export function misunderstood(detail: string): ProxyError {
  return new ProxyError('replay_not_understood', detail)
}
