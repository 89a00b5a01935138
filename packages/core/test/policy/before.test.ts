import { channel } from 'node:diagnostics_channel'
import { describe, expect, test } from '@jest/globals'
import type { RequestVisit } from '../../src/policy/visit.ts'
import { createReplayPolicy, type ReplayPolicy, type ReplayPolicyOptions } from '../../src/policy.ts'
import { FakeDatabase, type FakeDatabaseOptions } from '../support/fake-database.ts'
import { begin, body, incoming } from '../support/incoming.ts'

const far = { role: 'primary', region: 'gru', primaryIn: 'ord', localIn: 'ord' } as const
const secret = 'a secret of at least thirty-two characters'

function opened(at: FakeDatabaseOptions = {}, options: Partial<ReplayPolicyOptions> = {}) {
  const database = new FakeDatabase(at)
  return { database, policy: createReplayPolicy({ databases: [database], secret, ...options }) }
}
const post = (headers: Record<string, string> = {}) => incoming({ method: 'POST', path: '/visit', headers })
const replayOf = ({ answer }: RequestVisit): string | undefined => answer?.headers['fly-replay']

/** The same request, as the proxy gives it back where it has found no machine for its replay. */
async function cameBack(policy: ReplayPolicy): Promise<RequestVisit> {
  const state = /state=([^;]+)/.exec(replayOf(await begin(policy, post())) ?? '')?.[1]
  return begin(
    policy,
    post({
      'fly-replay-src': `instance=one;region=ams;t=1;state=${state}`,
      'fly-replay-failed': 'reason=no_candidate',
    }),
  )
}

describe('a replay that has come back', () => {
  test('runs on the primary from here, and is told as that', async () => {
    const told: unknown[] = []
    const tell = (message: unknown): unknown => told.push(message)
    channel('flyroute:fallback').subscribe(tell)
    const visit = await cameBack(opened().policy)
    channel('flyroute:fallback').unsubscribe(tell)
    expect([visit.answer, visit.why, visit.scope.onPrimary]).toEqual([undefined, 'replay-failed', true])
    expect(told).toEqual([{ reason: 'replay-failed' }])
  })

  test('has the role of its database asked for', async () => {
    const { database, policy } = opened()
    let asked: unknown
    database.replication.prober.recheckRole = (isAtOnce) => void (asked = isAtOnce)
    await cameBack(policy)
    expect(asked).toBe(true)
  })

  test('is followed by no other one for a while, where the primary is in another region and answers from here', async () => {
    const { policy } = opened(far)
    await cameBack(policy)
    const next = await begin(policy, post())
    expect([next.answer, next.why, next.scope.onPrimary]).toEqual([undefined, 'replay-failed', true])
    const refusing = opened(far, { whenReplayUnavailable: 'error' }).policy
    await cameBack(refusing)
    expect(replayOf(await begin(refusing, post()))).toBeDefined()
    const near = opened().policy
    await cameBack(near)
    expect(replayOf(await begin(near, post()))).toBeDefined()
  })

  test('that cannot prove it keeps nothing from being replayed', async () => {
    const { policy } = opened(far)
    const headers = {
      'fly-replay-src': 'instance=one;region=ams;t=1;state=flyroute:method@app',
      'fly-replay-failed': 'reason=no_candidate',
    }
    await begin(policy, post(headers))
    expect(replayOf(await begin(policy, post()))).toBeDefined()
  })
})

describe('where no replica is near', () => {
  test('a read runs here, and what it needs is counted', async () => {
    const visit = await begin(opened(far).policy, incoming())
    expect([visit.why, visit.answer, visit.scope.request.crossings?.needed]).toEqual(['direct', undefined, 0])
  })

  test('a route that is dear is replayed ahead of its handler', async () => {
    const { policy } = opened(far, { placement: () => 'replay' })
    const visit = await begin(policy, incoming())
    expect([visit.why, replayOf(visit)]).toEqual(['distance', expect.stringContaining('region=ord')])
  })
})

describe('a request that would be replayed ahead of its handler', () => {
  test('has the role of its database asked for: a promotion would never show otherwise', async () => {
    const { database, policy } = opened()
    let asked = 0
    database.replication.prober.recheckRole = () => void asked++
    const visit = await begin(policy, post())
    expect([asked, visit.why, replayOf(visit)]).toEqual([1, 'method', expect.any(String)])
  })

  test.each<[string, Parameters<typeof incoming>[0], string]>([
    ['its answer has begun', { answerBegun: true }, 'response-begun'],
    ['it is an upgrade', { headers: { upgrade: 'websocket' } }, 'upgrade'],
    ['its body is too long, as it says', { headers: { 'content-length': '11' } }, 'body-too-large'],
    ['its body is too long, as is found', { body: body(5, { more: 6 }) }, 'body-too-large'],
    [
      'its body cannot be read',
      { body: { bytes: 0, complete: false, measure: () => Promise.reject(new Error('cut')) } },
      'body-too-large',
    ],
  ])('runs on the primary where %s', async (_, options, why) => {
    const { policy } = opened({}, { maxReplayBodyBytes: 10 })
    const visit = await begin(policy, incoming({ method: 'POST', ...options }))
    expect([visit.answer, visit.why, visit.scope.onPrimary]).toEqual([undefined, why, true])
    expect(visit.scope.request.obstacle).toBe(why)
  })

  test('a body of exactly as many bytes is replayed', async () => {
    const { policy } = opened({}, { maxReplayBodyBytes: 10 })
    expect(replayOf(await begin(policy, post({ 'content-length': '10' })))).toBeDefined()
  })
})
