import { describe, expect, test } from '@jest/globals'
import { Action, Effect } from '../../src/connection/action.ts'
import { ifStillWanted } from '../../src/connection/when-ready.ts'
import { Crossings } from '../../src/request/crossings.ts'
import { createScope, onPrimary, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { Guarded, loan, requestScope } from '../support/guarded.ts'

const upgrade = () => requestScope({ obstacle: 'upgrade' })
const names = Object.fromEntries(Object.entries(Action).map(([name, value]) => [value, name]))

describe('on a replica', () => {
  test.each([
    ['a read', [], 'select 1', requestScope(), 'here'],
    ['a write outside of a request', [], 'delete from item', undefined, 'refuse'],
    ['a write in a request', [], 'delete from item', requestScope(), 'refuse'],
    ['a write in a request that cannot be replayed', [], 'delete from item', upgrade(), 'primary'],
    ['a routine that only reads', [], 'select reads()', requestScope(), 'here'],
    ['the end of a transaction', ['begin'], 'commit', upgrade(), 'here'],
    ['a write in a transaction that has only begun', ['begin'], 'delete from item', upgrade(), 'primary'],
    ['a write in a transaction that has read', ['begin', 'select 1'], 'delete from item', upgrade(), 'refuse'],
    ['a write behind a setting', ["set search_path = 'a'"], 'delete from item', upgrade(), 'primary'],
    ['a write behind what may have left something', ['do $$ begin end $$'], 'delete from item', upgrade(), 'refuse'],
    ['a write in a read-only transaction', ['begin read only'], 'delete from item', requestScope(), 'here'],
  ] as const)('%s: %s, %s', async (_, before, text, scope, expected) => {
    const guarded = await Guarded.ready()
    for (const one of before) expect(names[guarded.run(one)]).toBe('here')
    expect(names[guarded.run(text, scope)]).toBe(expected)
  })

  test('what follows a refused write in its transaction is refused with it; ROLLBACK TO ends that, COMMIT is ROLLBACK', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope()
    guarded.run('begin', scope)
    guarded.run('savepoint a', scope)
    expect(names[guarded.run('delete from item', scope)]).toBe('refuse')
    const { refusal } = guarded.guard
    expect(scope.request.refusal).toBe(refusal)
    expect([names[guarded.run('select 1', scope)], guarded.guard.refusal]).toEqual(['refuse', refusal])
    expect(names[guarded.run('rollback to a', scope)]).toBe('here')
    expect(names[guarded.run('select 1', scope)]).toBe('here')
    expect(names[guarded.run('delete from item', scope)]).toBe('refuse')
    expect(names[guarded.run('commit; select 1', scope)]).toBe('refuse')
    expect(names[guarded.run('commit', scope)]).toBe('rollback')
    expect(names[guarded.run('rollback', scope)]).toBe('here')
    // It was rolled back with its connection.
    guarded.guard.isReclaimed = true
    expect(scope.request.answerReplay()).toBe(true)
    expect(names[guarded.run('rollback', scope)]).toBe('drop')
    // One that is not replayed hears of it: it would wait for ever.
    expect([names[guarded.run('select 1', requestScope())], guarded.guard.refusal]).toEqual([
      'refuse',
      expect.any(TypeError),
    ])
  })

  test.each([
    ['postgres', 'begin', 'refuse'],
    ['postgres', 'begin isolation level repeatable read', 'here'],
    ['mysql', 'begin', 'here'],
  ] as const)('%s: what its request has written since %s is not there: a read is %s', async (language, begin, then) => {
    const guarded = await Guarded.ready({ language })
    const scope = requestScope()
    guarded.run(begin, scope)
    guarded.run('select 1', scope)
    scope.request.written.add(guarded.guard.database.replication.name)
    expect(names[guarded.run('select 2', scope)]).toBe(then)
    expect(names[guarded.run('rollback', scope)]).toBe('here')
  })

  test('a write that moves is registered before it goes, and only once', async () => {
    const guarded = await Guarded.ready()
    const scope = upgrade()
    guarded.run('delete from item', scope)
    expect(scope.request.writesUnderWay).toBe(1)
    const withdraw = guarded.guard.takeIntent()
    expect(guarded.guard.takeIntent()).toBeUndefined()
    withdraw?.()
    expect(scope.request.writesUnderWay).toBe(0)
  })

  test('of a request that was replayed nothing is sent but ROLLBACK', async () => {
    const guarded = await Guarded.ready()
    const scope = requestScope()
    guarded.run('begin', scope)
    guarded.run('delete from item', scope)
    expect(scope.request.answerReplay()).toBe(true)
    expect(names[guarded.run('select 1', scope)]).toBe('drop')
    expect(names[guarded.run('rollback; select 1', scope)]).toBe('drop')
    expect(names[guarded.run('rollback', scope)]).toBe('here')
  })

  test('what was decided before the replay is not sent behind it', async () => {
    const scope = requestScope()
    expect(ifStillWanted(Action.here, scope)).toBe(Action.here)
    expect(scope.request.answerReplay()).toBe(true)
    expect(ifStillWanted(Action.here, scope)).toBe(Action.drop)
    expect(ifStillWanted(Action.here, undefined)).toBe(Action.here)
  })

  test('a connection to the primary that leads to a replica by now goes nowhere else', async () => {
    const guarded = await Guarded.ready({ side: 'primary' })
    guarded.isOn('replica')
    expect(names[guarded.run('select 1', upgrade())]).toBe('refuse')
    expect(guarded.guard.refusal).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'no-primary' })
    expect(guarded.guard.isMisplaced).toBe(true)
  })

  test('a plain read passes on an idle connection only', async () => {
    const guarded = await Guarded.ready()
    const { guard } = guarded
    const read = guard.database.classifier.classify('select 1')
    const passes = (scope = requestScope()): boolean => guard.passes(read, 'select 1', scope)
    expect(passes()).toBe(true)
    guarded.isQuiet = false
    expect(passes()).toBe(false)
    guarded.isQuiet = true
    guard.loan = loan
    expect(passes()).toBe(false)
    guard.loan = undefined
    guarded.run('begin')
    expect(passes()).toBe(false)
    guarded.run('rollback')
    expect(passes()).toBe(true)
    expect(guard.passes(guard.database.classifier.classify('delete from item'), 'delete from item', undefined)).toBe(
      false,
    )
  })
})

