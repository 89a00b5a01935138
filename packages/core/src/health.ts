import { errorCode } from './events.ts'
import type { HttpAnswer } from './replay.ts'
import type { Replication, ReplicationStatus } from './replication.ts'

/** What makes a health check fail. Without thresholds a replica that lags stays in service: replays serve its clients. */
export interface HealthOptions {
  /** Fails above this lag, in seconds. Takes a whole region out although replays would serve it. Default: never. */
  readonly maxLagSeconds?: number
  /** Fails above this lag, in bytes. Default: never. */
  readonly maxLagBytes?: number
  /** How long (ms) the databases have for their answer. Default: 2,000. */
  readonly timeoutMs?: number
}

interface DatabaseHealth {
  readonly name: string
  readonly healthy: boolean
  readonly role?: ReplicationStatus['role']
  readonly region?: string | undefined
  readonly lagBytes?: number | undefined
  readonly lagSeconds?: number | undefined
  readonly problem?: string
}

type Database = { readonly replication: Replication }

/** Replicas that have been seen caught up: before that a fresh machine would serve the past. */
const caughtUp = new WeakSet<Replication>()
/** Less than this many seconds behind counts as caught up: a busy primary is never replayed to the last byte. */
const caughtUpSeconds = 1

/**
 * The answer for a Fly health check: 200 or 503, and JSON with role, region and lag of each database. It fails until
 * a replica has first caught up, while no member can be reached, and above the thresholds that are asked for.
 *
 * @example
 * app.get('/healthz', async (_, res) => sendReplay(res, await healthResponse([pool])))
 */
export async function healthResponse(
  databases: Database | readonly Database[],
  options: HealthOptions = {},
): Promise<HttpAnswer> {
  const all = Array.isArray(databases) ? (databases as readonly Database[]) : [databases as Database]
  const checks = await Promise.all(all.map(({ replication }) => check(replication, options)))
  const healthy = checks.every((one) => one.healthy)
  return {
    status: healthy ? 200 : 503,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: `${JSON.stringify({ healthy, databases: checks })}\n`,
  }
}

async function check(replication: Replication, options: HealthOptions): Promise<DatabaseHealth> {
  const {
    maxLagSeconds = Number.POSITIVE_INFINITY,
    maxLagBytes = Number.POSITIVE_INFINITY,
    timeoutMs = 2_000,
  } = options
  const name = (replication as { name?: string }).name ?? 'default'
  let status: ReplicationStatus
  try {
    status = await within(timeoutMs, replication.status())
  } catch (error) {
    return { name, healthy: false, problem: `no member can be reached${describe(error)}` }
  }
  const { role, region, lagBytes, lagSeconds } = status
  const facts = { name, role, region, lagBytes, lagSeconds }
  if (role === 'primary') return { ...facts, healthy: true }
  if ((lagSeconds ?? 0) < caughtUpSeconds || lagBytes === 0) caughtUp.add(replication)
  if (!caughtUp.has(replication)) return { ...facts, healthy: false, problem: 'the replica has not caught up yet' }
  const late = (lagSeconds ?? 0) > maxLagSeconds || (lagBytes ?? 0) > maxLagBytes
  return late
    ? { ...facts, healthy: false, problem: 'the replica lags above the threshold' }
    : { ...facts, healthy: true }
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
