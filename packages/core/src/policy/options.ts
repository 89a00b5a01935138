import { tokenSecrets } from '../env.ts'
import { ConfigurationError, type ConfigurationProblem } from '../errors.ts'
import type { DatabaseReplication, Replication } from '../replication.ts'
import type { Consistency } from '../scope.ts'
import type { TokenCookie } from './cookie.ts'

/** What a predicate sees of a request. */
export interface RequestFacts {
  readonly method: string
  /** The path with its query. */
  readonly path: string
  readonly headers: Headers
}

/** How requests are served; the same for both doors. */
export interface ReplayPolicyOptions {
  /** Every object of the adapters that the handlers use: pools, dialects, databases. */
  readonly databases: readonly { readonly replication: Replication }[]
  /** What is replayed before the handler runs: methods, or a predicate. Default: POST, PUT, PATCH and DELETE. */
  readonly replayBefore?: readonly string[] | ((request: RequestFacts) => boolean)
  /** What reads must see. Default: `read-your-writes`. */
  readonly consistency?: Consistency
  /** How long (ms) a request waits at most for a replica that is behind its token; less where a replay is quicker. Default: 1,000. */
  readonly waitTimeoutMs?: number
  /** The token's cookie; `false` for none. Default: `flyroute`, for a day. */
  readonly cookie?: false | string | TokenCookie
  /** The header that carries the token for API clients, both ways; `false` for none. Default: `flyroute-token`. */
  readonly tokenHeader?: false | string
  /** Signs tokens; the first signs, all are accepted (rotation). Default: `FLYROUTE_SECRET`, comma-separated; else unsigned. */
  readonly secret?: string | readonly string[]
  /** The longest body (bytes) that Fly Proxy can replay. Default: 1,000,000. */
  readonly maxReplayBody?: number
  /** What cannot be replayed runs with the primary connection, or is answered 503. Default: `primary`. */
  readonly whenReplayUnavailable?: 'primary' | 'error'
  /** Whether a request may run twice: it is then run here after a replay that failed half-way. Default: GET, HEAD, OPTIONS only. */
  readonly isIdempotent?: (request: RequestFacts) => boolean
  /** How long (ms) the proxy may try a replay before the request comes back here. Default: 5,000. */
  readonly replayTimeoutMs?: number
  /** Adds `flyroute-debug` to every answer: region, role and why. Default: false. */
  readonly debugHeader?: boolean
}

/** The options with their defaults, checked. */
export interface ResolvedPolicy {
  readonly databases: readonly DatabaseReplication[]
  readonly replaysBefore: (request: RequestFacts) => boolean
  readonly isIdempotent: (request: RequestFacts) => boolean
  readonly consistency: Consistency
  readonly waitTimeoutMs: number
  readonly cookie: (Required<Pick<TokenCookie, 'name'>> & TokenCookie) | undefined
  readonly tokenHeader: string | undefined
  readonly secrets: readonly string[]
  readonly maxReplayBody: number
  readonly whenReplayUnavailable: 'primary' | 'error'
  readonly replayTimeoutMs: number
  readonly debugHeader: boolean
}

const unsafeMethods = ['POST', 'PUT', 'PATCH', 'DELETE']
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
const consistencies = new Set(['none', 'read-your-writes', 'monotonic'])
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Whether a request of this method changes nothing, by the rules of HTTP. */
export function isSafe(method: string): boolean {
  return safeMethods.has(method)
}

/**
 * Fills in the defaults.
 *
 * @throws ConfigurationError with everything that is wrong
 */
