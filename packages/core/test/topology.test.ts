import { describe, expect, test } from '@jest/globals'
import type { Connection } from '../src/endpoint.ts'
import type { ResolveTopologyOptions } from '../src/topology/options.ts'
import { resolveTopology } from '../src/topology/resolve.ts'
import { withRole } from '../src/topology/topology.ts'

type Env = Record<string, string>

/** A Machine in Amsterdam, whose primary is in Chicago. */
const fly: Env = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord', FLY_APP_NAME: 'shop', FLY_MACHINE_ID: '148e306c77e089' }
const resolve = (env: Env, options: Omit<ResolveTopologyOptions, 'env'> = {}) => resolveTopology({ ...options, env })
const localUrl = (env: Env, options?: Omit<ResolveTopologyOptions, 'env'>) =>
  resolve({ ...fly, ...env }, options).local.url
const codes = (env: Env, options?: Omit<ResolveTopologyOptions, 'env'>) =>
  resolve({ ...fly, ...env }, options).notes.map(({ code }) => code)

describe('off Fly', () => {
  test('there is one region, the role is primary, and nothing has to be configured', () => {
    const topology = resolve({})
    expect(topology).toMatchObject({
      region: undefined,
      primaryRegion: undefined,
      inPrimaryRegion: true,
      role: 'primary',
    })
    expect(topology.local).toBe(topology.primary)
    expect(topology.primary.url).toBeUndefined()
    expect(topology.primary.host).toBeUndefined()
    expect(topology.notes).toEqual([])
  })

  test('the URL is used as it is, also one of Fly Postgres', () => {
    const topology = resolve({ DATABASE_URL: 'postgres://u:p@db.internal:5432/d' })
    expect(topology.role).toBe('primary')
    expect(topology.local.url).toBe('postgres://u:p@db.internal:5432/d')
  })

  test('settings for other places are not looked at, not even wrong ones', () => {
    const topology = resolve({
      PRIMARY_REGION: 'ord',
      DATABASE_URL: 'postgres://h/d',
      DATABASE_URL_AMS: 'nonsense',
      DATABASE_REPLICA_URL: 'nonsense',
    })
    expect(topology.role).toBe('primary')
    expect(topology.inPrimaryRegion).toBe(true)
  })

  test('empty variables count as unset', () => {
    const topology = resolve({ FLY_REGION: '', PRIMARY_REGION: ' ', DATABASE_URL: '', PGHOST: '' })
    expect(topology.region).toBeUndefined()
    expect(topology.primary.source).toBe("the driver's defaults")
  })

  test('process.env is read at the time of the call', () => {
    const name = 'TOPOLOGY_TEST_DATABASE_URL'
    expect(resolveTopology({ urlVariable: name }).primary.url).toBeUndefined()
    process.env[name] = 'postgres://h/d'
    try {
      expect(resolveTopology({ urlVariable: name }).primary.url).toBe('postgres://h/d')
    } finally {
      delete process.env[name]
    }
  })
})

describe('in the primary region', () => {
  test('the URL is used as it is, whatever replicas there are', () => {
    const topology = resolve({
      ...fly,
      FLY_REGION: 'ord',
      DATABASE_URL: 'postgres://u:p@db.internal:5432/d',
      DATABASE_URL_AMS: 'postgres://u:p@replica/d',
      DATABASE_REPLICA_URL: 'postgres://u:p@anywhere/d',
    })
    expect(topology).toMatchObject({ region: 'ord', inPrimaryRegion: true, role: 'primary', appName: 'shop' })
    expect(topology.local).toBe(topology.primary)
    expect(topology.primary).toMatchObject({ region: 'ord', source: 'DATABASE_URL' })
  })

  test('region codes come in any case, with white space around them', () => {
    const topology = resolve({ ...fly, FLY_REGION: ' ORD\n', DATABASE_URL: 'postgres://db.internal/d' })
    expect(topology).toMatchObject({ region: 'ord', inPrimaryRegion: true, role: 'primary' })
    expect(resolve(fly, { region: 'ORD' }).inPrimaryRegion).toBe(true)
    expect(resolve(fly, { primaryRegion: ' Ams ' }).inPrimaryRegion).toBe(true)
  })

  test('an unknown three-letter code is legal', () => {
    expect(resolve({ FLY_REGION: 'xyz', PRIMARY_REGION: 'XYZ' })).toMatchObject({
      region: 'xyz',
      inPrimaryRegion: true,
    })
  })
})

