import { inspect } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { type DriverAdapterOptions, resolveOptions } from '../../src/member/options.ts'
import { FakeDatabase } from '../support/fake-database.ts'

interface PoolOptions {
  readonly max?: number
  readonly ssl?: unknown
}
type Options = PoolOptions & DriverAdapterOptions<PoolOptions>

const nowhere = { url: undefined, host: undefined, port: undefined, user: undefined, database: undefined }
const url = 'postgres://app:secret@db.example:6432/shop'
const inAms = { FLY_REGION: 'ams', PRIMARY_REGION: 'ord' }
const resolve = (options: Options, endpoint: Parameters<typeof resolveOptions>[2] = nowhere) =>
  resolveOptions(options, 'postgres', endpoint)

test('the driver’s options are its own: all but ours', () => {
  const ours: Required<DriverAdapterOptions<PoolOptions>> = {
    name: 'shop',
    topology: new FakeDatabase().replication.topology,
    outsideRequest: 'primary',
    functions: { write: ['audit'] },
    simulate: 'replica',
    pooler: 'transaction',
    primaryPool: { max: 1 },
    replayCostMs: 7,
    env: {},
    databaseUrl: url,
    urlVariable: 'SHOP_URL',
    replicas: {},
    region: 'ams',
    primaryRegion: 'ord',
  }
  const { driverOptions, settings, primaryPool, simulated } = resolve({ max: 3, ...ours })
  expect(driverOptions).toEqual({ max: 3 })
  const { name, outsideRequest, functions, simulate, replayCostMs, pooler } = ours
  expect(settings).toEqual({ name, outsideRequest, functions, simulate, replayCostMs, pooler })
  expect([primaryPool, simulated]).toEqual([{ max: 1 }, true])
})

test('the key of TLS is not printed with them', () => {
  const ssl = { key: 'PRIVATE', ca: 'public' }
  const { driverOptions } = resolve({ ssl, databaseUrl: url, env: {} })
  expect(inspect(driverOptions)).not.toContain('PRIVATE')
  expect(driverOptions.ssl).toMatchObject(ssl)
  expect(resolve({ databaseUrl: url, env: {} }).driverOptions).toEqual({})
})

describe('where the database is', () => {
  test('is what the topology says that is given', () => {
    const { topology } = new FakeDatabase().replication
    expect(resolve({ topology, databaseUrl: url }).topology).toBe(topology)
  })

  test('is what the driver’s own words say, its URL or its pieces', () => {
    expect(resolve({ env: {} }, { ...nowhere, url }).topology.primary).toMatchObject({
      host: 'db.example',
      database: 'shop',
    })
    const pieces = resolve({ env: {} }, { ...nowhere, host: 'h', port: 7, user: 'u', password: 'p', database: 'd' })
    expect(pieces.topology.primary).toMatchObject({ host: 'h', port: 7, user: 'u', password: 'p', database: 'd' })
    const asked = resolve({ env: {} }, { ...nowhere, host: 'h', password: () => 'p' })
    expect(asked.topology.primary.password).toBeUndefined()
    expect(
      resolve({ env: {}, databaseUrl: url }, { ...nowhere, url: 'postgres://other/d' }).topology.primary.host,
    ).toBe('db.example')
  })

  test('is what the environment says, where the driver’s words say nothing', () => {
    const env = {
      ...inAms,
      DATABASE_URL: url,
      SHOP_URL: 'postgres://shop.example/d',
      DATABASE_URL_AMS: 'postgres://replica.example/shop',
    }
    expect(resolve({ env }).topology).toMatchObject({
      role: 'replica',
      region: 'ams',
      primary: { host: 'db.example' },
      local: { host: 'replica.example' },
    })
    expect(resolve({ env, urlVariable: 'SHOP_URL' }).topology.primary.host).toBe('shop.example')
    const given = { replicas: { ams: 'postgres://given.example/shop' } } as Options
    expect(resolve({ env, ...given }).topology.local.host).toBe('given.example')
    expect(resolve({ env, region: 'ord' }).topology).toMatchObject({ role: 'primary', region: 'ord' })
    expect(resolve({ env: { ...inAms, DATABASE_URL: url }, primaryRegion: 'ams' }).topology).toMatchObject({
      role: 'primary',
      primaryRegion: 'ams',
    })
  })

  test('is read in the words of its language', () => {
    const env = { DATABASE_URL: 'mysql://db.example/shop' }
    expect(resolveOptions({ env }, 'mysql', nowhere).topology.primary.host).toBe('db.example')
    expect(() => resolve({ env })).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION' }))
  })
})

describe('one local server that plays the replica', () => {
  test.each([
    ['off Fly', {}, 'sim', 'iad'],
    ['in the primary region', { FLY_REGION: 'ord', PRIMARY_REGION: 'ord' }, 'sim', 'ord'],
    ['elsewhere', inAms, 'ams', 'ord'],
  ] as const)('is far away from its primary: %s', (_, env, region, primaryRegion) => {
    const { topology, simulated } = resolve({ env, databaseUrl: url, simulate: 'replica' })
    expect(topology).toMatchObject({ role: 'replica', primaryRegion, inPrimaryRegion: false })
    expect(simulated).toBe(true)
    if (region !== 'sim' || 'PRIMARY_REGION' in env) expect(topology.region).toBe(region)
    expect(topology.local).toBe(topology.primary)
  })

  test('is none unless it is asked for', () => {
    expect(resolve({ env: {}, databaseUrl: url })).toMatchObject({ simulated: false, topology: { role: 'primary' } })
  })
})
