import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { PrimaryRequiredError } from '../src/errors.ts'
import type { ResolveTopologyOptions } from '../src/topology/options.ts'
import { resolveTopology } from '../src/topology/resolve.ts'
import { type Topology, withRole } from '../src/topology/topology.ts'

const fly = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
const secret = 's3cret-Hunter2'

/** Every way in which a value finds its way into a log. */
function shown(value: unknown): string {
  const deep = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }
  const error = value instanceof Error ? [value.message, value.stack, String(value), String(value.cause)] : []
  const own = typeof value === 'object' && value !== null ? { ...value } : {}
  return [
    JSON.stringify(value),
    JSON.stringify(own),
    inspect(value, deep),
    inspect(value, { ...deep, showHidden: true, customInspect: false }),
    inspect(own, deep),
    ...error,
  ].join('\n')
}

/** The topology, its error, or the errors that a configuration makes. */
function outcome(options: ResolveTopologyOptions): unknown[] {
  try {
    const topology = resolveTopology(options)
    return [topology, topology.local, topology.primary, ...wrapped(topology)]
  } catch (error) {
    return [error]
  }
}

function wrapped(topology: Topology): unknown[] {
  const other = withRole(topology, topology.role === 'primary' ? 'replica' : 'primary')
  return [other, new PrimaryRequiredError({ reason: 'write', topology }), new Error('x', { cause: { topology } })]
}

describe('the driver gets the password, and nobody else', () => {
  test.each<[string, ResolveTopologyOptions]>([
    ['URL', { env: { ...fly, DATABASE_URL: `postgres://u:${secret}@db.internal/d` } }],
    ['query parameter', { env: { ...fly, DATABASE_URL: `postgres://db.internal/d?user=u&password=${secret}` } }],
    ['option', { env: fly, databaseUrl: `postgres://u:${secret}@db.internal/d` }],
    ['pieces', { env: { ...fly, PGHOST: 'db.internal', PGPASSWORD: secret } }],
    ['connection', { env: fly, connection: { host: 'db.internal', password: secret } }],
    ['replicas', { env: fly, databaseUrl: 'postgres://h/d', replicas: { ams: { host: 'r', password: secret } } }],
  ])('%s', (_, options) => {
    const topology = resolveTopology(options)
    expect(topology.local.password).toBe(secret)
    for (const value of outcome(options)) expect(shown(value)).not.toContain(secret)
    expect(structuredClone({ ...topology.local })).not.toHaveProperty('password')
  })

  test('url and password are no enumerable properties', () => {
    const { local } = resolveTopology({ env: { ...fly, DATABASE_URL: `postgres://u:${secret}@db.internal/d` } })
    const keys: string[] = []
    for (const key in local) keys.push(key)
    expect(keys.sort()).toEqual(['database', 'host', 'port', 'region', 'source', 'user'])
    expect(local.url).toContain(secret)
  })
})

describe('a configuration that is wrong does not show it either', () => {
  const wrong = [
    `postgres://u:${secret}@h:0/d`,
    `postgres://u:${secret}@h:port/d`,
    `postgres://u:${secret}@a,b/d`,
    `postgres//u:${secret}@h/d`,
    `u:${secret}@h/d`,
    `https://u:${secret}@h/d`,
    `mysql://u:${secret}@h/d`,
    `postgres://u:1234/${secret}@h/d`,
    `postgres://u:1234?${secret}@h/d`,
    `postgres://u:1234?a=${secret}@h/d`,
    `postgres://u:1234#${secret}@h/d`,
    `postgres://u:a@${secret}/b@h/d`,
    `postgres://u:a@${secret}?b@h/d`,
    `postgres://u:a@/${secret}?b=@h/d`,
    `postgres://u:/${secret}?b=@h`,
    `postgres://u:1/${secret}#b=@h`,
    `postgres://u:1/${secret}?b#@h`,
    `postgres://u:${secret} @h d/`,
    secret,
  ]

  test.each(wrong)('%s', (url) => {
    const settings: ResolveTopologyOptions[] = [
      { env: { DATABASE_URL: url } },
      { env: { ...fly, DATABASE_URL: url } },
      { env: { ...fly, DATABASE_URL: 'postgres://h/d', DATABASE_URL_AMS: url, DATABASE_REPLICA_URL: url } },
      { env: { ...fly, DATABASE_URL: 'postgres://h/d', DATABASE_URL_ORD: url, DATABASE_URL_OLD: url } },
      { env: fly, databaseUrl: url, replicas: { ams: url, ord: url, [url]: url } },
      { env: { FLY_REGION: url, PRIMARY_REGION: url, PGHOST: 'h', PGPORT: url } },
      { env: fly, urlVariable: url },
      { env: fly, region: url, primaryRegion: url },
    ]
    for (const options of settings) {
      for (const value of outcome(options)) expect(shown(value)).not.toContain(secret)
    }
  })
})

test('no password shows, whatever is in it, escaped or not', () => {
  // Long enough that it cannot be part of anything else that is shown.
  const password = fc.string({ minLength: 1, maxLength: 12 }).map((text) => `${text}8Zq-${text}-Zq8`)
  const url = fc.tuple(
    password,
    fc.boolean(),
    fc.constantFrom('postgres', 'mysql', 'nonsense'),
    fc.constantFrom('db.internal', '[::1]:1', 'h:x', ''),
  )
  fc.assert(
    fc.property(url, ([text, escaped, scheme, host]) => {
      const value = `${scheme}://u:${escaped ? encodeURIComponent(text) : text}@${host}/d`
      const all = [
        ...outcome({ env: { ...fly, DATABASE_URL: value } }),
        ...outcome({ env: { ...fly, DATABASE_URL: 'postgres://h/d', DATABASE_REPLICA_URL: value } }),
        ...outcome({ env: fly, connection: { host: 'db.internal', password: text } }),
      ].map(shown)
      return all.every((log) => !log.includes('8Zq-') && !log.includes('-Zq8'))
    }),
    { numRuns: 300 },
  )
})

test('whatever the environment holds, there is a topology or an error of ours', () => {
  const names = fc.constantFrom(
    'FLY_REGION',
    'PRIMARY_REGION',
    'DATABASE_URL',
    'DATABASE_URL_AMS',
    'DATABASE_URL_ams',
    'DATABASE_URL_ORD',
    'DATABASE_URL_OLD',
    'DATABASE_REPLICA_URL',
    'PGHOST',
    'PGPORT',
    'PGHOST_AMS',
    'DB_HOST',
    'DB_USER',
    'DB_USERNAME',
    'DB_PORT_AMS',
    'DB_HOST_AMS',
  )
  const values = fc.oneof(
    fc.constantFrom(
      'ams',
      'ord',
      'ORD ',
      '',
      'postgres://u:p@db.internal/d',
      'postgres://db.flycast',
      'mysql://h/d',
      'postgres://[::1',
      '5432',
      '\0',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(
      fc.dictionary(names, values),
      fc.option(fc.dictionary(fc.string(), values), { nil: undefined }),
      (env, replicas) => {
        try {
          const { role, local, primary, region, primaryRegion } = resolveTopology({ env, replicas })
          return role === 'primary'
            ? local === primary
            : region !== undefined && primaryRegion !== undefined && region !== primaryRegion
        } catch (error) {
          return (error as { code?: string }).code === 'ERR_CONFIGURATION'
        }
      },
    ),
    { numRuns: 500 },
  )
})
