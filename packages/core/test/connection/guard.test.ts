import { describe, expect, test } from '@jest/globals'
import { Action } from '../../src/connection/action.ts'
import type { Observation } from '../../src/position.ts'
import { createScope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { Guarded, type GuardedOptions, loan, requestScope } from '../support/guarded.ts'

const roles = ['primary', 'replica'] as const
const sides = ['local', 'primary', 'node'] as const
const observed = (role: 'primary' | 'replica', more: Partial<Observation> = {}): Observation => {
  return { instance: role, role, cluster: 'c', epoch: 1, at: '0/0', ...more }
}
/** Whose server says what a test has it say. */
const answering = (options: GuardedOptions, observation: Observation): Guarded =>
  new Guarded({ ...options, facts: { observe: async () => observation } })

test('its role is what the server says; until then, what it was made for', () => {
  const rolesOf = roles.map((role) => sides.map((side) => new Guarded({ role, side }).guard.role))
  expect(rolesOf).toEqual([
    ['primary', 'primary', 'primary'],
    ['replica', 'primary', 'replica'],
  ])
  const guarded = new Guarded({ role: 'primary' })
  guarded.isOn('replica')
  expect(guarded.guard.role).toBe('replica')
})

describe('a plain read passes', () => {
  const passes = ({ guard }: Guarded, text = 'select 1', scope = requestScope()): boolean =>
    guard.passes(guard.database.classifier.classify(text), text, scope)

  test('on the local server alone, once it has said that it is a replica', async () => {
    const results: unknown[] = []
    for (const role of roles)
      for (const side of sides) if (passes(await Guarded.ready({ role, side }))) results.push([role, side])
    expect(results).toEqual([['replica', 'local']])
    expect(passes(new Guarded())).toBe(false)
  })

  test('where its scope asks for nothing, and it calls nothing that could hide a refusal', async () => {
    const guarded = await Guarded.ready()
    const { request } = requestScope()
    const needs = createScope(request, new Map([['app', guarded.standIn.position(0)]]))
    expect(passes(guarded, 'select 1', needs)).toBe(false)
    expect(passes(guarded, 'select 1', requestScope({ consistency: 'monotonic' }))).toBe(false)
    expect([passes(guarded, 'select * from item'), passes(guarded, 'select * from hiding')]).toEqual([true, false])
    expect(passes(guarded, 'select set_config($1, $2, false)')).toBe(false)
  })
})

test('a statement is not looked at on a primary that is the local server, unless that is to be left', async () => {
  const bypassing: unknown[] = []
  for (const role of roles)
    for (const side of sides) if (new Guarded({ role, side }).guard.canBypass) bypassing.push([role, side])
  expect(bypassing).toEqual([
    ['primary', 'local'],
    ['primary', 'node'],
  ])
  const { guard, standIn } = await Guarded.ready({ role: 'primary' })
  expect(guard.canBypass).toBe(true)
  guard.loan = loan
  expect(guard.canBypass).toBe(false)
  guard.loan = undefined
  standIn.replication.servers.connected(observed('primary', { instance: 'new', epoch: 2 }))
  expect(guard.canBypass).toBe(false)
})

describe('a refusal', () => {
  test('aborts the transaction that it comes into: the first one counts there', async () => {
    const { guard } = await Guarded.ready()
    const [first, second] = [new Error('first'), new Error('second')]
    expect([guard.refuses(first), guard.refusal, guard.session.transaction]).toEqual([Action.refuse, first, undefined])
    guard.session.sends('begin', guard.database.classifier.classify('begin'))
    guard.refuses(first)
    expect(guard.refuses(second)).toBe(Action.refuse)
    expect([guard.refusal, guard.session.transaction?.refusal]).toEqual([second, first])
  })

  test('of a stale primary has connections to it left', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard } = guarded
    expect(guard.isMisplaced).toBe(false)
    expect(guard.refusesStale()).toBe(Action.refuse)
    expect(guard.refusal).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'stale-primary' })
    expect([guard.server?.leftAt, guard.isMisplaced]).toEqual([expect.any(Number), true])
    expect(new Guarded({ role: 'primary' }).guard.refusesStale()).toBe(Action.refuse)
  })
})

