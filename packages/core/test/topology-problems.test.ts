import { describe, expect, test } from '@jest/globals'
import { ConfigurationError } from '../src/errors.ts'
import type { ResolveTopologyOptions } from '../src/topology/options.ts'
import { resolveTopology } from '../src/topology/resolve.ts'

type Env = Record<string, string>
const fly: Env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', DATABASE_URL: 'postgres://u:p@primary/d' }

function problemsOf(env: Env, options: Omit<ResolveTopologyOptions, 'env'> = {}): [string, string][] {
  try {
    resolveTopology({ ...options, env })
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.map(({ setting, message }) => [setting, message])
    throw error
  }
  return []
}

const unparsable = expect.stringMatching(/does not parse as a connection URL/)

describe('each problem names its setting', () => {
  test.each<[string, Env, Omit<ResolveTopologyOptions, 'env'>, [string, unknown]]>([
    ['a region that is no code', { ...fly, FLY_REGION: 'amsterdam' }, {}, ['FLY_REGION', 'is not a region code']],
    [
      'a primary region that is no code',
      { ...fly, PRIMARY_REGION: '1' },
      {},
      ['PRIMARY_REGION', 'is not a region code'],
    ],
    ['an option that is no code', fly, { region: 'a-b' }, ['region', 'is not a region code']],
    ['another option that is no code', fly, { primaryRegion: 'chicago' }, ['primaryRegion', 'is not a region code']],
    ['a URL that is none', { ...fly, DATABASE_URL: 'db.internal:5432' }, {}, ['DATABASE_URL', unparsable]],
    ['a URL that is none, off Fly', { DATABASE_URL: 'not a url' }, {}, ['DATABASE_URL', unparsable]],
    ['a URL option that is none', {}, { databaseUrl: 'nonsense' }, ['databaseUrl', unparsable]],
    ['a replica URL that is none', { ...fly, DATABASE_REPLICA_URL: 'x' }, {}, ['DATABASE_REPLICA_URL', unparsable]],
    ['a wrong URL for another region', { ...fly, DATABASE_URL_GRU: 'x' }, {}, ['DATABASE_URL_GRU', unparsable]],
    [
      'a wrong replica in the primary region',
      { ...fly, FLY_REGION: 'ord', DATABASE_URL_GRU: 'x' },
      {},
      ['DATABASE_URL_GRU', unparsable],
    ],
    ['a wrong replica option', fly, { replicas: { ams: 'x' } }, ['replicas.ams', unparsable]],
    [
      'a key that is no code',
      fly,
      { replicas: { europe: 'postgres://r/d' } },
      ['replicas', 'has a key that is no region code'],
    ],
    [
      'a region given twice',
      fly,
      { replicas: { ams: 'postgres://a/d', AMS: 'postgres://b/d' } },
      ['replicas.ams', 'is given twice'],
    ],
    ['a replica that says nothing', fly, { replicas: { ams: {} } }, ['replicas.ams', 'says nothing about a server']],
    [
      'a port above the highest',
      { ...fly, DATABASE_URL: 'postgres://h:65536/d' },
      {},
      ['DATABASE_URL', 'has a port that is none'],
    ],
    ['a port of zero', { ...fly, DATABASE_URL: 'postgres://h:0/d' }, {}, ['DATABASE_URL', 'has a port that is none']],
    [
      'a wrong port in the query',
      { ...fly, DATABASE_URL: 'postgres:///d?host=h&port=x' },
      {},
      ['DATABASE_URL', 'has a port that is none'],
    ],
    ['a port variable', { PGHOST: 'h', PGPORT: 'x' }, {}, ['PGPORT', 'is not a port']],
    ["a region's port variable", { ...fly, PGHOST_AMS: 'h', PGPORT_AMS: '0' }, {}, ['PGPORT_AMS', 'is not a port']],
    ['a port option', {}, { connection: { host: 'h', port: 70_000 } }, ['connection.port', 'is not a port']],
    [
      'several hosts',
      { ...fly, DATABASE_URL: 'postgres://u:p@a:1,b:2/d' },
      {},
      ['DATABASE_URL', 'names several hosts'],
    ],
    [
      'another kind of URL',
      { DATABASE_URL: 'https://db.example.com/d' },
      {},
      ['DATABASE_URL', expect.stringContaining('not supported')],
    ],
    [
      "a socket's folder, far from the primary",
      { ...fly, DATABASE_URL: '/tmp' },
      { dialect: 'postgres' },
      ['DATABASE_URL', expect.stringContaining('does not say where the server is')],
    ],
    [
      'a URL of another kind than the adapter',
      fly,
      { dialect: 'mysql' },
      ['DATABASE_URL', 'names a postgres server where a mysql server is needed'],
    ],
    [
      'a replica of another kind than the primary',
      { ...fly, DATABASE_REPLICA_URL: 'mysql://r/d' },
      {},
      ['DATABASE_REPLICA_URL', 'names a mysql server where a postgres server is needed'],
    ],
    [
      'two spellings that disagree',
      { ...fly, DATABASE_URL_AMS: 'postgres://a/d', DATABASE_URL_ams: 'postgres://b/d' },
      {},
      ['DATABASE_URL_ams', 'contradicts DATABASE_URL_AMS'],
    ],
    [
      'two names that disagree',
      { DB_HOST: 'h', DB_USERNAME: 'a', DB_USER: 'b' },
      {},
      ['DB_USER', 'contradicts DB_USERNAME'],
    ],
    [
      'a variable for the primary region that disagrees',
      { ...fly, DATABASE_URL_ORD: 'postgres://u:p@other/d' },
      {},
      ['DATABASE_URL_ORD', "is about the primary's region, and names another server than DATABASE_URL"],
    ],
    [
      'an option for the primary region that disagrees',
      fly,
      { replicas: { ord: 'postgres://u:p@other/d' } },
      ['replicas.ord', "is about the primary's region, and names another server than DATABASE_URL"],
    ],
    [
      'a replica without a primary',
      { ...fly, DATABASE_URL: '', DATABASE_REPLICA_URL: 'postgres://r/d' },
      {},
      ['DATABASE_URL', 'is not set, and DATABASE_REPLICA_URL needs it'],
    ],
    [
      'a replica without a primary, by another variable',
      { ...fly, STATS_URL_AMS: 'postgres://r/d' },
      { urlVariable: 'STATS_URL' },
      ['STATS_URL', 'is not set, and STATS_URL_AMS needs it'],
    ],
  ])('%s', (_, env, options, problem) => {
    expect(problemsOf(env, options)).toEqual([problem])
  })

  test.each<[string, Env, Omit<ResolveTopologyOptions, 'env'>, string]>([
    ['a replica option', {}, { replicas: { ams: 'postgres://r/d' } }, 'replicas.ams'],
    ["a region's variable", { DATABASE_URL_AMS: 'postgres://r/d' }, {}, 'DATABASE_URL_AMS'],
    ["a region's piece", { PGHOST_AMS: 'r' }, {}, 'PGHOST_AMS'],
    ['DATABASE_REPLICA_URL', { DATABASE_REPLICA_URL: 'postgres://r/d' }, {}, 'DATABASE_REPLICA_URL'],
    ['Fly Postgres, *.internal', { DATABASE_URL: 'postgres://db.internal/d' }, {}, 'DATABASE_URL (Fly Postgres'],
    ['Fly Postgres, *.flycast', { DATABASE_URL: 'postgres://db.flycast:5432/d' }, {}, 'DATABASE_URL (Fly Postgres'],
    ['Fly Postgres in pieces', { DATABASE_URL: '', PGHOST: 'db.flycast' }, {}, 'PGHOST (Fly Postgres'],
  ])('FLY_REGION without PRIMARY_REGION, with %s', (_, env, options, reason) => {
    const problems = problemsOf({ ...fly, PRIMARY_REGION: '', ...env }, options)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.[0]).toBe('PRIMARY_REGION')
    expect(problems[0]?.[1]).toContain(reason)
  })
})