describe('Fly Postgres in a replica region: the member itself, at 5433', () => {
  // Source: Fly.io, "High Availability & Global Replication": same URL, port 5433.
  test.each([
    [
      'postgres:',
      'postgres://u:p@top1.nearest.of.db.internal:5432/d',
      'postgres://u:p@top1.nearest.of.db.internal:5433/d',
    ],
    [
      'postgresql:',
      'postgresql://u:p@top2.nearest.of.db.internal:5432/d',
      'postgresql://u:p@top2.nearest.of.db.internal:5433/d',
    ],
    ['flycast', 'postgres://u:p@db.flycast:5432/d', 'postgres://u:p@db.flycast:5433/d'],
    ['no port given', 'postgres://u:p@db.flycast/d', 'postgres://u:p@db.flycast:5433/d'],
    ['an empty port', 'postgres://u:p@db.flycast:/d', 'postgres://u:p@db.flycast:5433/d'],
    ['the plain name of an app', 'postgres://u:p@db.internal:5432/d', 'postgres://u:p@ams.db.internal:5433/d'],
    ['its alias global', 'postgres://u:p@global.db.internal:5432/d', 'postgres://u:p@ams.db.internal:5433/d'],
    ['a region named already', 'postgres://u:p@ord.db.internal:5432/d', 'postgres://u:p@ord.db.internal:5433/d'],
    [
      'a Machine',
      'postgres://u:p@148e306c77e089.vm.db.internal/d',
      'postgres://u:p@148e306c77e089.vm.db.internal:5433/d',
    ],
    ['a process group', 'postgres://u:p@pg.process.db.internal/d', 'postgres://u:p@pg.process.db.internal:5433/d'],
    ['capitals', 'POSTGRES://u:p@DB.Internal:5432/d', 'POSTGRES://u:p@ams.DB.Internal:5433/d'],
    ['a dot at the end', 'postgres://u:p@db.internal.:5432/d', 'postgres://u:p@ams.db.internal.:5433/d'],
    ['no user', 'postgres://db.flycast/d', 'postgres://db.flycast:5433/d'],
    ['no password', 'postgres://u@db.flycast/d', 'postgres://u@db.flycast:5433/d'],
    ['no database', 'postgres://u:p@db.flycast:5432', 'postgres://u:p@db.flycast:5433'],
    ['a slash only', 'postgres://u:p@db.flycast:5432/', 'postgres://u:p@db.flycast:5433/'],
    [
      'query parameters, in their order and spelling',
      'postgres://u:p@db.flycast:5432/d?sslmode=disable&options=-c%20a%3D1&Empty=&x=%2b',
      'postgres://u:p@db.flycast:5433/d?sslmode=disable&options=-c%20a%3D1&Empty=&x=%2b',
    ],
    [
      'an escaped password, byte for byte',
      'postgres://us%65r:p%40%2f%3A%25%c3%a4%20:x@db.flycast:5432/d',
      'postgres://us%65r:p%40%2f%3A%25%c3%a4%20:x@db.flycast:5433/d',
    ],
    ['a password with a bare @', 'postgres://u:p@ss@db.flycast:5432/d', 'postgres://u:p@ss@db.flycast:5433/d'],
    [
      'a host and a port in the query, which win as in the driver',
      'postgres://u:p@/d?host=db.internal&port=5432&sslmode=disable',
      'postgres://u:p@/d?host=ams.db.internal&port=5433&sslmode=disable',
    ],
    ['5433 in it already', 'postgres://u:p@db.flycast:5433/d', 'postgres://u:p@db.flycast:5433/d'],
  ])('%s', (_, url, expected) => {
    const topology = resolve({ ...fly, DATABASE_URL: url })
    expect(topology.role).toBe('replica')
    expect(topology.inPrimaryRegion).toBe(false)
    expect(topology.local.url).toBe(expected)
    expect(topology.local.port).toBe(5433)
    expect(topology.primary.url).toBe(url)
  })

  test('the endpoint says where it came from, and the region only where the name tells it', () => {
    expect(resolve({ ...fly, DATABASE_URL: 'postgres://db.internal/d' }).local).toMatchObject({
      source: 'DATABASE_URL, port 5433',
      region: 'ams',
    })
    expect(resolve({ ...fly, DATABASE_URL: 'postgres://db.flycast/d' }).local.region).toBeUndefined()
  })

  test('a primary at 5433 is a member that may be read-only, and that is said', () => {
    expect(codes({ DATABASE_URL: 'postgres://db.flycast:5433/d' })).toEqual(['member-port'])
    expect(codes({ FLY_REGION: 'ord', DATABASE_URL: 'postgres://db.flycast:5433/d' })).toEqual(['member-port'])
  })

  test.each([
    ['Managed Postgres: a pooled endpoint without members', 'postgres://u:p@pgbouncer.x9k2.flympg.net/d'],
    ['a host elsewhere', 'postgres://u:p@db.example.com:5432/d'],
    ['a host that only looks like it', 'postgres://u:p@db.internal.example.com/d'],
    ['a name without a dot', 'postgres://u:p@internal/d'],
    ["a port of one's own", 'postgres://u:p@db.internal:6432/d'],
    ['a private IPv6 address', 'postgres://u:p@[fdaa:0:18:a7b:7d:f066:b83b:2]:5432/d'],
    ['an IPv4 address', 'postgres://u:p@10.0.0.1/d'],
    ['a MySQL', 'mysql://u:p@db.internal/d'],
  ])('%s is left alone, and the primary is used across regions', (_, url) => {
    const topology = resolve({ ...fly, DATABASE_URL: url })
    expect(topology.role).toBe('primary')
    expect(topology.local).toBe(topology.primary)
    expect(topology.primary.url).toBe(url)
    expect(topology.notes).toEqual([
      { code: 'no-replica', message: 'no replica is configured for ams: it uses the primary in ord, across regions' },
    ])
  })
})