describe('asked what it is, a server', () => {
  test('that should be the primary and is a replica is refused, and still known', async () => {
    const { guard } = answering({ side: 'primary' }, observed('replica'))
    await expect(guard.identify()).rejects.toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'no-primary' })
    expect(guard.server?.role).toBe('replica')
  })

  test.each(sides)('is told what it is expected to be (%s)', async (side) => {
    const asked: unknown[] = []
    const observe = async (_: unknown, expected: unknown): Promise<Observation> => {
      asked.push(expected)
      return observed('primary')
    }
    for (const role of roles) await new Guarded({ role, side, facts: { observe } }).guard.identify()
    expect(asked).toEqual(side === 'primary' ? ['primary', 'primary'] : ['primary', 'replica'])
  })

  test.each(sides)('says of the local server what it is only where it is that one (%s)', async (side) => {
    const { guard, standIn } = answering({ side }, observed('primary'))
    await guard.identify()
    expect(guard.role).toBe('primary')
    expect(standIn.replication.topology.role).toBe(side === 'local' ? 'primary' : 'replica')
  })

  test('is not believed before the primary has said which cluster is its own', async () => {
    const order: string[] = []
    const { guard, standIn } = answering({}, observed('replica'))
    const { servers } = standIn.replication
    servers.comparable = async () => void order.push('comparable')
    const connected = servers.connected.bind(servers)
    servers.connected = (...args) => (order.push('connected'), connected(...args))
    await guard.identify()
    expect(order).toEqual(['comparable', 'connected'])
  })
})

describe('a primary that refuses what no primary refuses', () => {
  test('is left until it has said again what it is', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard, standIn } = guarded
    const { asked } = standIn
    guard.doubts()
    expect([guard.isMisplaced, standIn.asked]).toEqual([true, asked + 1])
    guarded.isOn('primary')
    expect(guard.isMisplaced).toBe(false)
  })

  test.each(['node', 'primary'] as const)('says nothing of the local server (%s)', async (side) => {
    const { guard, standIn } = await Guarded.ready({ role: 'primary', side })
    const { asked } = standIn
    guard.doubts()
    expect([guard.isMisplaced, standIn.asked]).toEqual([true, asked])
  })

  test.each(['begin read only', 'set default_transaction_read_only = on'])(
    'may do so by the app’s own wish: %s',
    async (text) => {
      const guarded = await Guarded.ready({ role: 'primary' })
      guarded.run(text)
      guarded.guard.doubts()
      expect(guarded.guard.isMisplaced).toBe(false)
    },
  )
})

test('a change of the schema voids what was learned of texts and of routines', async () => {
  const { guard } = await Guarded.ready()
  const { classifier, catalogue } = guard.database
  classifier.learn('select 1')
  const call = 'select reads()'
  expect([classifier.classify('select 1').access, catalogue.mayWrite(classifier.classify(call), call)]).toEqual([
    'write',
    false,
  ])
  guard.schemaChanged()
  expect([classifier.classify('select 1').access, catalogue.mayWrite(classifier.classify(call), call)]).toEqual([
    'read',
    true,
  ])
})

test('given back, nothing of a check-out binds the next one', async () => {
  const { guard } = await Guarded.ready()
  guard.isLent = true
  guard.refused = new Error('refused')
  guard.session.sends('do $$ begin end $$', guard.database.classifier.classify('do $$ begin end $$'))
  guard.givenBack()
  expect([guard.isLent, guard.refused, guard.session.residue]).toEqual([false, undefined, undefined])
})

describe('given back, a connection is closed where', () => {
  test('its session went on elsewhere, and was not as it had been', async () => {
    const guarded = await Guarded.ready()
    const { guard } = guarded
    guarded.run("set a.b = '1'")
    expect(guard.isUnfit).toBe(false)
    guard.loan = loan
    expect(guard.isUnfit).toBe(true)
    const unchanged = await Guarded.ready()
    unchanged.guard.loan = loan
    expect(unchanged.guard.isUnfit).toBe(false)
  })

  test('its transaction was refused something', async () => {
    const guarded = await Guarded.ready()
    guarded.run('begin')
    expect(guarded.guard.isUnfit).toBe(false)
    guarded.run('select 1')
    expect(guarded.run('delete from item')).toBe(Action.refuse)
    expect(guarded.guard.isUnfit).toBe(true)
  })

  test('its server is to be left', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    guarded.guard.refusesStale()
    expect(guarded.guard.isUnfit).toBe(true)
  })
})