export function resolvePolicy(options: ReplayPolicyOptions): ResolvedPolicy {
  const problems: ConfigurationProblem[] = []
  const require = (holds: boolean, setting: string, message: string, remedy: string): void => {
    if (!holds) problems.push({ setting, message, remedy })
  }
  if (options === null || typeof options !== 'object') {
    throw new TypeError('createReplayPolicy: pass an object with at least `databases: [pool]`')
  }
  const databases = readDatabases(options.databases, require)
  const { replayBefore = unsafeMethods, consistency = 'read-your-writes', secret } = options
  const { waitTimeoutMs = 1_000, maxReplayBody = 1_000_000, replayTimeoutMs = 5_000 } = options
  const { whenReplayUnavailable = 'primary', tokenHeader = 'flyroute-token', isIdempotent } = options
  const listed = typeof replayBefore === 'function' || isListOfStrings(replayBefore)
  require(listed, 'replayBefore', 'is neither a list of methods nor a function', "pass for example ['POST'] or (request) => boolean")
  require(consistencies.has(
    consistency,
  ), 'consistency', 'is no known level', "use 'read-your-writes', 'monotonic' or 'none'")
  for (const [setting, value] of Object.entries({ waitTimeoutMs, maxReplayBody, replayTimeoutMs })) {
    require(Number.isFinite(value) && value >= 0, setting, 'is no number of 0 or more', 'pass a number')
  }
  require(whenReplayUnavailable === 'primary' ||
    whenReplayUnavailable === 'error', 'whenReplayUnavailable', 'is no known choice', "use 'primary' or 'error'")
  require(tokenHeader === false ||
    (typeof tokenHeader === 'string' &&
      headerName.test(
        tokenHeader,
      )), 'tokenHeader', 'is no name of a header', "use for example 'flyroute-token', or false for none")
  const cookie = readCookie(options.cookie)
  require(cookie === undefined ||
    headerName.test(cookie.name), 'cookie', 'has a name that HTTP does not allow', "use for example 'flyroute'")
  const secrets = secret === undefined ? tokenSecrets() : typeof secret === 'string' ? [secret] : secret
  require(isListOfStrings(secrets) && secrets.every((one) => one.length >= 16), secret === undefined
    ? 'FLYROUTE_SECRET'
    : 'secret', 'is shorter than 16 characters', 'use a long random one, for example from `openssl rand -base64 32`')
  if (problems.length > 0) throw new ConfigurationError(problems)
  const methods =
    typeof replayBefore === 'function' ? undefined : new Set(replayBefore.map((method) => method.toUpperCase()))
  return {
    databases,
    replaysBefore:
      methods === undefined
        ? (replayBefore as (request: RequestFacts) => boolean)
        : ({ method }) => methods.has(method),
    isIdempotent: isIdempotent ?? (() => false),
    consistency,
    waitTimeoutMs,
    cookie: consistency === 'none' ? undefined : cookie,
    tokenHeader: tokenHeader === false || consistency === 'none' ? undefined : tokenHeader.toLowerCase(),
    secrets,
    maxReplayBody,
    whenReplayUnavailable,
    replayTimeoutMs,
    debugHeader: options.debugHeader ?? false,
  }
}

function readDatabases(
  databases: unknown,
  require: (holds: boolean, setting: string, message: string, remedy: string) => void,
): DatabaseReplication[] {
  const remedy = 'pass what the adapters return, for example databases: [pool]'
  if (!Array.isArray(databases) || databases.length === 0) {
    require(false, 'databases', 'is no list with at least one database', remedy)
    return []
  }
  const found: DatabaseReplication[] = []
  for (const [index, database] of databases.entries()) {
    const replication = (database as { replication?: unknown } | null)?.replication as DatabaseReplication | undefined
    const ours = typeof replication?.route === 'function'
    require(ours, `databases[${index}]`, 'was not made by an adapter of flyroute', remedy)
    if (!ours || found.includes(replication)) continue
    require(found.every(
      ({ name }) => name !== replication.name,
    ), `databases[${index}]`, `has the same name as another one (${replication.name})`, 'give each a name of its own: createPool({ name: … })')
    found.push(replication)
  }
  return found
}

function readCookie(cookie: ReplayPolicyOptions['cookie'] = 'flyroute'): ResolvedPolicy['cookie'] {
  if (cookie === false) return undefined
  return typeof cookie === 'string' ? { name: cookie } : { ...cookie, name: cookie.name ?? 'flyroute' }
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
