import type { IncomingHttpHeaders } from 'node:http'
import type { CacheEntry, Fallback, Instruction, Transform } from './instruction.ts'
import { limits } from './limits.ts'
import { misunderstood } from './proxy-error.ts'

/** "Your app can set the response content-type to `application/vnd.fly.replay+json`" */
const replayContentType = 'application/vnd.fly.replay+json'

/** Whether an answer asks for a replay; its status does not matter. */
export function asksForReplay(headers: IncomingHttpHeaders): boolean {
  return headers['fly-replay'] !== undefined || isReplayJson(headers)
}

export function isReplayJson(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === replayContentType
}

/** The raw fields of either form, before their values are understood. */
type Fields = Record<string, unknown>

/**
 * Reads the replay that an answer asks for.
 * @param body of the answer, where it has the JSON form
 * @throws ProxyError where it cannot be read, or asks for the impossible
 */
export function readInstruction(headers: IncomingHttpHeaders, body: string): Instruction {
  const json = isReplayJson(headers)
  const fields = json ? parseJson(body) : parseHeader(String(headers['fly-replay']))
  const unknown = Object.keys(fields).filter((name) => !known[json ? 'json' : 'header'].has(name))
  if (unknown.length > 0) throw misunderstood(`fly-replay has no field ${unknown.join(', ')}`)
  const instruction = understand(fields, json ? jsonCache(fields) : headerCache(headers))
  checkCombination(instruction)
  return instruction
}

const both = ['region', 'instance', 'prefer_instance', 'app', 'state', 'elsewhere', 'timeout', 'fallback']
const known = { header: new Set(both), json: new Set([...both, 'transform', 'cache', 'allow_bypass']) }

/** `fly-replay: region="sjc,any";app=target-app` */
function parseHeader(header: string): Fields {
  const fields: Fields = {}
  for (const part of header.split(';').map((text) => text.trim())) {
    if (part === '') continue
    const [, name, quoted, plain] = /^([a-z_]+)=(?:"([^"]*)"|([^"]*))$/.exec(part) ?? []
    if (name === undefined) throw misunderstood(`fly-replay cannot be read at ${JSON.stringify(part)}`)
    if (Object.hasOwn(fields, name)) throw misunderstood(`fly-replay has ${name} twice`)
    // "A comma-separated list of regions must be quoted."
    if (name === 'region' && plain?.includes(',')) throw misunderstood(`a list of regions must be quoted: ${part}`)
    fields[name] = quoted ?? plain
  }
  return fields
}

function parseJson(body: string): Fields {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {}
  throw misunderstood(`the body of type ${replayContentType} is not a JSON object`)
}

function understand(fields: Fields, cache: CacheEntry | 'invalidate' | undefined): Instruction {
  const region = text(fields, 'region')
  const regions = region === undefined ? [] : region.split(',').map((name) => name.trim())
  if (regions.some((name) => !/^[a-z]{2,4}$/.test(name))) throw misunderstood(`no region is called ${region}`)
  const optional = {
    instance: text(fields, 'instance'),
    preferInstance: text(fields, 'prefer_instance'),
    app: text(fields, 'app'),
    state: text(fields, 'state'),
    timeoutMs: duration(text(fields, 'timeout')),
    fallback: fallback(text(fields, 'fallback')),
    transform: transform(fields['transform']),
    cache,
  }
  const given = Object.entries(optional).filter(([, value]) => value !== undefined)
  return { regions, elsewhere: flag(fields['elsewhere'], 'elsewhere'), ...Object.fromEntries(given) }
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || (typeof value === 'string' && (value !== '' || name === 'state'))) return value
  throw misunderstood(`${name} must be a string that is not empty`)
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === false || value === 'false') return false
  if (value === true || value === 'true') return true
  throw misunderstood(`${name} must be true or false`)
}

