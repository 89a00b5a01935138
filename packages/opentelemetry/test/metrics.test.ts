import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlyrouteInstrumentation } from '@flyroute/opentelemetry'
import { expect, test } from '@jest/globals'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import { Sample } from '../src/sample.ts'
import { Endpoint } from './support/scrape.ts'
import { tell, tellAll } from './support/tell.ts'

// What is told is found by Prometheus, under the names that the README has.

test('each event is measured, under its name and in its unit', async () => {
  await using endpoint = new Endpoint()
  const instrumentation = new FlyrouteInstrumentation({ meterProvider: endpoint.provider })
  instrumentation.enable()
  tellAll()
  const scrape = await endpoint.scrape()
  instrumentation.disable()
  expect(scrape.of('flyroute_statements_total')).toEqual({
    'local read select': 2,
    'primary read select': 1,
    'nowhere write insert': 1,
  })
  expect(scrape.of('db_client_operation_duration_count')).toEqual({
    'postgresql local': 2,
    'postgresql primary 23505': 1,
  })
  expect(scrape.of('db_client_operation_duration_sum')['postgresql local']).toBeCloseTo(0.005)
  expect(scrape.of('flyroute_requests_total')).toEqual({
    'local local': 1,
    'local replayed-write': 1,
    'replayed write': 1,
  })
  expect(scrape.of('flyroute_replays_total')).toEqual({ 'write ams ord': 1 })
  expect(scrape.of('flyroute_replay_failed_total')).toEqual({ no_candidate: 1 })
  expect(scrape.sum('flyroute_replay_cost_sum')).toBeCloseTo(0.095)
  expect(scrape.of('flyroute_wait_duration_count')).toEqual({ true: 1, false: 1 })
  expect(scrape.of('flyroute_wait_pending')).toEqual({ app: 2 })
  expect(scrape.of('flyroute_replication_lag')).toEqual({ app: 0.25 })
  expect(scrape.of('flyroute_replication_lag_bytes')).toEqual({ app: 512 })
  expect(scrape.of('flyroute_replication_last_contact')).toEqual({ app: 3 })
  expect(scrape.of('flyroute_replica_available')).toEqual({ app: 0 })
  expect(scrape.of('flyroute_role_mismatches_total')).toEqual({ app: 1 })
  expect(scrape.of('flyroute_token_missed_total')).toEqual({ app: 1 })
})

test('what is known no more is not told as if it were', async () => {
  await using endpoint = new Endpoint()
  const instrumentation = new FlyrouteInstrumentation({ meterProvider: endpoint.provider })
  instrumentation.enable()
  tell('lag', { database: 'app', lagSeconds: 2, lagBytes: 10, lastContactSeconds: 1 })
  tell('lag', { database: 'app', lagSeconds: 3 })
  const scrape = await endpoint.scrape()
  instrumentation.disable()
  expect(scrape.of('flyroute_replication_lag')).toEqual({ app: 3 })
  expect(scrape.names).not.toContain('flyroute_replication_lag_bytes')
})

test('two hundred series at most, whatever databases, Machines and clients there are', async () => {
  await using endpoint = new Endpoint()
  const instrumentation = new FlyrouteInstrumentation({ meterProvider: endpoint.provider })
  instrumentation.enable()
  const forged = '"} 1\nsecret{a="'
  for (let n = 0; n < 100; n++) {
    tellAll(`app${n}`)
    for (const server of ['local', 'far', 'primary'] as const) {
      const statement = { database: 'app', server, access: 'read', durationMs: n } as const
      for (const dialect of ['postgres', 'mysql', 'sqlite'] as const)
        tell('statement', { ...statement, dialect, reason: `reason${n}`, code: `code${n}` })
    }
    for (const outcome of ['local', 'primary', 'replayed', 'refused'] as const) {
      tell('request', { outcome, reason: `reason${n}` })
      tell('request', { outcome, reason: `replayed-${forged}${n}` })
    }
    tell('replay', { reason: 'write', from: 'ams', target: `machine${n}`, priceMs: n })
    tell('arrival', { database: 'app', failure: `${forged}${n}`, isProven: false })
  }
  const scrape = await endpoint.scrape()
  instrumentation.disable()
  expect(scrape.series.length).toBeLessThanOrEqual(200)
  // Near enough to that, so that the bound is one of these and not of something smaller.
  expect(scrape.series.length).toBeGreaterThan(180)
  expect(scrape.text).not.toContain('secret')
  // Nothing is lost in it.
  expect(scrape.sum('flyroute_statements_total')).toBe(100 * (4 + 9))
  expect(scrape.sum('flyroute_replays_total')).toBe(200)
  expect(scrape.sum('flyroute_token_missed_total')).toBe(100)
})

test('of very many statements in a second some are timed, and all are counted', () => {
  const sample = new Sample()
  const taken = (count: number, now: number): number =>
    Array.from({ length: count }, () => sample.takes(now)).filter(Boolean).length
  expect([taken(1_000, 5_000), taken(16_000, 5_999), taken(1_000, 6_000)]).toEqual([1_000, 1_000, 1_000])
})

test('OpenTelemetry takes it for one of its instrumentations', async () => {
  await using endpoint = new Endpoint()
  const instrumentation: Instrumentation = new FlyrouteInstrumentation()
  // As NodeSDK does: enabled first, and told where its metrics go later.
  instrumentation.enable()
  tellAll()
  instrumentation.setMeterProvider(endpoint.provider)
  expect((await endpoint.scrape()).of('flyroute_replays_total')).toEqual({ 'write ams ord': 1 })
  expect(instrumentation.getConfig().enabled).toBe(true)
  instrumentation.disable()
  tellAll()
  instrumentation.enable()
  expect((await endpoint.scrape()).of('flyroute_replays_total')).toEqual({ 'write ams ord': 1 })
  tellAll()
  expect((await endpoint.scrape()).of('flyroute_replays_total')).toEqual({ 'write ams ord': 2 })
  instrumentation.disable()
})

test('every metric is in the README, and the README has no other', async () => {
  await using endpoint = new Endpoint()
  const instrumentation = new FlyrouteInstrumentation({ meterProvider: endpoint.provider })
  instrumentation.enable()
  tellAll()
  const { text } = await endpoint.scrape()
  instrumentation.disable()
  const names = [...text.matchAll(/^# HELP (\S+) /gm)].map(([, name]) => name).filter((name) => name !== 'target_info')
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
  const listed = [...readme.matchAll(/^\| `([\w.]+)`.*\| `(\w+)` \|/gm)].map(([, , name]) => name)
  expect(new Set(listed)).toEqual(new Set(names))
  expect(listed).toHaveLength(names.length)
})
