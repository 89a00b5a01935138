import { setOrigin } from './errors/origin.ts'
import { ownerOf } from './errors/owner.ts'
import type { ReplayTarget } from './replay/target.ts'
import type { Topology } from './topology/topology.ts'

/** Every code an error of flyroute can have. `docs/errors.md` has a heading for each. */
export type FlyrouteErrorCode = 'ERR_CONFIGURATION' | 'ERR_PRIMARY_REQUIRED' | 'ERR_REPLAY_UNAVAILABLE'

/**
 * What all errors of flyroute have in common: a stable `code`, the standard `cause`, and a message of the form
 * `[CODE] what happened; what to do`. SQL text, parameters and passwords are in none of it.
 *
 * Tell errors apart by `isPrimaryRequired` and by `code`, not by `instanceof`: a process may hold two copies of this package.
 */
export abstract class FlyrouteError extends Error {
  /** Stable across versions; narrows the union of the concrete classes in a `switch`. */
  abstract readonly code: FlyrouteErrorCode

  /** The error as a log line may show it: no stack, no cause. */
  toJSON(): Record<string, unknown> {
    return { ...Object.fromEntries(Object.entries(this)), name: this.name, message: this.message }
  }
}

/** One thing that is wrong with the configuration, and what to do about it. */
export interface ConfigurationProblem {
  /** The variable or option at fault, for example `DATABASE_URL_AMS` or `replicas.ams`. */
  readonly setting: string
  /** What is wrong with it. Never contains its value. */
  readonly message: string
  /** What to do. */
  readonly remedy: string
}

/** The configuration is incomplete or contradicts itself. Lists every problem at once, and no secret. */
export class ConfigurationError extends FlyrouteError {
  override readonly code = 'ERR_CONFIGURATION' as const
  readonly problems: readonly ConfigurationProblem[]

  constructor(problems: readonly ConfigurationProblem[], options?: ErrorOptions) {
    const lines = problems.map(({ setting, message, remedy }) => `${setting} ${message}; ${remedy}`)
    super(
      `[ERR_CONFIGURATION] ${lines.length === 1 ? lines[0] : ['the configuration has problems:', ...lines].join('\n  - ')}`,
      causeOf(options),
    )
    this.problems = problems
  }
}

/**
 * Why the primary is needed:
 * - `write`: the statement writes, and was not sent to the replica;
 * - `refused`: the replica itself refused it;
 * - `stale`: the replica is behind what this client has already seen, and did not catch up in time;
 * - `unavailable`: no replica can be reached;
 * - `distance`: no replica is near, and to answer from here would take longer than a replay.
 */
export type PrimaryRequiredReason = 'write' | 'refused' | 'stale' | 'unavailable' | 'distance'

/**
 * Where the primary was found to be needed:
 * - `replayed`: in a request that a middleware is going to replay;
 * - `unattended`: in an HTTP request that no middleware stands ahead of;
 * - `outside`: where no request can be replayed (boot, cron, a socket).
 */
export type PrimaryRequiredPlace = 'replayed' | 'unattended' | 'outside'

export interface PrimaryRequiredOptions extends ErrorOptions {
  readonly reason: PrimaryRequiredReason
  /** The topology of the database that is meant (an app may have several). */
  readonly topology: Topology
  /** A short stable word for the cause, such as `insert` or `locking-clause`. Anything that could be SQL text is dropped. */
  readonly detail?: string | undefined
  /** Default: the topology's primary region. */
  readonly target?: ReplayTarget | undefined
  /** Where it happened, which decides what the message advises. Default: a request of which nothing is known. */
  readonly place?: PrimaryRequiredPlace | undefined
  /** Whether this process could talk to the primary. Changes what the message advises. Default: true. */
  readonly reachesPrimary?: boolean | undefined
}

/**
 * This can only be done on the primary. Inside a request, answer with `replayResponse(error)` and Fly Proxy runs
 * the whole request again in the primary region; the middlewares of flyroute do that by themselves.
 */
export class PrimaryRequiredError extends FlyrouteError {
  override readonly code = 'ERR_PRIMARY_REQUIRED' as const
  readonly reason: PrimaryRequiredReason
  declare readonly detail?: string | undefined
  /** Where the request has to run. Without a field when the primary's region is not known. */
  readonly target: ReplayTarget
  /** The database that is meant. Not enumerable: it would drown the error in a log. */
  declare readonly topology: Topology

