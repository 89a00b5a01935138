import { errorCode } from './events.ts'
import type { HttpAnswer } from './replay/response.ts'
import type { DatabaseReplication } from './replication/database.ts'
import type { Replication, ReplicationStatus } from './replication/types.ts'

/** What makes a health check fail. Without thresholds a replica that lags stays in service: replays serve its clients. */
export interface HealthOptions {
  /** What the adapters return: pools, dialects, databases. */
  readonly databases: readonly { readonly replication: Replication }[]
  /** Fails above this lag, in seconds. Takes a whole region out although replays would serve it. Default: never. */
  readonly maxLagSeconds?: number
  /** Fails above this lag, in bytes. Default: never. */
  readonly maxLagBytes?: number
  /** Fails where the replica has not heard from its primary for so long, in seconds. Up to 30 is normal. Default: never. */
  readonly maxLastContactSeconds?: number
  /** How long (ms) the databases have for their answer. Default: 2,000. */
  readonly timeoutMs?: number
}

/** One database in the answer's JSON. */
interface DatabaseHealth
  extends Partial<Pick<ReplicationStatus, 'role' | 'region' | 'lagBytes' | 'lagSeconds' | 'lastContactSeconds'>> {
  readonly name: string
  readonly healthy: boolean
  /** Why it is not healthy, or what it gets along without. */
  readonly problem?: string
}

/** Replicas that have been seen caught up: before that a fresh machine would serve the past. */
const caughtUp = new WeakSet<Replication>()
/** So far behind (seconds) counts as caught up: a busy primary is never replayed to the end, and LiteFS counts in seconds. */
const caughtUpSeconds = 2

/**
 * The answer for a Fly health check: 200 or 503, and JSON with role, region and lag of each database. It fails until
 * a replica has first caught up, while no member can be reached, and above the thresholds that are asked for. Where only
 * the replica is gone it does not: replays serve its clients.
 *
 * @example
 * app.get('/healthz', async (_, res) => sendReplay(res, await healthResponse({ databases: [pool] })))
 */
export async function healthResponse(options: HealthOptions): Promise<HttpAnswer> {
  const checks = await Promise.all(options.databases.map(({ replication }) => check(replication, options)))
  const healthy = checks.every((one) => one.healthy)
  return {
    status: healthy ? 200 : 503,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: `${JSON.stringify({ healthy, databases: checks })}\n`,
  }
}

async function check(replication: Replication, options: HealthOptions): Promise<DatabaseHealth> {
  const { timeoutMs = 2_000 } = options
  const { name = 'default', prober } = replication as Partial<DatabaseReplication>
  try {
    return { name, ...assessHealth(replication, await within(timeoutMs, replication.status()), options) }
  } catch (error) {
    const { region } = replication.topology
    const why = describe(error)
    const primary = await within(timeoutMs, prober?.primaryAnswers() ?? Promise.resolve(false)).catch(() => false)
    return primary
      ? { name, healthy: true, region, problem: `the replica cannot be reached${why}; its requests are replayed` }
      : { name, healthy: false, region, problem: `no member can be reached${why}` }
  }
}

function assessHealth(
  replication: Replication,
  status: ReplicationStatus,
  options: HealthOptions,
): Omit<DatabaseHealth, 'name'> {
  const { POSITIVE_INFINITY: never } = Number
  const { maxLagSeconds = never, maxLagBytes = never, maxLastContactSeconds = never } = options
  const { role, region, lagBytes, lagSeconds, lastContactSeconds } = status
  const facts = { role, region, lagBytes, lagSeconds, lastContactSeconds }
  if (role === 'primary') return { healthy: true, ...facts }
  // A server that tells no time tells bytes perhaps; one that tells nothing is believed.
  if (lagSeconds === undefined ? (lagBytes ?? 0) === 0 : lagSeconds <= caughtUpSeconds) caughtUp.add(replication)
  if (!caughtUp.has(replication)) return { healthy: false, ...facts, problem: 'the replica has not caught up yet' }
  const late = (lagSeconds ?? 0) > maxLagSeconds || (lagBytes ?? 0) > maxLagBytes
  if (late) return { healthy: false, ...facts, problem: 'the replica lags above the threshold' }
  const isSilent = (lastContactSeconds ?? 0) > maxLastContactSeconds
  return isSilent
    ? { healthy: false, ...facts, problem: 'the replica has not heard from its primary for longer than the threshold' }
    : { healthy: true, ...facts }
}

function describe(error: unknown): string {
  const code = errorCode(error)
  return code === undefined ? '' : ` (${code})`
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })), timeoutMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