test('all problems come in one error, each with what to do', () => {
  const env = {
    FLY_REGION: 'amsterdam',
    DATABASE_URL: 'nonsense',
    DATABASE_URL_GRU: 'mysql//x',
    DATABASE_URL_AMS: 'postgres://a/d',
    DATABASE_URL_ams: 'postgres://b/d',
    DATABASE_REPLICA_URL: 'postgres://h:0/d',
  }
  expect.assertions(3 + 2 * 7)
  try {
    resolveTopology({ env, replicas: { europe: 'postgres://r/d' } })
  } catch (error) {
    const { code, message, problems } = error as ConfigurationError
    expect(code).toBe('ERR_CONFIGURATION')
    expect(message.split('\n  - ')).toHaveLength(1 + problems.length)
    expect(problems.map(({ setting }) => setting)).toEqual([
      'FLY_REGION',
      'DATABASE_URL',
      'replicas',
      'DATABASE_URL_ams',
      'DATABASE_URL_GRU',
      'DATABASE_REPLICA_URL',
      'PRIMARY_REGION',
    ])
    for (const problem of problems) {
      expect(problem.remedy).toMatch(/^(set|unset|use|give|name) /)
      expect(message).toContain(`${problem.setting} ${problem.message}; ${problem.remedy}`)
    }
  }
})

test.each<[string, unknown]>([
  ['options', null],
  ['options', 'postgres://h/d'],
  ['env', { env: 'x' }],
  ['databaseUrl', { databaseUrl: 5432 }],
  ['databaseUrl', { databaseUrl: null }],
  ['urlVariable', { urlVariable: 'postgres://u:s3cret@h/d' }],
  ['urlVariable', { urlVariable: '' }],
  ['replicas', { replicas: ['postgres://h/d'] }],
  ['replicas', { replicas: 'postgres://u:s3cret@h/d' }],
  ['region', { region: 1 }],
  ['primaryRegion', { primaryRegion: [] }],
  ['connection', { connection: 'h' }],
  ['dialect', { dialect: 'oracle' }],
])('misuse is a TypeError: %s (%j), without the value', (name, options) => {
  const call = () => resolveTopology(options as ResolveTopologyOptions)
  expect(call).toThrow(TypeError)
  expect(call).toThrow(new RegExp(`resolveTopology: .*${name} ha`))
  expect(call).not.toThrow(/s3cret/)
})
