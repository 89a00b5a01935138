import { isSigned, sign } from '../signature.ts'

/** What the target of a replay, or the machine that it comes back to, learns from our own `state`. */
export interface ReplayState {
  /** Why it was replayed, in one word. */
  readonly reason: string
  /** The name of the database whose primary was meant, as `plain` writes it; undefined where none is told. */
  readonly database: string | undefined
  /** The `traceparent` of what it was replayed from. */
  readonly trace: string | undefined
}

/** https://www.w3.org/TR/trace-context/#traceparent-header, in its one version. */
const traceparent = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/** For so long (ms) a signed state counts: a replay takes seconds, and the clocks of two regions may differ. */
const maxAgeMs = 300_000
/** A state of ours is shorter than this. */
const maxLength = 512

/**
 * The `state` of a replay: `flyroute:<reason>[:<detail>][/<traceparent>]@<database>`, and with a secret `~<time>.<signature>`
 * after it, so that a client cannot pass itself off as replayed.
 *
 * @param told.trace left out where it is no `traceparent`
 */
export function writeState(
  told: { reason: string; detail: string | undefined; database: string; trace?: string | undefined },
  secrets: readonly string[],
  now: number = Date.now(),
): string {
  const { reason, detail, database, trace } = told
  const traced = trace !== undefined && traceparent.test(trace) ? `/${trace}` : ''
  const text = `flyroute:${reason}${detail === undefined ? '' : `:${plain(detail)}`}${traced}@${plain(database)}`
  const [secret] = secrets
  if (secret === undefined) return text
  const timed = `${text}~${now.toString(36)}`
  return `${timed}.${sign('state', timed, secret)}`
}

/** Undefined for what is none of ours: of another app's making, or, where there are secrets, not signed by one of them or old. */
export function readState(
  state: string | undefined,
  secrets: readonly string[],
  now: number = Date.now(),
): ReplayState | undefined {
  if (state === undefined || state.length > maxLength) return undefined
  const [, timed = '', text = '', time, signature] = /^(([^~]*)(?:~([\da-z]+))?)(?:\.([\w-]{22}))?$/.exec(state) ?? []
  const parsed = /^flyroute:([\w-]+)[^@]*(?:@(.*))?$/.exec(secrets.length > 0 ? text : (state.split('~')[0] ?? ''))
  if (parsed?.[1] === undefined) return undefined
  if (secrets.length > 0) {
    const age = now - Number.parseInt(time ?? '', 36)
    if (!(Math.abs(age) < maxAgeMs) || !isSigned('state', timed, signature, secrets)) return undefined
  }
  return { reason: parsed[1], database: parsed[2], trace: traceOf(state) }
}

/** The `traceparent` in a state of ours, signed or not: it says no more than the header of that name, which no one signs. */
export function traceOf(state: string | undefined): string | undefined {
  const trace = /^flyroute:[^@/]*\/([\da-f-]{55})(?:@|~|$)/.exec(state ?? '')?.[1]
  return trace !== undefined && traceparent.test(trace) ? trace : undefined
}

/** What a field of `fly-replay` carries without quotes. */
export function plain(text: string): string {
  return text.replace(/[^\w.-]/g, '_').slice(0, 64)
}
