import type { PrimaryRequiredError, ReplayUnavailableError, ReplayUnavailableReason } from '../errors.ts'
import type { Activity } from '../scope.ts'
import type { Freshness } from '../token.ts'
import type { ResolvedPolicy } from './options.ts'
import type { IncomingRequest } from './visit.ts'

/** What one HTTP request has done so far. What costs something is made when somebody asks for it. */
export class RequestActivity implements Activity {
  readonly kind = 'request'
  readonly consistency: Activity['consistency']
  readonly waitTimeoutMs: number
  readonly whenReplayUnavailable: Activity['whenReplayUnavailable']
  readonly everyStatement: boolean
  obstacle: ReplayUnavailableReason | undefined
  refusal: PrimaryRequiredError | undefined = undefined
  unavailable: ReplayUnavailableError | undefined = undefined
  primaryUnreachable: unknown = undefined
  writesUnderWay = 0
  committed = false
  headersSent: boolean
  readonly positions: Map<string, Freshness> = new Map()
  readonly written: Set<string> = new Set()
  readonly #request: IncomingRequest
  readonly #maxReplayBody: number

  constructor(
    policy: ResolvedPolicy,
    request: IncomingRequest,
    obstacle: ReplayUnavailableReason | undefined,
    everyStatement: boolean,
  ) {
    this.consistency = policy.consistency
    this.waitTimeoutMs = policy.waitTimeoutMs
    this.whenReplayUnavailable = policy.whenReplayUnavailable
    this.everyStatement = everyStatement
    this.obstacle = obstacle
    this.headersSent = request.answerBegun ?? false
    this.#request = request
    this.#maxReplayBody = policy.maxReplayBody
  }

  get signal(): AbortSignal | undefined {
    return this.#request.signal
  }

  bodyObstacle(): ReplayUnavailableReason | undefined {
    const { body } = this.#request
    // A body that has not ended may yet turn out too long for the proxy.
    return body === undefined || (body.complete && body.bytes <= this.#maxReplayBody) ? undefined : 'body-too-large'
  }
}
