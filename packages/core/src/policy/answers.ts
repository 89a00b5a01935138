import { type PrimaryRequiredError, ReplayUnavailableError } from '../errors.ts'
import { type FlyrouteEvents, isHeard, publish, tellSubscribers } from '../events.ts'
import { type HttpAnswer, replayResponse } from '../replay/response.ts'
import type { ReplayTarget } from '../replay/target.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import type { ResolvedPolicy } from './options.ts'
import { writeState } from './replay-state.ts'
import type { RequestVisit } from './visit.ts'

/** Seconds after which a client may try again, where nothing better is known. */
const retryAfterSeconds = 5

/** Why a request is to be replayed, and where. */
export interface ReplayOrder {
  readonly database: DatabaseReplication
  readonly reason: PrimaryRequiredError['reason'] | 'method'
  readonly detail?: string | undefined
  /** Default: where the database's primary is. */
  readonly target?: ReplayTarget | undefined
}

/**
 * The answer that makes Fly Proxy run a request in the primary region, and the end of the request here: from now on nothing
 * of it reaches a server. 503 where that region is not known.
 *
 * @returns undefined where the request can no longer be replayed
 */
export function answerReplay(policy: ResolvedPolicy, visit: RequestVisit, order: ReplayOrder): HttpAnswer | undefined {
  const { database, reason, detail, target = database.router.target } = order
  const place = target.region ?? target.instance ?? target.preferInstance ?? target.app
  if (place === undefined) return unavailableAnswer(new ReplayUnavailableError('no-primary'))
  if (!visit.scope.request.answerReplay()) return undefined
  policy.fallbacks.remember(visit.request.header('fly-request-id'), reason)
  const from = database.topology.region
  const told: FlyrouteEvents['replay'] = {
    reason,
    detail,
    from,
    target: String(place),
    priceMs: database.prices.replayMs,
  }
  publish('replay', told)
  if (isHeard('request')) tellSubscribers('request', { outcome: 'replayed', reason })
  return replayResponse(target, {
    state: writeState({ reason, detail, database: database.name, trace: told.trace }, policy.secrets),
    // A primary region that is down then answers within this time, with our own words and not the proxy's.
    timeoutMs: policy.replayTimeoutMs,
    fallback: 'prefer_self',
  })
}

/** The answer to a request that can be served neither here nor by a replay: 413 for its size, else 503 with `Retry-After`. */
export function unavailableAnswer(error: ReplayUnavailableError): HttpAnswer {
  const { code, reason, message } = error
  if (isHeard('request')) tellSubscribers('request', { outcome: 'refused', reason })
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
