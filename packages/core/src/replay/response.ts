import { findPrimaryRequired } from '../errors/find.ts'
import { originOf } from '../errors/origin.ts'
import type { PrimaryRequiredError } from '../errors.ts'
import type { Topology } from '../topology/topology.ts'
import { cacheFields, type ReplayCache, type ReplayCacheInvalidation } from './cache.ts'
import { isHeaderName, isHeaderValue, isRecord, Problems } from './check.ts'
import { addRoutingFields, type ReplayRouting } from './routing.ts'
import { type ReplayTarget, targetFields } from './target.ts'
import { type ReplayTransform, transformField } from './transform.ts'

/** An HTTP answer in neutral form: an init for `new Response(body, answer)`, arguments for `res.writeHead(status, headers)`. */
export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string
}

export interface ReplayResponseOptions extends ReplayRouting {
  /** Changes the request on its way. */
  readonly transform?: ReplayTransform | undefined
  /** Lets the proxy remember this replay, or forget an earlier one. A remembered one excludes state, timeoutMs, fallback and transform. */
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
 * const { status, headers, body } = replayResponse({ region: ['ord', 'any'] }, { timeoutMs: 5_000, fallback: 'force_self' })
 * res.writeHead(status, headers).end(body)   // fly-replay: region="ord,any";timeout=5000ms;fallback=force_self
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
    for (const name of ['state', 'timeoutMs', 'fallback', 'transform'] as const) {
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
    body: `Fly Proxy runs this request again (${value}). If you can read this, the app was reached without Fly Proxy.\n`,
  }
}

/** Reads the target off whatever was handed in. */
function targetOf(to: unknown): ReplayTarget {
  const error = findPrimaryRequired(to)
  const origin = error === undefined ? undefined : originOf(error)
  if (origin?.code === 'ERR_PRIMARY_REQUIRED') return origin.target
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
