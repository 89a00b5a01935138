import type { Access } from '../classify/types.ts'
import {
  PrimaryRequiredError,
  type PrimaryRequiredReason,
  ReplayUnavailableError,
  type ReplayUnavailableReason,
} from '../errors.ts'
import { publish } from '../events.ts'
import type { ReplayTarget } from '../replay/target.ts'
import { isUnattended, placeOf } from '../request/place.ts'
import { currentScope, type Scope } from '../request/scope.ts'
import type { RequestState } from '../request/state.ts'
import type { Servers } from './observed.ts'
import type { Prices } from './price.ts'
import type { Prober } from './probe.ts'
import type { ReplicationSource } from './source.ts'

/**
 * Where a statement goes. `late`: to no server, because its request has been answered with a replay; the adapter gives the
 * promise of `neverSettles`, or calls no callback.
 */
export type Route = 'local' | 'primary' | 'late'

/** A statement on its way to a server in another region. */
export interface Crossing {
  /** It writes, or may, as far as is known. */
  readonly writes: boolean
  /** It begins a transaction. */
  readonly begins: boolean
  /** It begins one that only reads. */
  readonly readOnly: boolean
  /** It has to wait for the answer to another one, although the app does not. */
  readonly isQueued: boolean
  readonly detail: string
}

export interface RouterParts {
  readonly database: string
  readonly servers: Servers
  readonly prober: Prober
  readonly source: ReplicationSource
  readonly prices: Prices
  readonly outsideRequest: 'error' | 'primary'
  readonly reachesPrimary: boolean
}

/** Where a statement goes that meets a replica: on to it, to the primary from here, or to the primary's region by a replay. */
export class Router {
  readonly #database: string
  readonly #servers: Servers
  readonly #prober: Prober
  readonly #source: ReplicationSource
  readonly #prices: Prices
  readonly #outsideRequest: 'error' | 'primary'
  readonly #reachesPrimary: boolean

  constructor(parts: RouterParts) {
    this.#database = parts.database
    this.#servers = parts.servers
    this.#prober = parts.prober
    this.#source = parts.source
    this.#prices = parts.prices
    this.#outsideRequest = parts.outsideRequest
    this.#reachesPrimary = parts.reachesPrimary
  }

  /** Where a request is replayed that needs the primary. Without a field where nothing says where that is. */
  get target(): ReplayTarget {
    const { primaryRegion } = this.#servers.topology
    return this.#source.target?.() ?? (primaryRegion === undefined ? {} : { region: primaryRegion })
  }

