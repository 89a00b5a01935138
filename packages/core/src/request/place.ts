import type { PrimaryRequiredPlace } from '../errors.ts'
import { isInHttpRequest } from './http-request.ts'
import type { RequestState } from './state.ts'

/** Where work is that is refused now, which decides what there is to do; undefined in a request that cannot be replayed. */
export function placeOf(request: RequestState | undefined): PrimaryRequiredPlace | undefined {
  if (request?.kind === 'request') return request.whyNotReplayable() === undefined ? 'replayed' : undefined
  return isUnattended(request) ? 'unattended' : 'outside'
}

/** Whether the code that runs now is in an HTTP request that no middleware stands ahead of. */
export function isUnattended(request: RequestState | undefined): boolean {
  return request === undefined && isInHttpRequest()
}