/** "Accepts duration strings like `10s`, `500ms`." */
function duration(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const [, number, unit] = /^(\d+)(ms|s)$/.exec(value) ?? []
  if (number === undefined) throw misunderstood(`timeout must look like 10s or 800ms, not ${value}`)
  return Number(number) * (unit === 's' ? 1_000 : 1)
}

function fallback(value: string | undefined): Fallback | undefined {
  if (value === undefined || value === 'force_self' || value === 'prefer_self') return value
  throw misunderstood(`fallback must be force_self or prefer_self, not ${value}`)
}

function transform(value: unknown): Transform | undefined {
  if (value === undefined) return undefined
  const { path, delete_headers: deleted = [], set_headers: set = [] } = Object(value) as Fields
  const right =
    (path === undefined || (typeof path === 'string' && path.startsWith('/'))) &&
    Array.isArray(deleted) &&
    deleted.every((name) => typeof name === 'string') &&
    Array.isArray(set) &&
    set.every((header) => typeof header?.name === 'string' && typeof header?.value === 'string')
  if (!right) throw misunderstood('transform must have a path, delete_headers: [name], set_headers: [{ name, value }]')
  return { ...(path === undefined ? {} : { path }), deleteHeaders: deleted, setHeaders: set }
}

/** "Set `fly-replay-cache: /some/path/*` … Set `fly-replay-cache-ttl-secs: number_of_seconds`" */
function headerCache(headers: IncomingHttpHeaders): CacheEntry | 'invalidate' | undefined {
  const prefix = headers['fly-replay-cache']
  if (prefix === undefined) return undefined
  if (prefix === 'invalidate') return 'invalidate'
  const allowBypass = headers['fly-replay-cache-allow-bypass'] === 'yes'
  return cacheEntry(prefix, Number(headers['fly-replay-cache-ttl-secs']), allowBypass)
}

/** `"cache": { "prefix": "/some/path/*", "ttl": 60 }`; the docs do not say at which level `allow_bypass` stands. */
function jsonCache(fields: Fields): CacheEntry | 'invalidate' | undefined {
  if (fields['cache'] === undefined) return undefined
  const { prefix, ttl, invalidate, allow_bypass: bypass } = Object(fields['cache']) as Fields
  if (flag(invalidate, 'cache.invalidate')) return 'invalidate'
  return cacheEntry(prefix, Number(ttl), flag(bypass ?? fields['allow_bypass'], 'allow_bypass'))
}

function cacheEntry(prefix: unknown, ttlSeconds: number, allowBypass: boolean): CacheEntry {
  if (typeof prefix !== 'string' || !/^[^/:]*\/[^*]*\*?$/.test(prefix)) {
    throw misunderstood(
      `a replay is cached for a path such as /some/path/* or example.com/some/path/*, not ${String(prefix)}`,
    )
  }
  // "The TTL needs to be a minimum of 10 seconds"
  if (!(ttlSeconds >= limits.cacheTtlSeconds)) {
    throw misunderstood(`a replay is cached for ${limits.cacheTtlSeconds} seconds at least, not ${ttlSeconds}`)
  }
  return { prefix, ttlSeconds, allowBypass }
}

function checkCombination({ instance, preferInstance, cache, ...rest }: Instruction): void {
  // "Field combinations must be logically valid"
  if (instance !== undefined && preferInstance !== undefined) {
    throw misunderstood('instance and prefer_instance exclude each other')
  }
  if (cache === undefined || cache === 'invalidate') return
  // "The `state` field cannot be set …", "Transformations … cannot be defined", "The `timeout` and `fallback` fields cannot be set"
  const forbidden = (['state', 'transform', 'timeoutMs', 'fallback'] as const).filter(
    (name) => rest[name] !== undefined,
  )
  if (forbidden.length > 0) {
    throw misunderstood(
      `a replay that is to be cached cannot have ${forbidden.join(', ').replace('timeoutMs', 'timeout')}`,
    )
  }
}