  /**
   * Decides where a statement goes that meets a replica: on to it, to the primary connection, or nowhere.
   *
   * @throws PrimaryRequiredError for a write that can still be replayed; the scope remembers it, so that the
   *   middleware replays even when the app swallows it.
   * @throws ReplayUnavailableError where it cannot be replayed and the app asked for an error.
   */
  route(access: Access, detail: string, scope: Scope | undefined = currentScope()): Route {
    const request = scope?.request
    if (request?.isReplayed) return 'late'
    if (scope?.onPrimary || request?.hasWritten(this.#database)) {
      const refusal = request?.refusal
      if (refusal !== undefined) throw refusal
      return this.#reachesPrimary
        ? 'primary'
        : this.toPrimary('write', scope?.onPrimary ? 'run-on-primary' : detail, scope)
    }
    if (access === 'write') return this.toPrimary('write', detail, scope)
    if (this.#prober.isUnavailable) return this.toPrimary('unavailable', undefined, scope)
    return 'local'
  }

  /** The replica will not do, for this reason: replay, or go on with the primary connection. See `route`. */
  toPrimary(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Scope | undefined,
    cause?: unknown,
  ): 'primary' | 'late' {
    if (scope?.request.isReplayed) return 'late'
    // It is going to be replayed: what it still wants of the primary, the replay will do.
    const refusal = scope?.request.refusal
    if (refusal !== undefined) throw refusal
    if (isUnattended(scope?.request)) publish('no-middleware', { database: this.#database })
    if (!this.#reachesPrimary) return this.#toReplayOnly(reason, detail, scope, cause)
    const request = scope?.request
    const obstacle = request?.whyNotReplayable()
    const outside = request === undefined || request.kind === 'job'
    if (outside && !scope?.onPrimary) {
      // A read that the replica cannot answer is no misplaced write: it needs no permission.
      if (this.#outsideRequest === 'primary' || reason === 'unavailable') {
        return this.#fallBack('outside-request', reason, detail)
      }
      this.#publishWrite(reason, detail, 'nowhere')
      throw this.required(reason, detail, scope, cause)
    }
    if (scope?.onPrimary) return 'primary'
    if (obstacle === undefined) {
      this.#publishWrite(reason, detail, 'nowhere')
      throw this.required(reason, detail, scope, cause)
    }
    if (request?.whenReplayUnavailable === 'error' && obstacle !== 'already-written') {
      const error = new ReplayUnavailableError(obstacle, { cause })
      request.unavailable ??= error
      throw error
    }
    return this.#fallBack(obstacle, reason, detail)
  }

  /** The wait for the replica was in vain: it is behind, or could not be reached any more. See `toPrimary`. */
  routeStaleRead(scope: Scope | undefined): 'primary' | 'late' {
    return this.toPrimary(this.#prober.isUnavailable ? 'unavailable' : 'stale', undefined, scope)
  }

  /**
   * A statement is about to go from here to a server in another region. Goes on where that is cheaper than a replay of its whole
   * request, as far as is known, or the request cannot be replayed.
   *
   * @throws PrimaryRequiredError as `route` does
   */
  crosses({ request, onPrimary }: Scope, { writes, begins, readOnly, isQueued, detail }: Crossing): void {
    if (request.kind === 'job' || onPrimary) return
    const { crossings, refusal } = request
    const { crossingMs, replayMs } = this.#prices
    const isOwn = crossings?.begins(performance.now(), isQueued ? 0 : crossingMs)
    if (request.hasWritten(this.#database)) return
    // What it still wants, the replay will do.
    if (refusal !== undefined) throw refusal
    if (writes) return this.#writesFar(request, detail)
    if (crossings === undefined || !(isOwn || begins)) return
    const stayMs = crossings.remaining(begins) * crossingMs
    const insteadMs = replayMs + crossings.ownMs
    if (insteadMs >= stayMs || request.whyNotReplayable() !== undefined) return
    // What is not known to read counts as a write: if the replay fails half-way, it is not run again here.
    throw this.required(begins && !readOnly ? 'write' : 'distance', begins ? 'transaction' : undefined, { request })
  }

  /**
   * A connection to a server in another region is about to be made, which takes several round trips. Goes on where that is cheaper
   * than a replay, as `crosses` does.
   *
   * @throws PrimaryRequiredError as `route` does
   */
  opens({ request, onPrimary }: Scope): void {
    const { crossings, refusal } = request
    if (crossings === undefined || onPrimary || request.hasWritten(this.#database)) return
    if (refusal !== undefined) throw refusal
    const { crossingMs, replayMs, openingMs } = this.#prices
    const [ownMs, remaining] = crossings.beforeOpening(performance.now(), crossingMs)
    if (replayMs + ownMs >= openingMs + remaining * crossingMs || request.whyNotReplayable() !== undefined) return
    crossings.opensNone(openingMs)
    throw this.required('distance', 'connection', { request })
  }

  #writesFar(request: RequestState, detail: string): void {
    const obstacle = request.whyNotReplayable()
    if (obstacle === undefined) {
      this.#publishWrite('write', detail, 'nowhere')
      throw this.required('write', detail, { request })
    }
    if (request.whenReplayUnavailable !== 'error' || obstacle === 'already-written') {
      this.#fallBack(obstacle, 'write', detail)
      return
    }
    request.unavailable ??= new ReplayUnavailableError(obstacle)
    throw request.unavailable
  }

  /** Where a replay is the only way there: a request that can be replayed is, and everything else is refused. */
  #toReplayOnly(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Scope | undefined,
    cause?: unknown,
  ): never {
    this.#publishWrite(reason, detail, 'nowhere')
    const request = scope?.request
    const obstacle = request?.whyNotReplayable()
    if (obstacle === undefined || (obstacle === 'outside-request' && !scope?.onPrimary)) {
      throw this.required(reason, detail, scope, cause)
    }
    const why = obstacle === 'outside-request' ? 'no-connection' : obstacle
    const error = new ReplayUnavailableError(why, { cause })
    if (request !== undefined) request.unavailable ??= error
    throw error
  }

  /** The error that asks for the primary, remembered by the scope. */
  required(
    reason: PrimaryRequiredReason,
    detail: string | undefined,
    scope: Pick<Scope, 'request'> | undefined,
    cause?: unknown,
  ): PrimaryRequiredError {
    const error = new PrimaryRequiredError({
      reason,
      detail,
      topology: this.#servers.topology,
      target: this.target,
      reachesPrimary: this.#reachesPrimary,
      place: placeOf(scope?.request),
      ...(cause === undefined ? {} : { cause }),
    })
    scope?.request.refuse(error)
    // Where all that is sent is refused before it reaches the server, a promotion would never show.
    this.#prober.recheckRole()
    return error
  }

  #fallBack(obstacle: ReplayUnavailableReason, reason: PrimaryRequiredReason, detail: string | undefined): 'primary' {
    this.#publishWrite(reason, detail, 'primary')
    publish('fallback', { database: this.#database, reason: obstacle })
    this.#prober.recheckRole()
    return 'primary'
  }

  #publishWrite(reason: PrimaryRequiredReason, detail: string | undefined, sentTo: 'primary' | 'nowhere'): void {
    if (reason !== 'write' && reason !== 'refused') return
    publish('write', {
      database: this.#database,
      access: reason === 'write' ? 'write' : 'unknown',
      detail: detail ?? reason,
      sentTo,
    })
  }
}