describe('a server should not be used', () => {
  test('as the primary, where it is a replica; a node is what it is', async () => {
    for (const side of ['primary', 'node'] as const) {
      const guarded = await Guarded.ready({ role: 'primary', side })
      expect([side, guarded.guard.isMisplaced]).toEqual([side, false])
      guarded.isOn('replica')
      expect([side, guarded.guard.isMisplaced]).toEqual([side, side === 'primary'])
    }
  })

  test('as the local primary, where it is a replica for longer than a moment', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    guarded.isOn('replica')
    const { guard, standIn } = guarded
    expect([standIn.replication.topology.role, guard.isMisplaced]).toEqual(['replica', false])
    const now = Date.now()
    const clock = Date.now
    try {
      Date.now = () => now + 900
      expect(guard.isMisplaced).toBe(false)
      Date.now = () => now + 1_100
      expect(guard.isMisplaced).toBe(true)
    } finally {
      Date.now = clock
    }
    // Another connection has found the primary at the same name by now.
    const other = await Guarded.ready({ role: 'primary' })
    other.isOn('replica')
    other.standIn.replication.servers.connected(observed('primary', { instance: 'another' }))
    expect(other.guard.isMisplaced).toBe(true)
  })

  test('not so where a replica is expected: it is one, or was promoted', async () => {
    const guarded = await Guarded.ready()
    const clock = Date.now
    const now = Date.now()
    try {
      Date.now = () => now + 60_000
      expect(guarded.guard.isMisplaced).toBe(false)
      guarded.isOn('primary')
      expect(guarded.guard.isMisplaced).toBe(false)
    } finally {
      Date.now = clock
    }
  })

  test('where another primary has taken over, a server of before that is left by connections from before', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard } = guarded
    const server = guarded.isOn('primary')
    server.leftAt = Date.now() - 10
    expect(guard.isMisplaced).toBe(false)
    server.leftAt = Date.now() + 10
    expect(guard.isMisplaced).toBe(true)
  })
})

test('an intent is registered where its request may still write', async () => {
  const { guard } = await Guarded.ready()
  const [open, replayed] = [createRequestState('request'), createRequestState('request')]
  replayed.answerReplay()
  expect([guard.registersIntent(replayed), guard.takeIntent()]).toEqual([false, undefined])
  expect(guard.registersIntent(open)).toBe(true)
  const withdraw = guard.takeIntent()
  expect(guard.takeIntent()).toBeUndefined()
  expect(open.writesUnderWay).toBe(1)
  open.beginWrite('app')
  // The write that it was registered for is under way by itself.
  withdraw?.()
  withdraw?.()
  expect(open.writesUnderWay).toBe(1)
})

test('a transaction that is left open when the connection is given back may be committed yet: its outcome is not known', async () => {
  const guarded = await Guarded.ready({ role: 'primary' })
  const scope = requestScope()
  guarded.run('begin', scope)
  guarded.run('delete from item', scope)
  guarded.guard.givenBack()
  expect(scope.request).toMatchObject({ writesUnderWay: 0, committed: true })
  guarded.guard.givenBack()
  expect(scope.request.writesUnderWay).toBe(0)
})

test.each([
  ['is not lent by a pool of ours: what another request has borrowed is given back', false, [0, 0, 1]],
  ['is: the pool sees to that', true, [0, 0, 0]],
])('one that %s', async (_, isLent, left) => {
  const { guard } = await Guarded.ready()
  let count = 0
  guard.isLent = isLent
  guard.loan = { leave: () => void count++ }
  const [one, other] = [createRequestState('request'), createRequestState('request')]
  const counts = [one, one, other].map((request) => {
    guard.isUsedBy(request)
    return count
  })
  expect(counts).toEqual(left)
  guard.loan = undefined
  guard.givenBack()
  guard.loan = { leave: () => void count++ }
  guard.isUsedBy(one)
  expect(count).toBe(left.at(-1))
})
