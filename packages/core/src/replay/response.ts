import type { PrimaryRequiredError } from '../errors.ts'
import { findPrimaryRequired } from '../errors/find.ts'
import type { Topology } from '../topology.ts'
import { cacheFields, type ReplayCache, type ReplayCacheInvalidation } from './cache.ts'
import { isFieldValue, isHeaderName, isHeaderValue, isRecord, Problems } from './check.ts'
import { type ReplayTarget, targetFields } from './target.ts'
import { type ReplayTransform, transformField } from './transform.ts'

/** An HTTP answer in neutral form: an init for `new Response(body, answer)`, arguments for `res.writeHead(status, headers)`. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string
}

export interface ReplayResponseOptions {
  /** An opaque string that the target finds in `fly-replay-src`. Printable ASCII without `;` `,` quotes and backslash. */
  readonly state?: string | undefined
  /** Not on the Machine that answers. Default: false. */
  readonly elsewhere?: boolean | undefined
  /** How long the proxy tries: milliseconds, or `'10s'`, `'800ms'`. Default: the proxy's own. */
  readonly timeout?: number | string | undefined
  /**
   * Who gets the request, with `fly-replay-failed`, when the replay fails: this Machine (`force_self`), or this one
   * if it can, else any of the app (`prefer_self`). Default: nobody, the client gets the proxy's error.
   */
  readonly fallback?: 'force_self' | 'prefer_self' | undefined
  /** Changes the request on its way. */
  readonly transform?: ReplayTransform | undefined
  /** Lets the proxy remember this replay, or forget an earlier one. A remembered one excludes state, timeout, fallback and transform. */
  readonly cache?: ReplayCache | ReplayCacheInvalidation | undefined
  /** A `fly-replay` header or a JSON body. Default: `header`, and `json` where a transform needs it. */
  readonly format?: 'header' | 'json' | undefined
  /** The status, which Fly Proxy does not mind. Default: 409. */
  readonly status?: number | undefined
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The content type of the JSON form. */
const replayJson = 'application/vnd.fly.replay+json'

/**
 * The answer that makes Fly Proxy run the request again elsewhere: for a {@link PrimaryRequiredError} (or what
 * wraps one) where the primary is, for a topology in its primary region, or wherever a target says.
 *
 * @throws TypeError naming all problems, where the fields contradict each other or a value could break the header,
 *   and where the error is none of ours.
 * @example
 * ```ts
 * const { status, headers, body } = replayResponse({ region: ['ord', 'any'] }, { timeout: '5s', fallback: 'force_self' })
 * res.writeHead(status, headers).end(body)   // fly-replay: region="ord,any";timeout=5s;fallback=force_self
 * ```
 */
export function replayResponse(
  to: PrimaryRequiredError | Topology | ReplayTarget,
  options: ReplayResponseOptions = {},
): HttpAnswer {
  const problems = new Problems()
  if (!isRecord(options)) throw new TypeError('replayResponse: the options have to be an object')
  const target = targetOf(to)
  const fields = targetFields(target, problems)
  problems.require(
    fields.size > 0 || options.elsewhere === true,
    'the target is empty: name a region, an instance or an app (is PRIMARY_REGION set?)',
  )
  addRoutingFields(fields, options, problems)

  const transform = options.transform === undefined ? undefined : transformField(options.transform, problems)
  const cache = options.cache === undefined ? undefined : cacheFields(options.cache, problems)
  if (cache?.remembers) {
    for (const name of ['state', 'timeout', 'fallback', 'transform'] as const) {
      problems.require(options[name] === undefined, `a cached replay excludes ${name}`)
    }
  }

  const { format = transform === undefined ? 'header' : 'json', status = 409, headers = {} } = options
  problems.require(format === 'header' || format === 'json', "format has to be 'header' or 'json'")
  problems.require(format !== 'header' || transform === undefined, "a transform needs format 'json'")
  problems.require(
    Number.isInteger(status) && status >= 200 && status <= 599 && ![204, 205, 304].includes(status),
    'status has to be one from 200 to 599 that has a body',
  )
  const extra = extraHeaders(headers, problems)
  problems.throwIfAny('replayResponse')

  const common = { ...extra, 'cache-control': 'no-store' }
  if (format === 'json') {
    const { elsewhere, ...texts } = Object.fromEntries(fields)
    const replay = {
      ...texts,
      ...(elsewhere ? { elsewhere: true } : {}),
      ...(transform && { transform }),
      ...cache?.json,
    }
    return { status, headers: { ...common, 'content-type': replayJson }, body: JSON.stringify(replay) }
  }
  const value = [...fields].map(([name, text]) => `${name}=${text.includes(',') ? `"${text}"` : text}`).join(';')
  return {
    status,
    headers: { ...common, 'content-type': 'text/plain; charset=utf-8', 'fly-replay': value, ...cache?.headers },
    body: `Fly Proxy runs this request again (${value}). Whoever reads this has reached the app without Fly Proxy.\n`,
  }
}

/** Reads the target off whatever was handed in. */
function targetOf(to: unknown): ReplayTarget {
  const error = findPrimaryRequired(to)
  if (error !== undefined) return error.target
  if (!isRecord(to) || to instanceof Error || 'stack' in to) {
    throw new TypeError('replayResponse: this is no PrimaryRequiredError, topology or target; throw other errors on')
  }
  if (!('primary' in to && 'role' in to)) return to
  const { primaryRegion } = to as unknown as Topology
  if (primaryRegion === undefined) {
    throw new TypeError('replayResponse: the topology does not know the primary region; set PRIMARY_REGION')
  }
  return { region: primaryRegion }
}

/** The fields that say how, beside those that say where. */
function addRoutingFields(fields: Map<string, string>, options: ReplayResponseOptions, problems: Problems): void {
  const { state, elsewhere, timeout, fallback } = options
  if (state !== undefined) {
    problems.require(
      isFieldValue(state),
      'state has to be printable ASCII without ; , quotes, backslash, or a space at its ends',
    )
    fields.set('state', state)
  }
  problems.require(elsewhere === undefined || typeof elsewhere === 'boolean', 'elsewhere has to be a boolean')
  if (elsewhere) fields.set('elsewhere', 'true')
  if (timeout !== undefined) {
    const text = typeof timeout === 'number' ? `${timeout}ms` : timeout
    problems.require(
      typeof text === 'string' && /^0*[1-9]\d{0,8}m?s$/.test(text),
      "timeout has to be a whole number of milliseconds above 0, or a string like '10s' or '800ms'",
    )
    fields.set('timeout', text)
  }
  if (fallback !== undefined) {
    problems.require(
      fallback === 'force_self' || fallback === 'prefer_self',
      'fallback has to be force_self or prefer_self',
    )
    fields.set('fallback', fallback)
  }
}

function extraHeaders(headers: unknown, problems: Problems): Record<string, string> {
  if (!problems.require(isRecord(headers), 'headers has to be an object')) return {}
  const entries = Object.entries(headers as Record<string, unknown>)
  for (const [name, value] of entries) {
    problems.require(
      isHeaderName(name) && isHeaderValue(value),
      'headers has a name or a value that HTTP does not allow',
    )
    problems.require(
      !/^fly-replay|^content-(type|length|encoding)$|^transfer-encoding$/i.test(name),
      'headers must not set what replayResponse sets itself',
    )
  }
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value as string]))
}
