import { ReplayUnavailableError } from '../errors.ts'
import type { HttpAnswer } from '../replay.ts'

/** Seconds after which a client may try again, where nothing better is known. */
const retryAfterSeconds = 5

/** The answer to a request that can be served neither here nor by a replay: 503, with `Retry-After` and the code. */
export function unavailableAnswer(error: ReplayUnavailableError): HttpAnswer {
  return {
    status: error.reason === 'body-too-large' ? 413 : 503,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'retry-after': String(error.retryAfterSeconds ?? retryAfterSeconds),
    },
    body: `${JSON.stringify({ error: { code: error.code, reason: error.reason, message: error.message } })}\n`,
  }
}

/** Finds our own refusal to serve in whatever the framework or the ORM made of it. */
export function findReplayUnavailable(error: unknown): ReplayUnavailableError | undefined {
  let current = error as
    | { code?: unknown; cause?: unknown; original?: unknown; parent?: unknown; driverError?: unknown }
    | null
    | undefined
  for (let depth = 0; depth < 16 && typeof current === 'object' && current !== null; depth++) {
    if (current.code === 'ERR_REPLAY_UNAVAILABLE') return current as unknown as ReplayUnavailableError
    current = (current.cause ?? current.original ?? current.parent ?? current.driverError) as typeof current
  }
  return undefined
}
