import type { Hop } from '../journal.ts'
import { type Candidate, type Target, targetOf, targetOfRequest } from './candidates.ts'
import type { Instruction, Transform } from './instruction.ts'
import { ProxyError } from './proxy-error.ts'
import type { Traveller } from './traveller.ts'

/** One leg of a request's way. */
export interface Leg<M extends Candidate> {
  readonly kind: Hop['kind']
  readonly target: Target
  /** Headers that only this leg has. */
  readonly headers: Readonly<Record<string, string>>
  readonly transform?: Transform | undefined
  readonly timeoutMs?: number | undefined
  /** The Machine that asked for this replay, and what is to happen when it fails. */
  readonly origin?: { readonly machine: M; readonly fallback: Instruction['fallback'] }
}

/** No Machine accepted the request, so none has executed it. */
export interface Failure<M> {
  readonly kind: 'failed'
  /** The words of `fly-replay-failed`. */
  readonly reason: 'timeout' | 'retries_exhausted' | 'no_candidate'
  /** The Machine that was tried last. */
  readonly machine?: M | undefined
  readonly milliseconds: number
}

/** Where a client's request goes first. */
export function firstLeg<M extends Candidate>({ edge, request }: Traveller<M>): Leg<M> {
  const target = targetOfRequest(edge.app, request.headers)
  const cached = edge.cache.find(request.headers.host ?? '', request.url ?? '/')
  if (!cached) return { kind: 'direct', target, headers: {} }
  // "`fly-replay-cache-control: skip` to skip any cached replay that might be present"
  if (cached.allowBypass && request.headers['fly-replay-cache-control'] === 'skip') {
    return { kind: 'direct', target, headers: { 'fly-replay-cache-status': 'bypass' } }
  }
  // "The `fly-replay-src` header will _not_ be set for requests replayed through the cache"
  const headers = { 'fly-replay-cache-status': 'hit' }
  return { kind: 'cached', target: targetOf(cached.instruction, { id: '', app: cached.app }), headers }
}

/** Where a Machine's answer sends it. */
export function replayLeg<M extends Candidate>(instruction: Instruction, machine: M): Leg<M> {
  const { state, transform, timeoutMs, fallback } = instruction
  const source = [`instance=${machine.id}`, `region=${machine.region}`, `t=${Date.now() * 1_000}`]
  if (state !== undefined) source.push(`state=${state}`)
  return {
    kind: 'replay',
    target: targetOf(instruction, machine),
    headers: { 'fly-replay-src': source.join(';'), 'fly-replay-cache-status': 'miss' },
    transform,
    timeoutMs,
    origin: { machine, fallback },
  }
}

/**
 * Another way for a request whose leg failed.
 * @throws ProxyError where there is none
 */
export function afterFailure<M extends Candidate>(
  { edge, request }: Traveller<M>,
  leg: Leg<M>,
  failure: Failure<M>,
): Leg<M> {
  // "The app issuing `fly-replay` still serves as the ultimate source of truth"
  if (leg.kind === 'cached') return { kind: 'direct', target: targetOfRequest(edge.app, request.headers), headers: {} }
  if (leg.origin?.fallback === undefined) throw new ProxyError(failure.reason)
  const { machine, fallback } = leg.origin
  const fields = {
    instance: failure.machine?.id ?? leg.target.instance,
    app: leg.target.app,
    region: failure.machine?.region ?? leg.target.regions[0],
    replay_source: machine.id,
    reason: failure.reason,
    elapsed_ms: String(Math.round(failure.milliseconds)),
  }
  const told = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  // "`force_self`: Route back to the exact Machine"; "`prefer_self`: … fall back to any Machine in the original app"
  const self = fallback === 'force_self' ? { instance: machine.id } : { preferInstance: machine.id }
  return {
    kind: 'fallback',
    target: { app: machine.app, regions: [], ...self },
    headers: { 'fly-replay-failed': told.join(';') },
  }
}
