import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type Lab, startLab } from '../../src/index.ts'
import { fixtureApp, replay, type Told } from '../support.ts'

let lab: Lab

beforeAll(async () => {
  lab = await startLab({
    regions: ['ord', 'ams'],
    command: fixtureApp,
    database: 'none',
    machinesPerRegion: 2,
    rtt: { 'ord-ams': 20 },
  })
})
afterAll(() => lab.dispose())
beforeEach(() => lab.journal.clear())

async function post(
  headers: Record<string, string>,
): Promise<{ status: number; reason: string | null; told: Told | undefined }> {
  const response = await lab.fetch('ams', '/posts', { method: 'POST', body: 'kept', headers })
  const text = await response.text()
  const told = response.status === 200 ? (JSON.parse(text) as Told) : undefined
  return { status: response.status, reason: response.headers.get('flyroute-lab-error'), told }
}

/** The fields of a `fly-replay-failed`. */
function failed(told: Told | undefined): Record<string, string> {
  const fields = (told?.headers['fly-replay-failed'] ?? '').split(';').map((field) => field.split('=', 2))
  return Object.fromEntries(fields) as Record<string, string>
}

test('where no Machine comes into question, the request comes back, or ends in an error', async () => {
  const { told } = await post(replay('ams', 'region=syd;timeout=1s;fallback=force_self'))
  expect(told).toMatchObject({ region: 'ams', method: 'POST', url: '/posts', body: 'kept' })
  const source = lab.journal.entries[0]?.hops[0]?.machine
  expect(told?.machine).toBe(source)
  expect(failed(told)).toEqual({
    app: 'app',
    region: 'syd',
    replay_source: source,
    reason: 'no_candidate',
    elapsed_ms: expect.stringMatching(/^\d+$/),
  })
  expect(told?.headers).not.toHaveProperty('fly-replay-src')
  expect(lab.journal.entries[0]?.hops.map((hop) => hop.kind)).toEqual(['direct', 'fallback'])

  expect(await post(replay('ams', 'region=syd'))).toMatchObject({ status: 503, reason: 'no_candidate' })
})

test('where connections are refused, it is tried some times over, then comes back', async () => {
  await lab.kill('ord', { noticed: false })
  const { told } = await post(replay('ams', 'region=ord;fallback=prefer_self'))
  expect(failed(told)).toMatchObject({ region: 'ord', reason: 'retries_exhausted' })
  expect(Number(failed(told)['elapsed_ms'])).toBeGreaterThanOrEqual(200)
  const attempts = lab.journal.entries[0]?.hops.filter((hop) => hop.failure === 'refused') ?? []
  expect(attempts.map((hop) => hop.region)).toEqual(Array.from({ length: 6 }, () => 'ord'))
  expect(new Set(attempts.map((hop) => hop.machine)).size).toBe(2)
  expect(await post(replay('ams', 'region=ord'))).toMatchObject({ status: 502, reason: 'retries_exhausted' })

  const slow = await post(replay('ams', 'region=ord;timeout=30ms;fallback=force_self'))
  expect(failed(slow.told)).toMatchObject({ region: 'ord', reason: 'timeout' })
  await lab.restart('ord')
  expect((await post(replay('ams', 'region=ord'))).told?.region).toBe('ord')
})

test('where the link is cut, it comes back after the time-out', async () => {
  await post(replay('ams', 'region=ord'))
  lab.cut('ams', 'ord')
  const start = performance.now()
  const { told } = await post(replay('ams', 'region=ord;timeout=150ms;fallback=force_self'))
  expect(performance.now() - start).toBeGreaterThanOrEqual(149)
  expect(failed(told)).toMatchObject({ region: 'ord', reason: 'timeout' })
  expect(Number(failed(told)['elapsed_ms'])).toBeGreaterThanOrEqual(149)
  expect(await post(replay('ams', 'region=ord;timeout=50ms'))).toMatchObject({ status: 504, reason: 'timeout' })
  lab.heal('ams', 'ord')
  expect((await post(replay('ams', 'region=ord;timeout=1s'))).told?.region).toBe('ord')
})

test('a request that a fallback brought back cannot be replayed again', async () => {
  const headers = { ...replay('ams', 'region=syd;fallback=force_self'), ...replay('on-fallback', 'region=ord') }
  expect(await post(headers)).toMatchObject({ status: 502, reason: 'replay_of_fallback' })
})

test('a Machine that accepts and then dies is an error, not a failed replay: the request may have been executed', async () => {
  const headers = replay('ams', 'region=ord;timeout=1s;fallback=force_self')
  const response = await lab.fetch('ams', '/die', { method: 'POST', headers })
  expect(response.status).toBe(502)
  expect(response.headers.get('flyroute-lab-error')).toBe('lost')
  expect(lab.journal.entries[0]?.hops).toMatchObject([{ region: 'ams' }, { region: 'ord', failure: 'lost' }])
  await lab.restart('ord')
})

test('while the Machines of its region are dead, the nearest others answer', async () => {
  await lab.kill('ams')
  expect((await post({})).told?.region).toBe('ord')
  await lab.restart('ams')
  expect((await post({})).told?.region).toBe('ams')
})

test('Machines that are equally near take turns', async () => {
  const seen = new Set<string | undefined>()
  for (let count = 0; count < 4; count += 1) seen.add((await post({})).told?.machine)
  expect(seen).toEqual(new Set([lab.machine('ams', 0).id, lab.machine('ams', 1).id]))
})