test('a transaction that a replica began stays one, although its server is promoted: what writes in it is replayed', async () => {
  const guarded = await Guarded.ready()
  for (const text of ['begin', 'select 1']) guarded.run(text)
  guarded.isOn('primary', 2)
  const scope = requestScope()
  expect([guarded.guard.role, names[guarded.run('delete from item', scope)]]).toEqual(['replica', 'refuse'])
  expect(scope.request.refusal).toMatchObject({ reason: 'write' })
  guarded.run('rollback')
  expect([guarded.guard.role, names[guarded.run('delete from item', requestScope())]]).toEqual(['primary', 'here'])
})

describe('on a primary', () => {
  const effects = Object.fromEntries(Object.entries(Effect).map(([name, value]) => [value, name]))

  test.each([
    ['a read', [], 'select 1', 'none', 0],
    ['a write', [], 'delete from item', 'commits', 1],
    ['a routine that writes', [], 'select writes()', 'commits', 1],
    ['a routine that reads', [], 'select reads()', 'none', 0],
    ['a write in a transaction', ['begin'], 'delete from item', 'none', 1],
    ['COMMIT of a transaction that has written', ['begin', 'delete from item'], 'commit', 'commits', 2],
    ['COMMIT of one that has not', ['begin', 'select 1'], 'commit', 'none', 0],
    ['a text that begins and writes', [], 'begin; delete from item', 'commits', 1],
    ['ROLLBACK', ['begin', 'delete from item'], 'rollback', 'none', 0],
  ] as const)('%s', async (_, before, text, effect, underWay) => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const scope = requestScope()
    for (const one of before) guarded.run(one, scope)
    expect(names[guarded.run(text, scope)]).toBe('here')
    expect([effects[guarded.guard.effect], scope.request.writesUnderWay]).toEqual([effect, underWay])
  })

  test('until it is known which views write, what names a relation counts as a write', async () => {
    const guarded = new Guarded({ role: 'primary' })
    guarded.isOn('primary')
    const underWay = (text: string): number => {
      const scope = requestScope()
      expect(names[guarded.run(text, scope)]).toBe('here')
      return scope.request.writesUnderWay
    }
    expect(['select 1', 'select * from audited'].map(underWay)).toEqual([0, 1])
    await guarded.guard.database.catalogue.settled()
    expect(underWay('select * from audited')).toBe(0)
  })

  test('a monotonic read is looked at, a read-your-writes one is not', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    guarded.run('select 1', requestScope({ consistency: 'monotonic' }))
    expect(guarded.guard.effect).toBe(Effect.reads)
    guarded.run('select 1', requestScope())
    expect(guarded.guard.effect).toBe(Effect.none)
  })

  test('a request that is going to be replayed writes nothing', async () => {
    const [there, here] = [await Guarded.ready({ role: 'primary' }), await Guarded.ready()]
    const scope = requestScope()
    here.run('delete from item', scope)
    expect(names[there.run('delete from item', scope)]).toBe('refuse')
    expect(there.guard.refusal).toBe(scope.request.refusal)
    expect(names[there.run('select 1', scope)]).toBe('here')
  })

  test('one that was deposed answers nothing but ROLLBACK, within a transaction as well, and is left', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard, standIn } = guarded
    guarded.run('begin')
    expect([guard.isMisplaced, guard.canBypass]).toEqual([false, true])
    standIn.replication.servers.connected({ instance: 'new', role: 'primary', cluster: 'c', epoch: 2, at: '0/0' })
    expect([guard.isMisplaced, guard.canBypass]).toEqual([true, false])
    for (const scope of [undefined, requestScope()]) {
      expect(names[guarded.run('select 1', scope)]).toBe('refuse')
      expect(guard.refusal).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'stale-primary' })
      expect(names[guarded.run('commit', scope)]).toBe('refuse')
    }
    expect(names[guarded.run('rollback')]).toBe('here')
  })

  test('one that a reader shows to be stale aborts its transaction: COMMIT is ROLLBACK, and what was written has failed', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard, standIn } = guarded
    const scope = requestScope()
    const reader = createScope(createRequestState('request'), new Map([['app', standIn.position(9, { epoch: 2 })]]))
    guarded.run('begin', scope)
    guarded.run('delete from item', scope)
    expect(names[guarded.run('select 1', reader)]).toBe('refuse')
    expect(names[guarded.run('select 1', scope)]).toBe('refuse')
    expect(names[guarded.run('commit', scope)]).toBe('rollback')
    expect(scope.request).toMatchObject({ writesUnderWay: 0, committed: false })
    expect(guard.isMisplaced).toBe(true)
  })

  test('connections from before are left with it; those made since are kept for a while', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { guard, standIn } = guarded
    const reader = createScope(createRequestState('request'), new Map([['app', standIn.position(9, { epoch: 2 })]]))
    const server = guarded.isOn('primary')
    standIn.replication.prober.leaves(server)
    expect(guard.isMisplaced).toBe(true)
    const { leftAt } = server
    await new Promise((resolve) => setTimeout(resolve, 2))
    guarded.isOn('primary')
    expect(guard.isMisplaced).toBe(false)
    guarded.run('select 1', reader)
    expect([server.leftAt, guard.isMisplaced]).toEqual([leftAt, true])
  })
})

