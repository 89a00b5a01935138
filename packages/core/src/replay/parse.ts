/** What the target of a replay learns from the header `fly-replay-src`. A client can forge all of it. */
export interface ReplaySource {
  /** The Machine that asked for the replay. */
  readonly instance?: string
  /** The region it was in. */
  readonly region?: string
  /** When, in microseconds since 1970. */
  readonly t?: number
  /** The `state` it gave along. */
  readonly state?: string
}

/** What a Machine learns from `fly-replay-failed` when a replay it asked for has come back. A client can forge all of it. */
export interface ReplayFailure {
  /** The Machine that was meant. */
  readonly instance?: string
  /** The app that was meant. */
  readonly app?: string
  /** The region that was meant. */
  readonly region?: string
  /** The Machine that had asked for the replay. */
  readonly replaySource?: string
  /** After `timeout` and `retries_exhausted` the request may have run; after `no_candidate` it has not. */
  readonly reason?: 'timeout' | 'retries_exhausted' | 'no_candidate' | (string & {})
  /** How long the proxy tried, in milliseconds. */
  readonly elapsedMs?: number
}

/** A header as Node (`string`, `string[]`, `undefined`) and Fetch (`string`, `null`) hand it out. */
export type HeaderValue = string | readonly string[] | null | undefined

/** Longer than any header that Fly Proxy writes; a longer one is not read. */
const maxLength = 8_192

/**
 * Reads `fly-replay-src`: `instance=…;region=…;t=…;state=…`. `undefined` where the header is absent, too long, or
 * has none of these fields. Never throws. Where a field or the header itself comes twice, the last one counts: a
 * proxy appends.
 *
 * @example
 * ```ts
 * parseReplaySource('instance=5683;region=ams;t=1790000000;state=cart')?.state   // 'cart'
 * ```
 */
export function parseReplaySource(header: HeaderValue): ReplaySource | undefined {
  const fields = readFields(header)
  const source = defined({
    instance: fields.get('instance'),
    region: fields.get('region'),
    t: wholeNumber(fields.get('t')),
    state: fields.get('state'),
  })
  return Object.keys(source).length === 0 ? undefined : source
}

/**
 * Reads `fly-replay-failed`: `instance=…;app=…;region=…;replay_source=…;reason=…;elapsed_ms=…`. `undefined` only where
 * the header is absent or blank: with a header that cannot be read the request still must not be replayed again, so
 * that is an object without fields. Never throws.
 *
 * @example
 * ```ts
 * parseReplayFailure('instance=1;region=ord;reason=no_candidate')?.reason   // 'no_candidate'
 * parseReplayFailure(null)                                                  // undefined
 * ```
 */
export function parseReplayFailure(header: HeaderValue): ReplayFailure | undefined {
  if (lastValue(header).trim() === '') return undefined
  const fields = readFields(header)
  return defined({
    instance: fields.get('instance'),
    app: fields.get('app'),
    region: fields.get('region'),
    replaySource: fields.get('replay_source'),
    reason: fields.get('reason'),
    elapsedMs: wholeNumber(fields.get('elapsed_ms')),
  })
}

/** The fields `name=value`, joined by `;`. A Map: a field may be called `__proto__`. */
function readFields(header: unknown): Map<string, string> {
  const text = lastValue(header)
  const fields = new Map<string, string>()
  if (text.length > maxLength) return fields
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    if (equals === -1) continue
    const value = part.slice(equals + 1).trim()
    if (value !== '') fields.set(part.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'))
  }
  return fields
}

function lastValue(header: unknown): string {
  const value: unknown = Array.isArray(header) ? header.at(-1) : header
  return typeof value === 'string' ? value : ''
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined
  return Number.isSafeInteger(number) ? number : undefined
}

/** The object without its undefined fields. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
