import { ReplayUnavailableError, type ReplayUnavailableReason } from '../errors.ts'
import { publish } from '../events.ts'
import { parseReplayFailure, parseReplaySource, type ReplayFailure } from '../replay/parse.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import type { ResolvedPolicy } from './options.ts'
import { plain, readState } from './replay-state.ts'
import type { IncomingRequest } from './visit.ts'

/** Methods that change nothing, by the rules of HTTP. */
const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** Reasons of a replay that say of any method that it writes: a statement was seen, or the app has said so of the request. */
const ofWrites: readonly string[] = ['write', 'refused', 'method']

/** How a request came here that is not on its first way: by a replay of ours, or back from one that failed. */
export interface Arrival {
  /** Why it was replayed, in one word; undefined where it does not say. */
  readonly reason: string | undefined
  /** The database whose primary it was sent to. */
  readonly meant: DatabaseReplication
  /** It came back: the proxy could not replay it. */
  readonly failure: ReplayFailure | undefined
  /** It came back, and may have run before that: what it writes must not be written here as well, unless the app says that it is idempotent. */
  readonly mayHaveRun: boolean
  /** Why it cannot be replayed again. */
  readonly obstacle: ReplayUnavailableReason
  /** Known to be what it says: by a signature, or because this process sent it away itself. */
  readonly isProven: boolean
}

/** Undefined for a request on its first way. Both headers can be forged: all that gains is a refusal, or a small share of the primary. */
export function readArrival(policy: ResolvedPolicy, request: IncomingRequest): Arrival | undefined {
  const source = request.header('fly-replay-src')
  const failed = request.header('fly-replay-failed')
  if (source === undefined && failed === undefined) return undefined
  const { databases, secrets, fallbacks } = policy
  const failure = parseReplayFailure(failed)
  const { state: text, region: from } = parseReplaySource(source) ?? {}
  const state = readState(text, secrets)
  tellKeys(databases, text, secrets, state !== undefined)
  if (failure === undefined && state === undefined) return undefined
  const isSigned = secrets.length > 0 && state !== undefined
  const remembered = failure === undefined ? undefined : fallbacks.recognizes(request.header('fly-request-id'))
  const isProven = isSigned || remembered !== undefined
  const [first] = databases as readonly [DatabaseReplication]
  const meant = databases.find((one) => plain(one.name) === state?.database) ?? first
  publish('arrival', {
    database: meant.name,
    reason: state?.reason ?? remembered,
    from,
    trace: state?.trace,
    ...(failure === undefined ? {} : { failure: failure.reason ?? 'unknown' }),
    isProven,
  })
  const { primaryRegion } = meant.topology
  const elsewhere = databases.some((one) => one.topology.primaryRegion !== primaryRegion)
  const obstacle = failure !== undefined ? 'replay-failed' : elsewhere ? 'two-primaries' : 'loop'
  // Only after `no_candidate` no machine has begun to run it.
  const mayHaveRun = failure !== undefined && failure.reason !== 'no_candidate' && !policy.isIdempotent(request)
  return { reason: state?.reason ?? remembered, meant, failure, mayHaveRun, obstacle, isProven }
}

/** A state of ours that is signed otherwise than ours are: the regions have different keys, or a client has made it up. */
function tellKeys(
  [first]: readonly DatabaseReplication[],
  state: string | undefined,
  secrets: readonly string[],
  isRead: boolean,
): void {
  if (state === undefined || first === undefined || !state.startsWith('flyroute:')) return
  const found = /~[\da-z]+\.[\w-]{22}$/.test(state) ? 'other' : 'none'
  const expected = secrets.length > 0 ? 'own' : 'none'
  if (expected === 'own' ? !isRead : found === 'other')
    publish('key-mismatch', { database: first.name, found, expected })
}

/** Why it must not be served here at all; undefined where it may. */
export function validateArrival(
  policy: ResolvedPolicy,
  request: IncomingRequest,
  { reason, meant, failure, mayHaveRun, isProven }: Arrival,
): ReplayUnavailableError | undefined {
  if (failure !== undefined) {
    // Where there is a secret, what cannot prove that it comes from the proxy gets nothing of the primary.
    if (!isProven && policy.secrets.length > 0)
      return new ReplayUnavailableError('replay-failed', { detail: 'unproven' })
    if (!mayHaveRun) return undefined
    const isRead = safeMethods.includes(request.method) && !(reason !== undefined && ofWrites.includes(reason))
    if (isRead) return undefined
    return new ReplayUnavailableError('replay-failed', { detail: failure.reason })
  }
  if (meant.topology.role === 'replica') meant.prober.probeSync()
  if (meant.topology.role === 'primary') return undefined
  // Sent to where the primary should be, and it is not there: sending it on would go in circles.
  return new ReplayUnavailableError(meant.topology.inPrimaryRegion ? 'no-primary' : 'loop', { detail: reason })
}
