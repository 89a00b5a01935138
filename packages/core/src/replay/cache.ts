import { isRecord, type Problems } from './check.ts'

/** Lets Fly Proxy remember a replay, so that matching requests no longer reach the Machine that asked for it. */
export interface ReplayCache {
  /** The paths it holds for: `/admin/*`, or with a domain (no port): `example.com/admin/*`. */
  readonly prefix: string
  /** How long it holds, in seconds; at least 10. */
  readonly ttlSeconds: number
  /** Whether clients may pass it by with `fly-replay-cache-control: skip`. Default: false. */
  readonly allowBypass?: boolean | undefined
}

/** Forgets what the replay cache holds for the request's route. */
export interface ReplayCacheInvalidation {
  readonly invalidate: true
}

/** The shortest time that the replay cache accepts, in seconds. Source: Fly.io, "Dynamic Request Routing". */
const minTtlSeconds = 10

/** A checked cache option in both of its forms. */
export interface CacheFields {
  /** Whether the replay will be remembered; else an earlier one is forgotten. */
  readonly remembers: boolean
  readonly headers: Record<string, string>
  readonly json: Record<string, unknown>
}

export function cacheFields(cache: ReplayCache | ReplayCacheInvalidation, problems: Problems): CacheFields {
  if (!problems.require(isRecord(cache), 'cache has to be an object')) return { remembers: true, headers: {}, json: {} }
  const { prefix, ttlSeconds, allowBypass, invalidate } = cache as Partial<ReplayCache & ReplayCacheInvalidation>
  if (invalidate !== undefined) {
    problems.require(invalidate === true, 'cache.invalidate has to be true')
    problems.require(
      prefix === undefined && ttlSeconds === undefined && allowBypass === undefined,
      'cache.invalidate excludes prefix, ttlSeconds and allowBypass',
    )
    return { remembers: false, headers: { 'fly-replay-cache': 'invalidate' }, json: { cache: { invalidate: true } } }
  }

  problems.require(
    isPattern(prefix),
    'cache.prefix has to be a path such as /admin/*, or a domain without port and a path',
  )
  problems.require(
    Number.isSafeInteger(ttlSeconds) && Number(ttlSeconds) >= minTtlSeconds,
    `cache.ttlSeconds has to be a whole number of at least ${minTtlSeconds}`,
  )
  problems.require(
    allowBypass === undefined || typeof allowBypass === 'boolean',
    'cache.allowBypass has to be a boolean',
  )
  return {
    remembers: true,
    headers: {
      'fly-replay-cache': String(prefix),
      'fly-replay-cache-ttl-secs': String(ttlSeconds),
      ...(allowBypass ? { 'fly-replay-cache-allow-bypass': 'yes' } : {}),
    },
    // The docs name the field and not its level; the proxy passes over the one it does not look for.
    json: {
      cache: { prefix, ttl: ttlSeconds, ...(allowBypass ? { allow_bypass: true } : {}) },
      ...(allowBypass ? { allow_bypass: true } : {}),
    },
  }
}

function isPattern(value: unknown): boolean {
  return (
    typeof value === 'string' && /^([a-z0-9-]+(\.[a-z0-9-]+)*)?\/[!-~]*$/i.test(value) && !/[;,"'`\\?#]/.test(value)
  )
}
