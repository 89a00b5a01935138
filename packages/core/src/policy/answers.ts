import { type PrimaryRequiredError, ReplayUnavailableError } from '../errors.ts'
import { publish } from '../events.ts'
import { type HttpAnswer, type ReplayTarget, replayResponse } from '../replay.ts'
import type { DatabaseReplication } from '../replication/index.ts'
import { writeState } from './arrival.ts'
import type { ResolvedPolicy } from './options.ts'

/** Seconds after which a client may try again, where nothing better is known. */
const retryAfterSeconds = 5

/** The answer that makes Fly Proxy run a request in the primary region; 503 where nobody knows which that is. */
export function replayAnswer(
  policy: ResolvedPolicy,
  database: DatabaseReplication,
  reason: PrimaryRequiredError['reason'] | 'method',
  detail?: string,
  target: ReplayTarget = database.router.target,
): HttpAnswer {
  const place = target.region ?? target.instance ?? target.preferInstance ?? target.app
  if (place === undefined) return unavailableAnswer(new ReplayUnavailableError('no-primary'))
  publish('replay', { reason, detail, target: String(place) })
  return replayResponse(target, {
    state: writeState(reason, detail, database),
    // A primary region that is down then answers within this time, with our own words and not the proxy's.
    timeout: policy.replayTimeoutMs,
    fallback: 'prefer_self',
  })
}

/** The answer to a request that can be served neither here nor by a replay: 413 for its size, else 503 with `Retry-After`. */
export function unavailableAnswer(error: ReplayUnavailableError): HttpAnswer {
  const { code, reason, message } = error
  const tooLarge = reason === 'body-too-large'
  return {
    status: tooLarge ? 413 : 503,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      // Sending the same body again would not help.
      ...(tooLarge ? {} : { 'retry-after': String(error.retryAfterSeconds ?? retryAfterSeconds) }),
    },
    body: `${JSON.stringify({ error: { code, reason, message } })}\n`,
  }
}
