import { isName, type Problems } from './check.ts'

/**
 * Where Fly Proxy shall run a request again: the part of the `fly-replay` grammar that names a place.
 * At least one field is set. Source: Fly.io, "Dynamic Request Routing with fly-replay".
 */
export interface ReplayTarget {
  /** One region code or alias (`apac eu na sa us usa any`), or several in order of preference. */
  readonly region?: string | readonly string[] | undefined
  /** A Machine's id, strictly. Excludes `preferInstance`. */
  readonly instance?: string | undefined
  /** A Machine's id, if it can take the request. Excludes `instance`. */
  readonly preferInstance?: string | undefined
  /** Another app. Default: the app that answered. */
  readonly app?: string | undefined
}

/** What Fly Proxy understands in place of a region code: continents, countries, the earth. */
const regionAliases = ['apac', 'eu', 'na', 'sa', 'us', 'usa', 'any'] as const

/** The `fly-replay` fields of a target, by their own names and in their usual order; what is wrong goes to `problems`. */
export function targetFields(target: ReplayTarget, problems: Problems): Map<string, string> {
  const { region, instance, preferInstance, app } = target
  const fields = new Map<string, string>()
  if (region !== undefined) fields.set('region', regionList(region, problems))
  problems.require(
    instance === undefined || preferInstance === undefined,
    'instance and preferInstance exclude each other',
  )
  for (const [field, option, value] of [
    ['instance', 'instance', instance],
    ['prefer_instance', 'preferInstance', preferInstance],
    ['app', 'app', app],
  ] as const) {
    if (value === undefined) continue
    problems.require(isName(value), `${option} has to be a name of letters, digits and hyphens`)
    fields.set(field, value)
  }
  return fields
}

function regionList(region: unknown, problems: Problems): string {
  const list: readonly unknown[] = Array.isArray(region) ? region : [region]
  problems.require(list.length > 0, 'region is an empty list')
  const codes = list.map((code) => (typeof code === 'string' ? code.toLowerCase() : ''))
  problems.require(
    codes.every((code) => /^[a-z]{3}$/.test(code) || (regionAliases as readonly string[]).includes(code)),
    `region has to be a three-letter code, one of ${regionAliases.join(' ')}, or an array of those`,
  )
  return [...new Set(codes)].join(',')
}