  constructor(options: PrimaryRequiredOptions) {
    const detail = safeWord(options.detail)
    super(`[ERR_PRIMARY_REQUIRED] ${primaryRequiredMessage(options, detail)}`, causeOf(options))
    const { reason, topology } = options
    this.reason = reason
    if (detail !== undefined) this.detail = detail
    this.target = options.target ?? (topology.primaryRegion === undefined ? {} : { region: topology.primaryRegion })
    const hidden = { enumerable: false, configurable: true, writable: true }
    Object.defineProperty(this, 'topology', { value: topology, ...hidden })
    setOrigin(this, { code: this.code, reason, detail, target: this.target, topology })
    // Of an error with a code Prisma hands on the code and the `meta`, and nothing else.
    Object.defineProperty(this, 'meta', { value: { cause: this }, ...hidden })
  }

  /**
   * Whether the request that it happened in is answered with a replay, or was: then there is nothing to do about it, and nothing to
   * log. Asked anew each time: an answer that begins ahead of the replay changes it.
   *
   * @example
   * if (findPrimaryRequired(error)?.willBeReplayed) return
   */
  get willBeReplayed(): boolean {
    return ownerOf(this)?.willBeReplayed === true
  }
}

/** Why a request that needs the primary cannot be replayed there. */
export type ReplayUnavailableReason =
  /** The body is over what Fly Proxy keeps for a replay. */
  | 'body-too-large'
  /** A WebSocket (or other) upgrade. */
  | 'upgrade'
  /** The answer has begun; its headers are gone. */
  | 'response-begun'
  /** The proxy tried, and gave the request back: it may have run on the primary. */
  | 'replay-failed'
  /** It has been replayed already, and still is not on the primary. */
  | 'loop'
  /** It has committed something here already; running it again would do that twice. */
  | 'already-written'
  /** Not an HTTP request at all. */
  | 'outside-request'
  /** Not a request that could be replayed, and this process has no connection to the primary (LiteFS, one Kysely dialect). */
  | 'no-connection'
  /** No primary is known, or none can be reached. */
  | 'no-primary'
  /** The server that calls itself primary is older than what this client has seen. */
  | 'stale-primary'
  /** It writes to two databases whose primaries are in different regions. */
  | 'two-primaries'

export interface ReplayUnavailableOptions extends ErrorOptions {
  /** Seconds after which trying again makes sense (`Retry-After`). Default: not said. */
  readonly retryAfterSeconds?: number | undefined
  /** A short stable word or figure, such as `no_candidate` or `1500000`. */
  readonly detail?: string | undefined
}

/** After how long (seconds) trying again makes sense where there is no primary: a failover takes about as long. */
const failoverSeconds = 5

/** The request needs the primary, cannot be replayed there, and the app asked not to use the primary from here. */
export class ReplayUnavailableError extends FlyrouteError {
  override readonly code = 'ERR_REPLAY_UNAVAILABLE' as const
  readonly reason: ReplayUnavailableReason
  declare readonly detail?: string | undefined
  /** Seconds after which trying again makes sense. */
  declare readonly retryAfterSeconds?: number | undefined

  constructor(reason: ReplayUnavailableReason, options: ReplayUnavailableOptions = {}) {
    const detail = safeWord(options.detail)
    // A detail may come from a client: only these two are looked up.
    const isBound = detail === 'transaction' || detail === 'session'
    const [happened, remedy] = isBound ? bound[detail] : unavailable[reason]
    super(
      `[ERR_REPLAY_UNAVAILABLE] ${happened}${detail === undefined ? '' : ` (${detail})`}; ${remedy}`,
      causeOf(options),
    )
    this.reason = reason
    if (detail !== undefined) this.detail = detail
    const isFailover = reason === 'no-primary' || reason === 'stale-primary'
    const retryAfterSeconds = options.retryAfterSeconds ?? (isFailover ? failoverSeconds : undefined)
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds
    setOrigin(this, { code: this.code })
  }
}

for (const [name, { prototype }] of Object.entries({
  ConfigurationError,
  PrimaryRequiredError,
  ReplayUnavailableError,
})) {
  // On the prototype and by hand: right in the first line of the stack, and right in a minified bundle.
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true })
}

/**
 * A detail as a message may show it: one word without white space or quotes. A statement's text or a parameter never passes, even
 * if it is handed in by mistake.
 */
function safeWord(detail: unknown): string | undefined {
  return typeof detail === 'string' && /^[\w.:-]{1,64}$/.test(detail) ? detail : undefined
}

/** Only what there is: `cause: undefined` would be printed with every error. */
function causeOf(options: ErrorOptions | undefined): ErrorOptions | undefined {
  return options?.cause === undefined ? undefined : { cause: options.cause }
}

