import { describe, expect, test } from '@jest/globals'
import { boundsOf } from '../src/member/fly-proxy.ts'
import { migrationUrl } from '../src/migration-url.ts'
import { resolveTopology } from '../src/topology/resolve.ts'

// Managed Postgres of Fly.io: a pooler and a direct name, no replica in other regions, and a proxy in between.

const pooled = 'postgresql://fly-user:p%40ss@pgbouncer.abc123.flympg.net/fly-db?application_name=shop'
const direct = 'postgresql://fly-user:p%40ss@direct.abc123.flympg.net/fly-db?application_name=shop'
const fly = { FLY_REGION: 'ams', PRIMARY_REGION: 'iad', DATABASE_URL: pooled }
const codes = (env: Record<string, string>): string[] => resolveTopology({ env }).notes.map(({ code }) => code)

describe('where it is', () => {
  test.each([
    pooled,
    'postgres://u:p@direct.abc123.flympg.net:5432/d',
    'postgres://u:p@pgbouncer.abc123.flycast/d',
    'postgres://u:p@direct.abc123.flycast:5432/d',
  ])('%s is the primary in all regions: there is no member at another port', (DATABASE_URL) => {
    const { primary, local, role } = resolveTopology({ env: { ...fly, DATABASE_URL } })
    expect([role, local]).toEqual(['primary', primary])
    expect(primary.url).toBe(DATABASE_URL)
  })

  test('other names below flycast have members', () => {
    const { local } = resolveTopology({ env: { ...fly, DATABASE_URL: 'postgres://u:p@db.flycast/d' } })
    expect(local.port).toBe(5433)
  })

  test('a primary region without any is told, in each region, and is no error', () => {
    for (const FLY_REGION of ['ams', 'ewr'])
      expect(codes({ ...fly, FLY_REGION, PRIMARY_REGION: 'ewr' })).toContain('no-managed-postgres')
    for (const PRIMARY_REGION of ['ams', 'iad', 'yyz'])
      expect(codes({ ...fly, PRIMARY_REGION })).not.toContain('no-managed-postgres')
    expect(codes({ ...fly, PRIMARY_REGION: 'ewr', DATABASE_URL: 'postgres://u:p@db.example/d' })).not.toContain(
      'no-managed-postgres',
    )
    const { notes } = resolveTopology({ env: { ...fly, PRIMARY_REGION: 'ewr' } })
    expect(notes[0]?.message).toMatch(/no Managed Postgres in ewr .*primary_region/)
    expect(JSON.stringify(notes)).not.toMatch(/p%40ss|p@ss/)
  })
})

test('connections that lead through Fly Proxy are bounded, and no others', () => {
  const at = (host: string) => boundsOf(resolveTopology({ env: { DATABASE_URL: `postgres://u:p@${host}/d` } }).primary)
  for (const host of ['pgbouncer.abc123.flympg.net', 'direct.abc123.FLYMPG.net.', 'db.flycast', 'mysql.flycast:3306'])
    expect(at(host)).toEqual({ lifetimeMs: 600_000, idleMs: 300_000 })
  for (const host of ['db.internal', 'flycast.example', 'flympg.net.example', 'localhost'])
    expect(at(host)).toBeUndefined()
  expect(boundsOf(resolveTopology({ env: {} }).primary)).toBeUndefined()
})

describe('the URL for migrations', () => {
  test('is DIRECT_DATABASE_URL, as it is', () => {
    const env = { ...fly, DIRECT_DATABASE_URL: ' postgres://u:p@elsewhere/d ' }
    expect(migrationUrl({ env })).toBe('postgres://u:p@elsewhere/d')
  })

  test('else leads around the pooler of Managed Postgres, with all else as it was', () => {
    expect(migrationUrl({ env: fly })).toBe(direct)
    expect(migrationUrl({ env: { ...fly, DATABASE_URL: direct } })).toBe(direct)
    expect(migrationUrl({ env: { DATABASE_URL: 'postgres://u:p@pgbouncer.abc123.flycast/d' } })).toBe(
      'postgres://u:p@direct.abc123.flycast/d',
    )
  })

  test('else is that of the primary, wherever this runs', () => {
    const env = {
      ...fly,
      DATABASE_URL: 'postgres://u:p@pgbouncer.example/d',
      DATABASE_URL_AMS: 'postgres://u:p@near/d',
    }
    expect(migrationUrl({ env })).toBe('postgres://u:p@pgbouncer.example/d')
  })

  test('of another variable', () => {
    const env = { ...fly, SHOP_URL: 'postgres://u:p@shop/d', DIRECT_SHOP_URL: 'postgres://u:p@direct/d' }
    expect(migrationUrl({ env, urlVariable: 'SHOP_URL' })).toBe('postgres://u:p@direct/d')
    expect(migrationUrl({ env: { ...env, DIRECT_SHOP_URL: '' }, urlVariable: 'SHOP_URL' })).toBe(
      'postgres://u:p@shop/d',
    )
  })

  test('is none where the driver’s own variables say it', () => {
    expect(migrationUrl({ env: { PGHOST: 'db.example' } })).toBeUndefined()
    expect(migrationUrl({ env: {} })).toBeUndefined()
  })
})