describe('replicas that are configured', () => {
  const primary = 'postgres://u:p@primary/d'

  test.each<[string, Env, ResolveTopologyOptions['replicas'], string | undefined, string]>([
    [
      'the option comes first',
      { DATABASE_URL_AMS: 'postgres://variable/d', DATABASE_REPLICA_URL: 'postgres://anywhere/d' },
      { ams: 'postgres://option/d' },
      'postgres://option/d',
      'replicas.ams',
    ],
    [
      "then the region's variable",
      { DATABASE_URL_AMS: 'postgres://variable/d', DATABASE_REPLICA_URL: 'postgres://anywhere/d', PGHOST_AMS: 'piece' },
      { gru: 'postgres://option/d' },
      'postgres://variable/d',
      'DATABASE_URL_AMS',
    ],
    [
      'then DATABASE_REPLICA_URL',
      { DATABASE_REPLICA_URL: 'postgres://anywhere/d', DATABASE_URL_GRU: 'postgres://gru/d' },
      {},
      'postgres://anywhere/d',
      'DATABASE_REPLICA_URL',
    ],
    [
      'then the nearest of other regions',
      {
        DATABASE_URL_GRU: 'postgres://gru/d',
        DATABASE_URL_LHR: 'postgres://lhr/d',
        DATABASE_URL: 'postgres://db.internal/d',
      },
      { nrt: 'postgres://nrt/d' },
      'postgres://lhr/d',
      'DATABASE_URL_LHR',
    ],
    [
      'a variable of Fly Postgres too',
      { DATABASE_URL: 'postgres://db.internal/d', DATABASE_REPLICA_URL: 'postgres://anywhere/d' },
      {},
      'postgres://anywhere/d',
      'DATABASE_REPLICA_URL',
    ],
    [
      'with the code in any case',
      { DATABASE_URL_ams: 'postgres://variable/d' },
      {},
      'postgres://variable/d',
      'DATABASE_URL_ams',
    ],
    ['with white space around', {}, { ' AMS ': ' postgres://option/d\n' }, 'postgres://option/d', 'replicas.ams'],
    ['in the postgresql: scheme', {}, { ams: 'postgresql://option/d' }, 'postgresql://option/d', 'replicas.ams'],
    [
      'by an IPv6 address',
      {},
      { ams: 'postgres://u:p@[2001:db8::1]:5434/d' },
      'postgres://u:p@[2001:db8::1]:5434/d',
      'replicas.ams',
    ],
    [
      'empty ones count as unset',
      { DATABASE_URL_AMS: ' ', DATABASE_REPLICA_URL: 'postgres://anywhere/d' },
      { ams: '', gru: undefined },
      'postgres://anywhere/d',
      'DATABASE_REPLICA_URL',
    ],
  ])('%s', (_, env, replicas, url, source) => {
    const topology = resolve({ ...fly, DATABASE_URL: primary, ...env }, { replicas })
    expect(topology.role).toBe('replica')
    expect(topology.local.url).toBe(url)
    expect(topology.local.source).toBe(source)
    expect(topology.primary.source).toBe('DATABASE_URL')
  })

  test('a URL object serves as well', () => {
    const options = { databaseUrl: new URL(primary), replicas: { ams: new URL('postgres://option/d') } }
    expect(resolve(fly, options)).toMatchObject({
      role: 'replica',
      local: { host: 'option' },
      primary: { host: 'primary' },
    })
  })

  test('an IPv6 address is told without its brackets', () => {
    const { local } = resolve(
      { ...fly, DATABASE_URL: primary },
      { replicas: { ams: 'postgres://[2001:db8::1]:5434/d' } },
    )
    expect(local).toMatchObject({ host: '2001:db8::1', port: 5434 })
  })

  test('pieces change the URL of the primary, and leave the rest of it', () => {
    const url = 'postgres://u:p%40@primary:5432/d?sslmode=require'
    const withPieces = (ams: Connection) => localUrl({ DATABASE_URL: url }, { replicas: { ams } })
    expect(withPieces({ host: 'r' })).toBe('postgres://u:p%40@r:5432/d?sslmode=require')
    expect(withPieces({ host: '2001:db8::1', port: 6 })).toBe('postgres://u:p%40@[2001:db8::1]:6/d?sslmode=require')
    expect(withPieces({ user: 'r/w', password: 'a@b' })).toBe('postgres://r%2Fw:a%40b@primary:5432/d?sslmode=require')
    expect(withPieces({ database: 'd 2' })).toBe('postgres://u:p%40@primary:5432/d%202?sslmode=require')
  })

  test('the nearest replica has its region, and that it is another one is said', () => {
    const topology = resolve({ ...fly, DATABASE_URL: primary, DATABASE_URL_LHR: 'postgres://lhr/d' })
    expect(topology.local.region).toBe('lhr')
    expect(topology.notes).toEqual([
      { code: 'nearest-replica', message: 'no replica is configured for ams: it reads from the nearest one, in lhr' },
    ])
  })

  test("PlanetScale's replica is another user name", () => {
    const env = { DATABASE_URL: 'mysql://abc:p@aws.connect.psdb.cloud/d?ssl={}' }
    const { local, role } = resolve({ ...fly, ...env }, { replicas: { ams: { user: 'abc|replica' } } })
    expect(role).toBe('replica')
    expect(local.user).toBe('abc|replica')
    expect(local.url).toBe('mysql://abc%7Creplica:p@aws.connect.psdb.cloud/d?ssl={}')
  })

  test('a replica of another region that is farther away than the primary is not read, and that is said', () => {
    const env = {
      FLY_REGION: 'ewr',
      PRIMARY_REGION: 'iad',
      DATABASE_URL: primary,
      DATABASE_URL_SYD: 'postgres://syd/d',
    }
    expect(resolve(env)).toMatchObject({ role: 'primary', local: { url: primary } })
    expect(codes(env)).toEqual(['primary-nearer'])
  })

  test('a replica setting that leads to the primary makes the role primary, and that is said', () => {
    const topology = resolve({ ...fly, DATABASE_URL: primary, DATABASE_REPLICA_URL: primary })
    expect(topology.role).toBe('primary')
    expect(topology.local).toBe(topology.primary)
    expect(topology.notes).toEqual([
      { code: 'replica-is-primary', message: 'DATABASE_REPLICA_URL leads to the primary: ams uses it across regions' },
    ])
  })

  test.each([
    [
      'the user (PlanetScale)',
      'mysql://abc:p@aws.connect.psdb.cloud/d',
      'mysql://abc%7Creplica:p@aws.connect.psdb.cloud/d',
    ],
    ['the port', 'postgres://u:p@h/d', 'postgres://u:p@h:5433/d'],
    ['a parameter (Neon)', 'postgres://u:p@h/d?options=endpoint%3Da', 'postgres://u:p@h/d?options=endpoint%3Db'],
  ])('a replica may differ from the primary by %s alone', (_, url, replica) => {
    expect(resolve({ ...fly, DATABASE_URL: url, DATABASE_REPLICA_URL: replica })).toMatchObject({ role: 'replica' })
    expect(localUrl({ DATABASE_URL: url, DATABASE_REPLICA_URL: replica })).toBe(replica)
  })

  test('DATABASE_URL_OLD is no region: reads must not go to another database', () => {
    const env = { DATABASE_URL: 'postgres://db.flycast/d', DATABASE_URL_OLD: 'postgres://heroku/d', PGHOST_DEV: 'x' }
    expect(localUrl(env)).toBe('postgres://db.flycast:5433/d')
    expect(resolve({ ...fly, ...env }).notes[0]).toEqual({
      code: 'ignored-setting',
      message: 'DATABASE_URL_OLD is ignored: it ends in no region we know (if it is one, use the option replicas)',
    })
  })

  test('a code that nobody knows counts where this process runs there, and in the option', () => {
    const env = { ...fly, FLY_REGION: 'xyz', DATABASE_URL: primary }
    expect(resolve({ ...env, DATABASE_URL_XYZ: 'postgres://here/d' }).local.host).toBe('here')
    expect(resolve(env, { replicas: { old: 'postgres://there/d' } }).local.host).toBe('there')
  })
})