describe('across an ocean, where there is no replica', () => {
  const far = () => Guarded.ready({ role: 'primary', region: 'gru', primaryRegion: 'ord', primaryIn: 'ord' })
  const learning = (options: Parameters<typeof requestScope>[0] = {}, expected = 0) => {
    const scope = requestScope(options)
    scope.request.crossings = new Crossings(expected)
    return scope
  }

  test.each<[what: string, text: string, scopeOf: () => Scope | undefined, expected: string]>([
    ['a read', 'select 1', () => learning(), 'here'],
    ['a read that its route knows to be one of many', 'select 1', () => learning({}, 5), 'refuse'],
    ['a write', 'delete from item', () => learning(), 'refuse'],
    ['a write where reads are not replayed', 'delete from item', () => requestScope(), 'refuse'],
    ['a write that cannot be replayed', 'delete from item', () => learning({ obstacle: 'upgrade' }), 'here'],
    ['a call that may write', 'select writes()', () => learning(), 'refuse'],
    ['the beginning of a transaction', 'begin', () => learning(), 'refuse'],
    ['one where reads are not replayed', 'begin', () => requestScope(), 'here'],
    ['one that cannot be replayed', 'begin', () => learning({ obstacle: 'upgrade' }), 'here'],
    ['a write of a job', 'delete from item', () => createScope(createRequestState('job')), 'here'],
    ['a write outside of everything', 'delete from item', () => undefined, 'here'],
    ['a write in runOnPrimary', 'delete from item', () => onPrimary(learning()), 'here'],
  ])('%s: %s', async (_, text, scopeOf, expected) => {
    const guarded = await far()
    expect(names[guarded.run(text, scopeOf())]).toBe(expected)
  })

  test('a transaction that turns into a write is replayed as a whole, and its ROLLBACK is sent', async () => {
    const guarded = await far()
    const scope = requestScope()
    expect(names[guarded.run('begin', scope)]).toBe('here')
    expect(names[guarded.run('delete from item', scope)]).toBe('refuse')
    expect(guarded.guard.refusal).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write' })
    expect(names[guarded.run('select 1', scope)]).toBe('refuse')
    expect(names[guarded.run('rollback', scope)]).toBe('here')
  })

  test('a refused beginning has no ROLLBACK, and what the request still wants is refused with it', async () => {
    const guarded = await far()
    const scope = learning()
    guarded.run('begin', scope)
    const { refusal } = guarded.guard
    expect(refusal).toMatchObject({ reason: 'write', detail: 'transaction' })
    for (const text of ['rollback', 'select 1', 'delete from item']) {
      expect([names[guarded.run(text, scope)], guarded.guard.refusal]).toEqual(['refuse', refusal])
    }
  })

  test('one that only reads is no write', async () => {
    const guarded = await far()
    guarded.run('begin read only', learning())
    expect(guarded.guard.refusal).toMatchObject({ reason: 'distance', detail: 'transaction' })
  })

  test('after a write that could not be replayed the rest stays here', async () => {
    const guarded = await far()
    const scope = learning({ obstacle: 'upgrade' })
    guarded.run('delete from item', scope)
    scope.request.obstacle = undefined
    for (const text of ['select 1', 'begin', 'delete from item']) expect(names[guarded.run(text, scope)]).toBe('here')
  })

  test('a read of a replica in another region crosses an ocean too', async () => {
    const guarded = await Guarded.ready({ region: 'gru', primaryRegion: 'ord', localIn: 'eze' })
    expect(guarded.guard.passes(guarded.guard.database.classifier.classify('select 1'), 'select 1', undefined)).toBe(
      false,
    )
    expect(names[guarded.run('select 1', learning())]).toBe('here')
    expect(names[guarded.run('select 1', learning({}, 40))]).toBe('refuse')
    expect(names[guarded.run('select 1', requestScope())]).toBe('here')
  })
})
