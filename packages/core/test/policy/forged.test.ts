import { describe, expect, test } from '@jest/globals'
import { readState, writeState } from '../../src/policy/replay-state.ts'
import { createReplayPolicy, type ReplayPolicyOptions } from '../../src/policy.ts'
import { FakeDatabase } from '../support/fake-database.ts'
import { attend, begin, incoming } from '../support/incoming.ts'

const secret = 'a long secret of 32 characters, x'
const failed = { 'fly-replay-failed': 'instance=1;region=ord;reason=no_candidate;elapsed_ms=1' }
const source = (state: string): Record<string, string> => ({
  'fly-replay-src': `instance=1;region=ams;t=1;state=${state}`,
})
const order = { reason: 'write', detail: 'insert', database: 'my app' }

function replica(options: Partial<ReplayPolicyOptions> = {}) {
  const database = new FakeDatabase({ name: 'my app' })
  return { database, policy: createReplayPolicy({ databases: [database], ...options }) }
}

describe('the state of a replay', () => {
  test('is readable without a secret, and signed with one; all secrets are accepted', () => {
    expect(writeState(order, [])).toBe('flyroute:write:insert@my_app')
    const now = Date.now()
    const signed = writeState(order, [secret], now)
    expect(signed).toMatch(/^flyroute:write:insert@my_app~[\da-z]+\.[\w-]{22}$/)
    const read = { reason: 'write', database: 'my_app' }
    for (const secrets of [[secret], ['another secret of 32 characters', secret], []]) {
      expect(readState(signed, secrets, now)).toEqual(read)
    }
  })

  test('counts for nothing where it is not signed, changed, or old', () => {
    const now = Date.now()
    const signed = writeState(order, [secret], now)
    for (const state of [
      'flyroute:write:insert@my_app',
      signed.replace('write', 'refused'),
      signed.replace(/~\w+/, `~${(now + 1).toString(36)}`),
      signed.slice(0, -1),
      writeState(order, ['another secret of 32 characters'], now),
      writeState(order, [secret], now - 600_000),
      `${signed}${'x'.repeat(10_000)}`,
    ]) {
      expect(readState(state, [secret], now)).toBeUndefined()
    }
  })
})

describe('with a secret', () => {
  test('a forged header moves nothing to the primary: the source is ignored, the failure refused', async () => {
    const { policy, database } = replica({ secret })
    const forged = incoming({ method: 'POST', headers: source('flyroute:write:insert@my_app') })
    expect(await attend(policy, forged)).toMatchObject({ ran: false, status: 409 })
    for (const method of ['GET', 'POST']) {
      const ended = await attend(policy, incoming({ method, headers: failed }), () => database.write())
      expect(ended).toMatchObject({ ran: false, status: 503, json: { error: { reason: 'replay-failed' } } })
    }
  })

  test('a failure is believed by its signed state, and by the id of a request that was sent away', async () => {
    const { policy, database } = replica({ secret })
    const first = await attend(policy, incoming({ method: 'POST', headers: { 'fly-request-id': 'r1' } }))
    const [, state = ''] = /state=([^;]*)/.exec(first.headers['fly-replay'] ?? '') ?? []
    for (const headers of [
      { ...failed, ...source(state) },
      { ...failed, 'fly-request-id': 'r1' },
    ]) {
      const ended = await attend(policy, incoming({ method: 'POST', headers }), () => database.write())
      expect(ended).toMatchObject({ ran: true, status: 200 })
    }
    // Once a replay.
    const again = incoming({ method: 'POST', headers: { ...failed, 'fly-request-id': 'r1' } })
    expect(await attend(policy, again)).toMatchObject({ ran: false, status: 503 })
  })
})

test('without a secret, 40 forged failures leave room for 5 uploads, and give it back when they end', async () => {
  const { policy, database } = replica()
  const forged = () => begin(policy, incoming({ method: 'POST', headers: failed }))
  const visits = await Promise.all(Array.from({ length: 40 }, forged))
  const served = visits.filter(({ answer }) => answer === undefined)
  expect(served).toHaveLength(2)
  expect(visits.find(({ answer }) => answer !== undefined)?.answer?.status).toBe(503)
  const upload = () => incoming({ method: 'POST', headers: { 'content-length': '1500000' } })
  for (const ended of await Promise.all(
    Array.from({ length: 5 }, () => attend(policy, upload(), () => database.write())),
  )) {
    expect(ended).toMatchObject({ ran: true, status: 200 })
  }
  // An honest one is known by its id, however many others there are.
  await attend(policy, incoming({ method: 'POST', headers: { 'fly-request-id': 'honest' } }))
  const honest = incoming({ method: 'POST', headers: { ...failed, 'fly-request-id': 'honest' } })
  expect(await attend(policy, honest, () => database.write())).toMatchObject({ ran: true, status: 200 })
  for (const visit of served) policy.after(visit, {})
  expect((await forged()).answer).toBeUndefined()
})

test('what an app decides by code that throws is decided so that it does no harm', async () => {
  const fails = (): never => {
    throw new URIError('URI malformed')
  }
  const { policy } = replica({ replayBeforeHandler: fails, isIdempotent: fails })
  expect(await attend(policy, incoming())).toMatchObject({ ran: false, status: 409 })
  const timedOut = { 'fly-replay-failed': 'reason=timeout' }
  expect(await attend(policy, incoming({ method: 'POST', headers: timedOut }))).toMatchObject({ status: 503 })
})

describe('16 KB of cookies', () => {
  const cookie = Array.from({ length: 844 }, (_, i) => `flyroute.${i.toString(36).padStart(3, '0')}=1.a.b`).join(';')
  test.each([[], [secret], [secret, `${secret}2`, `${secret}3`]])(
    'cost little and end in few headers (%#)',
    async (...secrets) => {
      const database = new FakeDatabase({ role: 'primary' })
      const policy = createReplayPolicy({ databases: [database], secret: secrets })
      const go = () => attend(policy, incoming({ headers: { cookie } }), () => database.write())
      for (let i = 0; i < 20; i++) await go()
      const costs: number[] = [] // ms a request
      for (let batch = 0; batch < 10; batch++) {
        const before = process.cpuUsage()
        for (let i = 0; i < 10; i++) expect((await go()).cookies.length).toBeLessThanOrEqual(16)
        const { user, system } = process.cpuUsage(before)
        costs.push((user + system) / 1_000 / 10)
      }
      // What else the process does meanwhile, such as collecting garbage, is in few batches; what a request costs is in all of them.
      const median = costs.toSorted((a, b) => a - b)[costs.length / 2]
      expect(median).toBeLessThan(2)
    },
  )

  test('names that no machine can have are none of ours: nothing of a client gets into a header', async () => {
    const database = new FakeDatabase({ role: 'primary' })
    const policy = createReplayPolicy({ databases: [database] })
    const odd = ['é', 'a b', '"', 'a,b', '', 'too-long', 'a\\'].map((mark) => `flyroute.${mark}=1.a`)
    const request = {
      ...incoming(),
      header: (name: string) => (name === 'cookie' ? [...odd, ...odd].join(';') : undefined),
    }
    const visit = await begin(policy, request)
    expect(visit.sent.cookies).toEqual([])
  })
})
