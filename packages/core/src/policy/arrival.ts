import { ReplayUnavailableError, type ReplayUnavailableReason } from '../errors.ts'
import { parseReplayFailure, parseReplaySource, type ReplayFailure } from '../replay.ts'
import type { DatabaseReplication } from '../replication/index.ts'
import type { ResolvedPolicy } from './options.ts'
import type { IncomingRequest } from './visit.ts'

/** What our own `state` in a replay begins with: `flyroute:<reason>[:<detail>]@<database>`. */
const mark = 'flyroute:'

/** Methods that change nothing, by the rules of HTTP. */
const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** How a request came here that is not on its first way: by a replay of ours, or back from one that failed. */
export interface Arrival {
  /** Why it was replayed, in one word; undefined where nobody told. */
  readonly reason: string | undefined
  /** The database whose primary it was sent to. */
  readonly meant: DatabaseReplication
  /** It came back: the proxy could not replay it. */
  readonly failure: ReplayFailure | undefined
  /** Why it cannot be replayed again. */
  readonly obstacle: ReplayUnavailableReason
}

/** The `state` of a replay, for whoever reads it at its target. */
export function writeState(reason: string, detail: string | undefined, database: DatabaseReplication): string {
  return `${mark}${reason}${detail === undefined ? '' : `:${plain(detail)}`}@${plain(database.name)}`
}

/** Undefined for a request on its first way. Both headers can be forged: all that gains is a refusal, or the primary. */
export function readArrival(policy: ResolvedPolicy, request: IncomingRequest): Arrival | undefined {
  const source = request.header('fly-replay-src')
  const failed = request.header('fly-replay-failed')
  if (source === undefined && failed === undefined) return undefined
  const failure = parseReplayFailure(failed)
  const state = parseReplaySource(source)?.state
  const [, reason, name] = /^flyroute:([\w-]+)[^@]*(?:@(.*))?$/.exec(state ?? '') ?? []
  if (failure === undefined && reason === undefined) return undefined
  const { databases } = policy
  const [first] = databases as readonly [DatabaseReplication]
  const meant = databases.find((one) => plain(one.name) === name) ?? first
  const { primaryRegion } = meant.topology
  const elsewhere = databases.some((one) => one.topology.primaryRegion !== primaryRegion)
  const obstacle = failure !== undefined ? 'replay-failed' : elsewhere ? 'two-primaries' : 'loop'
  return { reason, meant, failure, obstacle }
}

/** Why it must not be served here at all; undefined where it may. */
export function judgeArrival(
  policy: ResolvedPolicy,
  request: IncomingRequest,
  { reason, meant, failure }: Arrival,
): ReplayUnavailableError | undefined {
  if (failure !== undefined) {
    // Only where the proxy found nobody has nobody begun to run it.
    if (safeMethods.includes(request.method) || failure.reason === 'no_candidate' || policy.isIdempotent(request))
      return undefined
    return new ReplayUnavailableError('replay-failed', { detail: failure.reason })
  }
  if (meant.topology.role === 'replica') meant.prober.probeSync()
  if (meant.topology.role === 'primary') return undefined
  // Sent to where the primary should be, and it is not there: sending it on would go in circles.
  return new ReplayUnavailableError(meant.topology.inPrimaryRegion ? 'no-primary' : 'loop', { detail: reason })
}

/** What a field of `fly-replay` carries without quotes. */
function plain(text: string): string {
  return text.replace(/[^\w.-]/g, '_').slice(0, 64)
}
