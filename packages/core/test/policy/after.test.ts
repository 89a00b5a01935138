import { channel } from 'node:diagnostics_channel'
import { describe, expect, test } from '@jest/globals'
import { type PrimaryRequiredError, ReplayUnavailableError } from '../../src/errors.ts'
import type { Outcome, Verdict } from '../../src/policy/after.ts'
import type { RequestVisit } from '../../src/policy/visit.ts'
import { createReplayPolicy, type ReplayPolicyOptions } from '../../src/policy.ts'
import { onPrimary } from '../../src/request/scope.ts'
import { FakeDatabase, type FakeDatabaseOptions } from '../support/fake-database.ts'
import { begin, incoming } from '../support/incoming.ts'

interface Visited {
  readonly database: FakeDatabase
  readonly visit: RequestVisit
  after(outcome?: Outcome): Verdict
}
async function visited(options: Partial<ReplayPolicyOptions> = {}, at: FakeDatabaseOptions = {}): Promise<Visited> {
  const database = new FakeDatabase(at)
  const policy = createReplayPolicy({ databases: [database], ...options })
  const visit = await begin(policy, incoming())
  return { database, visit, after: (outcome = {}) => policy.after(visit, outcome) }
}
const refuse = ({ database, visit }: Visited): PrimaryRequiredError =>
  database.replication.router.required('write', 'insert', visit.scope)
const told = ({ answer }: Verdict): unknown => {
  if (answer === undefined) return undefined
  return answer.status === 409 ? 409 : [answer.status, JSON.parse(answer.body).error.reason]
}

describe('a refusal', () => {
  test.each<[string, Outcome]>([
    ['that was swallowed', {}],
    ['whose handler has answered with a failure', { status: 500 }],
    ['whose handler threw something else', { error: new Error('own') }],
  ])('%s is replayed', async (_, outcome) => {
    const one = await visited()
    refuse(one)
    const verdict = one.after(outcome)
    expect([told(verdict), verdict.headers, one.visit.scope.request.isReplayed]).toEqual([409, [], true])
    expect(verdict.answer?.headers['fly-replay']).toContain('state=flyroute:write:insert@app')
  })

  test('that was thrown is replayed, whatever is around it', async () => {
    const one = await visited()
    const error = refuse(await visited())
    expect(told(one.after({ error: new Error('around', { cause: error }) }))).toBe(409)
  })

  test('that cannot be replayed any more is told where the app has made a failure of it', async () => {
    for (const [outcome, expected] of [
      [{}, undefined],
      [{ status: 404 }, undefined],
      [{ status: 499 }, undefined],
      [{ status: 500 }, [503, 'already-written']],
      [{ error: new Error('own') }, [503, 'already-written']],
    ] as const) {
      const one = await visited()
      refuse(one)
      one.visit.scope.request.noteCommit('other')
      expect(told(one.after(outcome))).toEqual(expected)
    }
    const thrown = await visited()
    const error = refuse(thrown)
    thrown.visit.scope.request.noteCommit('other')
    expect(told(thrown.after({ error, status: 200 }))).toEqual([503, 'already-written'])
  })

  test('goes where the database is that it is of; a forged one where the first is', async () => {
    const [first, second] = [new FakeDatabase({ name: 'one' }), new FakeDatabase({ name: 'two', primaryRegion: 'fra' })]
    const policy = createReplayPolicy({ databases: [first, second] })
    const replayOf = async (error: unknown): Promise<string | undefined> => {
      const visit = await begin(policy, incoming())
      return policy.after(visit, { error }).answer?.headers['fly-replay']
    }
    expect(await replayOf(second.replication.router.required('refused', undefined, undefined))).toMatch(
      /^region=fra;state=flyroute:refused@two;/,
    )
    expect(await replayOf(first.replication.router.required('write', 'x', undefined))).toMatch(
      /^region=ord;state=flyroute:write:x@one;/,
    )
    const other = new FakeDatabase({ name: 'three', primaryRegion: 'nrt' })
    expect(await replayOf(other.replication.router.required('write', 'x', undefined))).toMatch(
      /^region=nrt;state=flyroute:write:x@one;/,
    )
  })
})

