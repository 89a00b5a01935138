import { beginTraffic } from '../advice/keep.ts'
import { tokenSecrets } from '../env.ts'
import { ConfigurationError, type ConfigurationProblem } from '../errors.ts'
import { errorCode, publish } from '../events.ts'
import type { DatabaseReplication } from '../replication/database.ts'
import { consistencies } from '../request/scope.ts'
import { requestWaitMs } from '../request/state.ts'
import { cookieOfMachine, type TokenCookie } from './cookie.ts'
import { Fallbacks } from './fallbacks.ts'
import type { Placement, ReplayPolicyOptions, RequestFacts, ResolvedPolicy } from './options.ts'
import { farDatabase } from './placement.ts'
import { RouteTable } from './route-table.ts'

const unsafeMethods = ['POST', 'PUT', 'PATCH', 'DELETE']
const placements: readonly unknown[] = ['learn', 'replay', 'direct']
const sameSites: readonly unknown[] = [undefined, 'Lax', 'Strict', 'None']
/** A header's name, and a cookie's: the same characters (RFC 9110, RFC 6265). */
const token = /^[!#$%&'*+.^_`|~\w-]+$/
/** A cookie's attribute: nothing that ends it or the header. */
const attribute = /^[!-:<-~]+$/
/** A shorter secret is guessed off-line from a single token. */
const shortestSecret = 16

/** Notes a problem unless the condition holds. */
type Require = (holds: boolean, setting: string, message: string, remedy: string) => void

/**
 * Fills in the defaults.
 *
 * @throws ConfigurationError with everything that is wrong
 */
export function resolvePolicy(options: ReplayPolicyOptions): ResolvedPolicy {
  if (options === null || typeof options !== 'object') {
    throw new TypeError('createReplayPolicy: pass an object with at least `databases: [pool]`')
  }
  const problems: ConfigurationProblem[] = []
  const require: Require = (holds, setting, message, remedy) => {
    if (!holds) problems.push({ setting, message, remedy })
  }
  const { consistency = 'read-your-writes', whenReplayUnavailable = 'primary', debugHeader = false } = options
  const { tokenHeader = 'flyroute-token', replayBeforeHandler = unsafeMethods, isIdempotent = () => false } = options
  const { waitTimeoutMs = requestWaitMs, maxReplayBodyBytes = 1_000_000, replayTimeoutMs = 5_000 } = options
  const { placement = 'learn' } = options
  const replaysBeforeHandler = predicate(replayBeforeHandler)
  const databases = replicationsOf(options.databases, require)
  const cookie = cookieOf(options.cookie, require)
  const secrets = secretsOf(options.secret, require)

  const oneOf = (known: readonly unknown[], setting: string, value: unknown): void =>
    require(known.includes(value), setting, 'is no known choice', `use ${known.map(String).join(', ')}`)
  oneOf(consistencies, 'consistency', consistency)
  oneOf(['primary', 'error'], 'whenReplayUnavailable', whenReplayUnavailable)
  oneOf([true, false], 'debugHeader', debugHeader)
  if (typeof placement !== 'function') oneOf(placements, 'placement', placement)
  for (const [setting, value, least] of [
    ['waitTimeoutMs', waitTimeoutMs, 0],
    ['maxReplayBodyBytes', maxReplayBodyBytes, 0],
    ['replayTimeoutMs', replayTimeoutMs, 1],
  ] as const) {
    const holds = Number.isInteger(value) && value >= least && value < 1_000_000_000
    require(holds, setting, `is no whole number of ${least} or more`, 'pass a number')
  }
  const isFunction = typeof isIdempotent === 'function'
  require(isFunction, 'isIdempotent', 'is no function', "pass for example ({ method }) => method === 'PUT'")
  require(isLog(
    options.log,
  ), 'log', 'is neither a function nor a logger', 'pass for example pino(), console or a function')
  const isListed = replaysBeforeHandler !== undefined
  require(isListed, 'replayBeforeHandler', 'is neither a list of methods nor a function', "pass for example ['POST']")
  const isHeader = tokenHeader === false || (typeof tokenHeader === 'string' && token.test(tokenHeader))
  require(isHeader, 'tokenHeader', 'is no name of a header', "use for example 'flyroute-token', or false for none")
  if (problems.length > 0 || !isListed) throw new ConfigurationError(problems)
  // What a job signs, a request reads.
  if (options.secret !== undefined) for (const database of databases) database.signsWith(secrets)

  const tokens = consistency !== 'none'
  const machineId = databases[0]?.topology.machineId
  return {
    databases,
    replaysBeforeHandler: unlessItThrows(replaysBeforeHandler, 'replayBeforeHandler', true),
    isIdempotent: unlessItThrows(isIdempotent, 'isIdempotent', false),
    consistency,
    waitTimeoutMs,
    cookie: tokens && cookie !== undefined ? { ...cookie, own: cookieOfMachine(cookie.name, machineId) } : undefined,
    tokenHeader: tokens && tokenHeader !== false ? tokenHeader.toLowerCase() : undefined,
    secrets,
    fallbacks: new Fallbacks(),
    maxReplayBodyBytes,
    whenReplayUnavailable,
    replayTimeoutMs,
    debugHeader,
    placement: placementOf(placement),
    far: farDatabase(databases),
    routes: new RouteTable(),
    traffic: beginTraffic(),
    lonely: { until: 0 },
  }
}

function isLog(log: unknown): boolean {
  if (log === undefined || typeof log === 'function') return true
  const has = (level: string): boolean => typeof Reflect.get(log as object, level) === 'function'
  return typeof log === 'object' && log !== null && ['warn', 'info', 'debug'].every(has)
}

function placementOf(placement: NonNullable<ReplayPolicyOptions['placement']>): ResolvedPolicy['placement'] {
  if (typeof placement !== 'function') return () => placement
  const chosen = unlessItThrows<RequestFacts, Placement>(placement, 'placement', 'learn')
  return (request) => {
    const choice = chosen(request)
    return placements.includes(choice) ? choice : 'learn'
  }
}

/** What the app decides by code of its own: where that throws, the answer that does no harm, and an event. */
function unlessItThrows<T, Choice extends string | boolean>(
  decide: (request: T) => Choice,
  setting: string,
  otherwise: Choice,
): (request: T) => Choice {
  return (request) => {
    try {
      return decide(request)
    } catch (error) {
      const code = errorCode(error)
      const message = `${setting} threw an error${code === undefined ? '' : ` (${code})`}; ${otherwise} is used instead`
      publish('notice', { database: '', message })
      return otherwise
    }
  }
}

function predicate(replayBeforeHandler: unknown): ((request: RequestFacts) => boolean) | undefined {
  if (typeof replayBeforeHandler === 'function') return replayBeforeHandler as (request: RequestFacts) => boolean
  if (!isListOfStrings(replayBeforeHandler)) return undefined
  const methods = new Set(replayBeforeHandler.map((method) => method.toUpperCase()))
  return ({ method }) => methods.has(method)
}

function replicationsOf(databases: unknown, require: Require): DatabaseReplication[] {
  const remedy = 'pass what the adapters return, for example databases: [pool]'
  const isList = Array.isArray(databases) && databases.length > 0
  require(isList, 'databases', 'is no list with at least one database', remedy)
  const found: DatabaseReplication[] = []
  for (const [index, database] of (isList ? databases : []).entries()) {
    const setting = `databases[${index}]`
    const replication = (database as { replication?: unknown } | null)?.replication as DatabaseReplication | undefined
    if (typeof replication?.router?.route !== 'function') {
      require(false, setting, 'was not made by an adapter of flyroute', remedy)
    } else if (!found.includes(replication)) {
      const { name } = replication
      const isUnique = found.every((other) => other.name !== name)
      require(isUnique, setting, `has the same name as another one (${name})`, "name each: createPool({ name: 'orders' })")
      found.push(replication)
    }
  }
  return found
}

function cookieOf(
  cookie: ReplayPolicyOptions['cookie'] = {},
  require: Require,
): (TokenCookie & { name: string }) | undefined {
  if (cookie === false) return undefined
  const { name = 'flyroute', ...attributes } = typeof cookie === 'string' ? { name: cookie } : cookie
  const { maxAgeSeconds, path, domain, sameSite } = attributes
  require(token.test(name), 'cookie.name', 'is no name that HTTP allows', "use for example 'flyroute'")
  const isAge = maxAgeSeconds === undefined || (Number.isInteger(maxAgeSeconds) && maxAgeSeconds > 0)
  require(isAge, 'cookie.maxAgeSeconds', 'is no whole number above 0', 'pass for example 86400')
  require(path === undefined ||
    attribute.test(path), 'cookie.path', 'is no path that HTTP allows', "use for example '/'")
  const isDomain = domain === undefined || attribute.test(domain)
  require(isDomain, 'cookie.domain', 'is no domain that HTTP allows', "use for example 'example.com'")
  require(sameSites.includes(sameSite), 'cookie.sameSite', 'is no known choice', "use 'Lax', 'Strict' or 'None'")
  return { name, ...attributes }
}

function secretsOf(secret: ReplayPolicyOptions['secret'], require: Require): readonly string[] {
  const secrets = secret === undefined ? tokenSecrets() : typeof secret === 'string' ? [secret] : secret
  const areLong = isListOfStrings(secrets) && secrets.every((one) => one.length >= shortestSecret)
  const setting = secret === undefined ? 'FLYROUTE_SECRET' : 'secret'
  const remedy = 'use a long random one, for example from `openssl rand -base64 32`'
  require(areLong, setting, `is shorter than ${shortestSecret} characters`, remedy)
  return secrets
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