function primaryRequiredMessage(options: PrimaryRequiredOptions, detail: string | undefined): string {
  const { reason, topology, place } = options
  const { region, role, inPrimaryRegion } = topology
  const server = role === 'primary' && !inPrimaryRegion ? 'a region without a replica' : 'a replica'
  const replica = region === undefined ? server : `${server} (region ${region})`
  const what = detail === undefined ? '' : ` (${detail})`
  const happened =
    detail === 'assert-primary'
      ? `the primary is needed, and this process uses ${replica}`
      : {
          write: `a statement that writes${what} reached ${replica}`,
          refused: `${replica} refused a statement${what}`,
          stale: `${replica} is behind what this client has already seen${what}`,
          unavailable: `${replica} cannot be reached${what}`,
          distance: `several statements${what} would go from ${replica} to a server far away`,
        }[reason]
  return happened + (place === undefined ? byHand : remedies[place])(options)
}

type Remedy = (options: PrimaryRequiredOptions) => string

const remedies: Readonly<Record<PrimaryRequiredPlace, Remedy>> = {
  replayed: () => ', so that this request is being replayed; nothing to do',
  unattended: () =>
    ', in an HTTP request that no middleware of flyroute stands ahead of; put replayMiddleware({ databases: [pool] }) ahead of all routes, or replayable() around the handler',
  outside({ topology: { primaryRegion }, reachesPrimary = true, detail }) {
    if (detail === 'assert-primary') {
      const region = primaryRegion === undefined ? "the primary's region" : `the primary region ${primaryRegion}`
      const setting = `primary_region${primaryRegion === undefined ? '' : ` = "${primaryRegion}"`} in fly.toml`
      const here = reachesPrimary ? ', or wrap the work in runOnPrimary(fn)' : ''
      return `; run it in ${region}, where a release_command runs with ${setting}${here}`
    }
    return reachesPrimary
      ? ", outside a request; wrap the work in runOnPrimary(fn), or set outsideRequest: 'primary'"
      : ", outside a request; run it on the primary's machine, or send it there as a request"
  },
}

/** In a request whose answer is the app's own affair. */
const byHand: Remedy = ({ topology: { primaryRegion }, reachesPrimary = true }) => {
  const answer = '; answer with replayResponse(error) so that the request runs again'
  if (!reachesPrimary) return `${answer} on the primary's machine`
  const where = primaryRegion === undefined ? 'on the primary' : `in the primary region ${primaryRegion}`
  return `${answer} ${where}, or wrap the work in runOnPrimary(fn)`
}

/** What keeps work on a connection where it is, whatever kept its request from being replayed. */
const bound: Readonly<Record<'transaction' | 'session', readonly [happened: string, remedy: string]>> = {
  transaction: [
    'a write needs the primary, and its transaction has already read on the replica',
    'begin the transaction inside runOnPrimary(fn), or write before you read in it',
  ],
  session: [
    'a write needs the primary, and what was done on this connection before cannot be done again there',
    'check the connection out inside runOnPrimary(fn): docs/concepts.md says what a session can take along',
  ],
}

/** What happened and what to do, for each reason. */
const unavailable: Record<ReplayUnavailableReason, readonly [happened: string, remedy: string]> = {
  'body-too-large': [
    'the request needs the primary and its body is too large to be replayed',
    "let the client send it with the header fly-prefer-region, upload to object storage, or set whenReplayUnavailable: 'primary'",
  ],
  upgrade: [
    'an upgraded connection needs the primary and cannot be replayed',
    'wrap the work in runOnPrimary(fn), or let the client connect with the header fly-prefer-region',
  ],
  'response-begun': [
    'the request needs the primary after its answer has begun',
    'write before the first byte of the answer, or wrap the work in runOnPrimary(fn)',
  ],
  'replay-failed': [
    'the replay in the primary region failed, and the request may have run there',
    'try again later, and only if running it twice does no harm',
  ],
  loop: [
    'the request has been replayed already and is still not on the primary',
    'check PRIMARY_REGION and that the database URL of that region leads to the primary',
  ],
  'already-written': [
    'the request needs the primary after it has committed something, and must not run twice',
    'write in one transaction, or wrap all of the work in runOnPrimary(fn)',
  ],
  'outside-request': [
    'work outside a request needs the primary and there is nothing to replay',
    "wrap the work in runOnPrimary(fn), or set outsideRequest: 'primary'",
  ],
  'no-connection': [
    'work that cannot be replayed needs the primary, and this process has no connection to it',
    "run it on the primary's machine, or send it there as a request",
  ],
  'no-primary': ['no primary can be reached', 'try again later; a failover may be under way'],
  'stale-primary': [
    'the server that calls itself primary is older than what this client has already seen',
    'try again later; a failover may be under way, and the old primary should be stopped',
  ],
  'two-primaries': [
    'the request writes to databases whose primaries are in different regions',
    'wrap one of the writes in runOnPrimary(fn), or split the request',
  ],
}