describe('MySQL', () => {
  test.each(['mysql:', 'mysql2:', 'mariadb:'])('%s URLs have replicas by variable', (scheme) => {
    const env = {
      DATABASE_URL: `${scheme}//u:p@primary:3306/d`,
      DATABASE_URL_AMS: `${scheme}//u:p@replica:3306/d?ssl={}`,
    }
    expect(localUrl(env)).toBe(`${scheme}//u:p@replica:3306/d?ssl={}`)
    expect(codes({ DATABASE_URL: `${scheme}//u:p@primary/d` })).toEqual(['no-replica'])
  })
})

describe('the primary, however it is named', () => {
  test("the driver's own words come before the variables", () => {
    const env = { DATABASE_URL: 'postgres://variable/d' }
    expect(resolve(env, { databaseUrl: 'postgres://option/d' }).primary).toMatchObject({
      host: 'option',
      source: 'databaseUrl',
    })
    expect(resolve(env, { connection: { host: 'option' } }).primary).toMatchObject({
      host: 'option',
      source: 'connection',
    })
    expect(resolve(env, { databaseUrl: '', connection: {} }).primary).toMatchObject({
      host: 'variable',
      source: 'DATABASE_URL',
    })
    expect(resolve(env, { databaseUrl: 'postgres://url/d', connection: { host: 'piece' } }).primary.host).toBe('url')
  })

  test('the URL before the pieces', () => {
    const env = { DATABASE_URL: 'postgres://url/d', PGHOST: 'libpq', DB_HOST: 'laravel' }
    expect(resolve(env).primary.host).toBe('url')
    expect(resolve({ ...env, DATABASE_URL: '' }).primary).toMatchObject({ host: 'libpq', source: 'PGHOST' })
    expect(resolve({ ...env, DATABASE_URL: '' }, { dialect: 'mysql' }).primary.host).toBe('laravel')
    expect(resolve({ DB_HOST: 'laravel' }).primary.source).toBe('DB_HOST')
  })

  test('another variable, with its own family beside it', () => {
    const env = {
      ...fly,
      DATABASE_URL: 'postgres://one/d',
      DATABASE_URL_AMS: 'postgres://one-ams/d',
      STATS_URL: 'postgres://two/d',
      STATS_URL_AMS: 'postgres://two-ams/d',
      STATS_REPLICA_URL: 'postgres://two-any/d',
    }
    expect(resolve(env, { urlVariable: 'STATS_URL' })).toMatchObject({
      primary: { host: 'two', source: 'STATS_URL' },
      local: { host: 'two-ams', source: 'STATS_URL_AMS' },
    })
    expect(resolve({ ...env, STATS_URL_AMS: '' }, { urlVariable: 'STATS_URL' }).local.source).toBe('STATS_REPLICA_URL')
    expect(resolve({ ...env, PGHOST: 'h' }, { urlVariable: 'MISSING_URL' }).primary.host).toBeUndefined()
  })

  test("a database that is handed in does not get another one's replicas", () => {
    const env = {
      ...fly,
      DATABASE_URL: 'postgres://one/d',
      DATABASE_URL_AMS: 'postgres://one-ams/d',
      DATABASE_REPLICA_URL: 'postgres://one-any/d',
    }
    for (const option of [
      { databaseUrl: 'postgres://two/d' },
      { databaseUrl: 'postgres://one/other' },
      { connection: { host: 'two' } },
    ]) {
      const topology = resolve(env, option)
      expect(topology.role).toBe('primary')
      expect(topology.notes.map(({ code }) => code)).toEqual(['ignored-setting', 'ignored-setting', 'no-replica'])
    }
    // The same database by another login, and one whose family is named, get theirs.
    expect(resolve(env, { databaseUrl: 'postgres://someone@one:5432/d' }).local.host).toBe('one-ams')
    expect(resolve(env, { databaseUrl: 'postgres://two/d', urlVariable: 'DATABASE_URL' }).local.host).toBe('one-ams')
    expect(resolve({ ...env, DATABASE_URL: '' }, { databaseUrl: 'postgres://two/d' }).local.host).toBe('one-ams')
    // Its own 5433 it has all the same.
    expect(resolve(env, { databaseUrl: 'postgres://two.flycast/d' }).local.url).toBe('postgres://two.flycast:5433/d')
  })

  test("the per-region variable of the primary's region will do", () => {
    const env = { ...fly, DATABASE_URL_ORD: 'postgres://ord/d', DATABASE_URL_AMS: 'postgres://ams/d' }
    expect(resolve(env)).toMatchObject({
      primary: { source: 'DATABASE_URL_ORD' },
      local: { source: 'DATABASE_URL_AMS' },
    })
    expect(resolve({ ...env, DATABASE_URL: 'postgres://ord:5432/d' }).local.host).toBe('ams') // says the same twice
  })

  test.each<[string, Env]>([
    ['PG', { PGHOST: 'db.internal', PGPORT: '5432', PGUSER: 'u', PGPASSWORD: 's3cret', PGDATABASE: 'd' }],
    ['DB', { DB_HOST: 'db.internal', DB_PORT: '5432', DB_USERNAME: 'u', DB_PASSWORD: 's3cret', DB_DATABASE: 'd' }],
    ['DB, other names', { DB_HOST: 'db.internal', DB_USER: 'u', DB_PASSWORD: 's3cret', DB_NAME: 'd' }],
  ])('%s pieces: the replica is the local server', (_, env) => {
    const { primary, local } = resolve({ ...fly, ...env })
    expect(primary).toMatchObject({ host: 'db.internal', user: 'u', database: 'd', password: 's3cret', url: undefined })
    expect(local).toMatchObject({ host: 'ams.db.internal', port: 5433, user: 'u', database: 'd', password: 's3cret' })
  })

  test.each<[string, Env]>([
    ['PGHOST_AMS', { PGHOST: 'primary', PGPORT: '5', PGPASSWORD: 'p', PGHOST_AMS: 'replica', PGPORT_AMS: '6' }],
    ['DB_HOST_AMS', { DB_HOST: 'primary', DB_PORT: '5', DB_PASSWORD: 'p', DB_HOST_AMS: 'replica', DB_PORT_AMS: '6' }],
  ])('%s and what belongs to it differ from the primary; the rest is the same', (source, env) => {
    const { primary, local } = resolve({ ...fly, ...env })
    expect(primary).toMatchObject({ host: 'primary', port: 5, password: 'p' })
    expect(local).toMatchObject({ host: 'replica', port: 6, password: 'p', source, region: 'ams' })
  })

  test('a piece for a region changes the URL, where that is what there is', () => {
    const env = { DATABASE_URL: 'postgres://u:p%20@primary/d?sslmode=require', PGHOST_AMS: 'replica' }
    expect(localUrl(env)).toBe('postgres://u:p%20@replica/d?sslmode=require')
  })

  test.each<[string, Env]>([
    ['DB_CONNECTION', { DB_HOST: 'db.internal', DB_CONNECTION: 'mysql' }],
    ['the port', { DB_HOST: 'db.internal', DB_PORT: '3306' }],
  ])('pieces of a MySQL (%s) have no 5433', (_, env) => {
    expect(codes(env)).toEqual(['no-replica'])
  })

  test("the driver's options in pieces", () => {
    const connection = { host: 'db.flycast', port: 5432, user: 'u', password: 'p', database: 'd' }
    expect(resolve(fly, { connection }).local).toMatchObject({ ...connection, port: 5433, password: 'p' })
    // Whole driver options will do: what is no piece is theirs.
    const options = { host: 'db.flycast', port: '5432', password: () => 'p', max: 3, ssl: true }
    const { primary, local } = resolve(fly, { connection: options as never })
    expect(local).toMatchObject({ host: 'db.flycast', port: 5433 })
    expect(primary.toJSON()).toEqual({ host: 'db.flycast', port: 5432, region: 'ord', source: 'connection' })
    expect(primary.password).toBeUndefined()
    expect(codes({}, { connection: { host: 'db.flycast', port: 3306 } })).toEqual(['no-replica'])
  })

  test("the driver's options without a host change what the variables name", () => {
    const env = { DATABASE_URL: 'postgres://u:p@db.flycast/d?sslmode=disable' }
    const { primary, local } = resolve({ ...fly, ...env }, { connection: { database: 'other' } })
    expect(primary.url).toBe('postgres://u:p@db.flycast/other?sslmode=disable')
    expect(local.url).toBe('postgres://u:p@db.flycast:5433/other?sslmode=disable')
    expect(resolve({}, { connection: { user: 'u' } }).primary.toJSON()).toEqual({ user: 'u', source: 'connection' })
  })

  test.each([
    ['a socket in the host', 'postgres://u:p@%2Fvar%2Frun%2Fpostgresql/d', '/var/run/postgresql'],
    ['a socket in the query', 'postgres:///d?host=/var/run/postgresql', '/var/run/postgresql'],
    ['no host', 'postgres:///d', undefined],
    ['an escape that cannot be read', 'postgres://u:%E0%A4%A@h/d', 'h'],
    ['an @ in a parameter', 'postgres://h:5432/d?user=me@server&application_name=a@b', 'h'],
    ['an @ in a parameter, behind a login', 'postgres://u:p@h/d?application_name=a@b', 'h'],
  ])('%s is left to the driver', (_, url, host) => {
    const { primary } = resolve({ DATABASE_URL: url })
    expect(primary.url).toBe(url)
    expect(primary.host).toBe(host)
  })
})