describe('a failure', () => {
  const unavailable = new ReplayUnavailableError('upgrade')

  test.each<[string, Outcome, unknown]>([
    ['that is the app’s own', { error: new Error('own') }, undefined],
    ['that says so', { error: new Error('around', { cause: unavailable }) }, [503, 'upgrade']],
    ['of a request that succeeds', {}, undefined],
  ])('%s', async (_, outcome, expected) => {
    expect(told((await visited()).after(outcome))).toEqual(expected)
  })

  test('of what could be done neither here nor by a replay, or without a primary, is told as that', async () => {
    for (const [outcome, expected] of [
      [{}, undefined],
      [{ status: 500 }, [503, 'upgrade']],
      [{ error: new Error('own') }, [503, 'upgrade']],
    ] as const) {
      const one = await visited()
      one.visit.scope.request.unavailable = unavailable
      expect(told(one.after(outcome))).toEqual(expected)
      const lost = await visited()
      lost.visit.scope.request.primaryUnreachable = new Error('down')
      expect(told(lost.after(outcome))).toEqual(expected && [503, 'no-primary'])
    }
  })

  test('after something was committed has its token', async () => {
    const one = await visited({}, { role: 'primary' })
    one.visit.run(() => one.database.write())
    one.visit.scope.request.unavailable = unavailable
    const { answer, headers } = one.after({ status: 500 })
    expect([answer?.status, headers.map(([name]) => name)]).toEqual([503, ['set-cookie', 'flyroute-token']])
  })
})

test('an answer has begun with it, and its place is given back', async () => {
  const one = await visited()
  let given = 0
  one.visit.leavePlace = () => void given++
  expect(one.after()).toEqual({ answer: undefined, headers: [] })
  expect([one.visit.scope.request.isAnswering, given]).toEqual([true, 1])
})

test('what is added is no list of its own where there is nothing', async () => {
  const [one, two] = [(await visited()).after(), (await visited()).after()]
  expect(one).toBe(two)
})

describe('the debug header', () => {
  const debugHeader = true
  const text = ({ headers }: Verdict): unknown => headers

  test('tells where it ran, and why', async () => {
    const one = await visited({ debugHeader })
    expect(text(one.after())).toEqual([['flyroute-debug', 'region=ams; role=replica; reason=local']])
    const moved = await visited({ debugHeader })
    moved.visit.scope = onPrimary(moved.visit.scope)
    expect(text(moved.after())).toEqual([['flyroute-debug', 'region=ams; role=primary; reason=local']])
    const wrote = await visited({ debugHeader })
    wrote.visit.scope.request.noteCommit('app')
    expect(text(wrote.after())).toEqual([['flyroute-debug', 'region=ams; role=primary; reason=local']])
    const nowhere = await visited({ debugHeader }, { region: undefined, role: 'primary' })
    expect(text(nowhere.after())).toEqual([['flyroute-debug', 'region=none; role=primary; reason=local']])
  })
})

describe('where no replica is near', () => {
  const far = { role: 'primary', region: 'gru', primaryIn: 'ord', localIn: 'ord' } as const

  test('what the request has needed is told, and learned for its route', async () => {
    const one = await visited({ debugHeader: true }, far)
    const told: unknown[] = []
    const tell = (message: unknown): unknown => told.push(message)
    channel('flyroute:placement').subscribe(tell)
    const { crossings } = one.visit.scope.request
    crossings?.begins(1, 0)
    crossings?.begins(2, 0)
    crossings?.opensNone(7)
    const { headers } = one.after()
    channel('flyroute:placement').unsubscribe(tell)
    const { crossingMs, replayMs } = one.database.replication.prices
    const price = Math.round(3 * crossingMs + 7)
    expect(headers).toEqual([
      [
        'flyroute-debug',
        `region=gru; role=primary; reason=direct; price-ms=${price}; replay-ms=${Math.round(replayMs)}`,
      ],
    ])
    expect(told).toEqual([expect.objectContaining({ database: 'app', choice: 'direct', crossings: 3, replayMs })])
  })

  test('nothing is told of a request that is served from near', async () => {
    const told: unknown[] = []
    const tell = (message: unknown): unknown => told.push(message)
    channel('flyroute:placement').subscribe(tell)
    const one = await visited({ debugHeader: true })
    expect(one.after().headers).toEqual([['flyroute-debug', expect.not.stringContaining('price-ms')]])
    channel('flyroute:placement').unsubscribe(tell)
    expect(told).toEqual([])
  })
})

test('a refusal that was thrown where no request was known belongs to the one that it came to; the first one counts', async () => {
  const error = refuse(await visited())
  const one = await visited()
  one.after({ error })
  expect(one.visit.scope.request.refusal).toBe(error)
  const other = await visited()
  const own = refuse(other)
  other.after({ error })
  expect(other.visit.scope.request.refusal).toBe(own)
})