describe('the region of the primary', () => {
  test.each<[string, Env, Omit<ResolveTopologyOptions, 'env'>]>([
    ['nothing', {}, {}],
    ['a database elsewhere', { DATABASE_URL: 'postgres://u:p@db.example.com/d' }, {}],
    ['Managed Postgres', { DATABASE_URL: 'postgres://u:p@pgbouncer.x9k2.flympg.net/d' }, {}],
    ['a MySQL', { DATABASE_URL: 'mysql://u:p@db.internal/d' }, {}],
    ['empty replica settings', { DATABASE_URL_AMS: '', DATABASE_REPLICA_URL: ' ' }, { replicas: { ams: '' } }],
  ])('is not needed with %s', (_, env, options) => {
    const topology = resolve({ FLY_REGION: 'ams', ...env }, options)
    expect(topology).toMatchObject({ region: 'ams', primaryRegion: undefined, inPrimaryRegion: true, role: 'primary' })
    expect(topology.notes).toEqual([])
  })
})

describe('a topology', () => {
  const topology = resolve({ ...fly, DATABASE_URL: 'postgres://u:p@db.internal/d' })

  test('has one local endpoint for one role', () => {
    expect(withRole(topology, 'replica')).toBe(topology)
    const promoted = withRole(topology, 'primary')
    expect(promoted).toMatchObject({ role: 'primary', region: 'ams', inPrimaryRegion: false })
    expect(promoted.local).toBe(topology.primary)
    expect(withRole(resolve({}), 'replica').role).toBe('replica')
  })

  test('does not change', () => {
    expect(Object.isFrozen(topology)).toBe(true)
    expect(Object.isFrozen(topology.local)).toBe(true)
    expect(Object.isFrozen(topology.notes)).toBe(true)
  })

  test('goes into JSON as it may be logged', () => {
    expect(JSON.parse(JSON.stringify(topology))).toEqual({
      region: 'ams',
      primaryRegion: 'ord',
      inPrimaryRegion: false,
      role: 'replica',
      appName: 'shop',
      machineId: '148e306c77e089',
      primary: { source: 'DATABASE_URL', host: 'db.internal', database: 'd', user: 'u', region: 'ord' },
      local: {
        source: 'DATABASE_URL, port 5433',
        host: 'ams.db.internal',
        port: 5433,
        database: 'd',
        user: 'u',
        region: 'ams',
      },
      notes: [],
    })
  })
})
