import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { Action } from '../../src/connection/action.ts'
import { moves } from '../../src/connection/on-replica.ts'
import { whenReady } from '../../src/connection/when-ready.ts'
import type { Observation } from '../../src/position.ts'
import { createScope, onPrimary, type Scope } from '../../src/request/scope.ts'
import { createRequestState, type RequestState } from '../../src/request/state.ts'
import { toLsn } from '../support/fake-database.ts'
import { Guarded, type GuardedOptions, requestScope } from '../support/guarded.ts'

const upgrade = { obstacle: 'upgrade' } as const
const names = Object.fromEntries(Object.entries(Action).map(([name, value]) => [value, name]))
let guarded: Guarded
async function ready(options: GuardedOptions = {}): Promise<Guarded> {
  guarded = await Guarded.ready(options)
  return guarded
}
afterEach(() => guarded.standIn.replication.end())

/** A reader of what was written at this place. */
function reader(at: number, request: RequestState = createRequestState('request')): Scope {
  return createScope(request, new Map([['app', guarded.standIn.position(at)]]))
}
const run = (text: string, scope?: Scope): string | undefined => names[guarded.run(text, scope)]

describe('a replica', () => {
  test('that would run writes of this user gets nothing of which it is not known that it reads', async () => {
    const server = (await ready()).isOn('replica')
    expect([run('select reads()', requestScope()), run('do $$ begin end $$', requestScope())]).toEqual(['here', 'here'])
    server.acceptsWrites = true
    expect([run('do $$ begin end $$', requestScope()), run('select 1', requestScope())]).toEqual(['refuse', 'here'])
  })

  test('on which a transaction has failed gets all of it: elsewhere it would begin anew', async () => {
    const { guard } = await ready()
    expect(run('begin')).toBe('here')
    guard.session.sends('deallocate a', guard.database.classifier.classify('deallocate a'))
    guard.session.fails(guard.database.classifier.classify('deallocate a'))
    guarded.status = 'failed'
    for (const text of ['insert into a values (1)', 'begin', 'rollback']) expect(run(text)).toBe('here')
  })

  test('that would log temporary tables gets none', async () => {
    const server = (await ready({ language: 'mysql' })).isOn('replica')
    expect(run('create temporary table a (id int)', requestScope())).toBe('here')
    server.logsTemporaryTables = true
    expect([run('create temporary table a (id int)', requestScope()), run('select 1', requestScope())]).toEqual([
      'refuse',
      'here',
    ])
  })

  test('whose refusal may be hidden gets nothing of the sort', async () => {
    await ready()
    expect([run('select hides()', requestScope()), run('select * from hiding', requestScope(upgrade))]).toEqual([
      'refuse',
      'primary',
    ])
  })

  test('of another cluster than the primary is read by nothing', async () => {
    const { standIn, guard } = await ready()
    standIn.replication.servers.connected(
      { instance: 'p', role: 'primary', cluster: 'other', epoch: 1, at: '0/0' },
      'primary',
    )
    expect(run('select 1', requestScope(upgrade))).toBe('primary')
    expect(run('select 1', requestScope())).toBe('refuse')
    expect(guard.refusal).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'unavailable' })
  })

  test('that is known to be out of reach is skipped', async () => {
    const { standIn, guard } = await ready()
    standIn.replication.prober.reportUnreachable(new Error('down'))
    expect([run('select 1', requestScope(upgrade)), run('select 1')]).toEqual(['primary', 'primary'])
    expect(run('select 1', requestScope())).toBe('refuse')
    expect(guard.refusal).toMatchObject({ reason: 'unavailable' })
  })
})

describe('in a transaction on a replica', () => {
  test('its end stays, and so does what follows a read, wherever its request would rather be', async () => {
    await ready()
    const scope = onPrimary(requestScope(upgrade))
    expect([run('begin', requestScope()), run('commit', scope)]).toEqual(['here', 'here'])
    run('begin', requestScope())
    run('select 1', requestScope())
    expect([run('select 1', scope), run('savepoint a', scope)]).toEqual(['here', 'here'])
    run('rollback')
    run('begin', requestScope())
    expect(run('set transaction isolation level serializable', scope)).toBe('primary')
  })

  test.each([
    ['postgres', 'select pg_advisory_lock(1)', 'refuse'],
    ['postgres', 'create table a (id int)', 'here'],
    ['postgres', 'delete from item', 'here'],
    ['mysql', 'create table a (id int)', 'refuse'],
    ['mysql', 'delete from item', 'here'],
    ['mysql', "select get_lock('a', 1)", 'refuse'],
  ] as const)('that is read-only (%s), %s: %s', async (language, text, expected) => {
    await ready({ language })
    run('start transaction read only')
    expect(run(text, requestScope())).toBe(expected)
  })
})

describe('a session that moves', () => {
  const move = (scope?: Scope): Action => {
    const text = 'delete from item'
    return moves(guarded.guard, guarded.guard.database.classifier.classify(text), text, scope)
  }

  test('says what is in its way', async () => {
    const { guard } = await ready()
    run('begin')
    run('select 1')
    expect(move(requestScope(upgrade))).toBe(Action.refuse)
    expect(guard.refusal).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'upgrade', detail: 'transaction' })
    run('rollback')
    run('do $$ begin end $$')
    expect([move(), guard.refusal]).toEqual([
      Action.refuse,
      expect.objectContaining({ reason: 'outside-request', detail: 'session' }),
    ])
    expect(move(requestScope())).toBe(Action.refuse)
    expect(guard.refusal).toMatchObject({ reason: 'outside-request', detail: 'session' })
  })

  test('and is refused what cannot go along, to the end of its check-out, although it was reset', async () => {
    for (const isLent of [true, false]) {
      const { guard } = await ready()
      guard.isLent = isLent
      run('do $$ begin end $$')
      move()
      const { refusal } = guard
      run('discard all')
      expect(move()).toBe(isLent ? Action.refuse : Action.primary)
      if (isLent) expect(guard.refusal).toBe(refusal)
      guard.givenBack()
      expect(move()).toBe(Action.primary)
    }
  })

  test('that has died with something in its session is the driver’s to tell of', async () => {
    await ready()
    run('do $$ begin end $$')
    expect(move()).toBe(Action.refuse)
    await ready()
    run('do $$ begin end $$')
    guarded.isLost = true
    expect(move()).toBe(Action.here)
  })

  test('registers what may write, and nothing else', async () => {
    const { guard } = await ready()
    guarded.standIn.replication.prober.reportUnreachable(new Error('down'))
    const [reading, writing, captured] = [
      requestScope(upgrade),
      requestScope(upgrade),
      requestScope({ ...upgrade, captureAfterEveryStatement: true }),
    ]
    expect([run('select 1', reading), guard.takeIntent()]).toEqual(['primary', undefined])
    expect([run('select reads()', reading), guard.takeIntent()]).toEqual(['primary', undefined])
    expect([run('select writes()', writing), guard.takeIntent()]).toEqual(['primary', expect.any(Function)])
    expect([run('select 1', captured), guard.takeIntent()]).toEqual(['primary', expect.any(Function)])
    expect([reading.request.writesUnderWay, writing.request.writesUnderWay]).toEqual([0, 1])
  })

  test('does not go with a request that is going to be replayed', async () => {
    const { guard } = await ready()
    const scope = requestScope()
    run('delete from item', scope)
    const { refusal } = guard
    expect([move(scope), guard.refusal]).toEqual([Action.refuse, refusal])
  })
})

describe('a reader', () => {
  test('of what is here is served, of what is not waits', async () => {
    const { guard } = await ready()
    guarded.standIn.at = 5
    await guarded.standIn.replication.prober.probe()
    const server = guarded.guard.server
    if (server) server.at = toLsn(5)
    expect([run('select 1', reader(5)), guard.need]).toEqual(['here', undefined])
    expect([run('select 1', reader(6)), guard.need]).toEqual(['wait', expect.objectContaining({ at: toLsn(6) })])
    expect([run('select 1', reader(5)), guard.need]).toEqual(['here', undefined])
  })

  test('of a routine waits until it is known what that does', async () => {
    guarded = new Guarded()
    guarded.isOn('replica')
    const { guard } = guarded
    expect([run('select reads()', requestScope()), guard.need]).toEqual(['wait', undefined])
    expect(run('begin', requestScope())).toBe('here')
    expect(run('delete from item', requestScope())).toBe('refuse')
  })
})

describe('when a wait is over', () => {
  const observation = (at: number): Observation => ({
    instance: 'replica1',
    role: 'replica',
    cluster: 'c',
    epoch: 1,
    at: toLsn(at),
  })
  const wait = async (text: string, scope?: Scope): Promise<string | undefined> => {
    const { guard } = guarded
    const analysis = guard.database.classifier.classify(text)
    return names[await whenReady(guard, analysis, text, scope, guard.need)]
  }

  test('a routine that reads runs here, one that writes does not, and an unknown one counts as one that writes', async () => {
    for (const [text, expected] of [
      ['select reads()', 'here'],
      ['select writes()', 'here'],
      ['select hides()', 'primary'],
    ] as const) {
      guarded = new Guarded()
      guarded.isOn('replica')
      const scope = requestScope(upgrade)
      expect(run(text, scope)).toBe('wait')
      expect([text, await wait(text, scope)]).toEqual([text, expected])
    }
  })

  test('in a transaction that has read, too, it waits to be known', async () => {
    for (const [text, expected] of [
      ['select reads()', 'here'],
      ['select hides()', 'refuse'],
    ] as const) {
      guarded = new Guarded()
      guarded.isOn('replica')
      const scope = requestScope(upgrade)
      expect([run('begin', scope), run('select 1', scope)]).toEqual(['here', 'here'])
      expect(run(text, scope)).toBe('wait')
      expect([text, await wait(text, scope)]).toEqual([text, expected])
    }
  })

  test.each([
    [
      'the server refuses to tell is tried here, as it refuses what writes',
      { severity: 'ERROR', code: '42501' },
      'here',
    ],
    ['it cannot be asked counts as one that writes', { code: 'ECONNRESET' }, 'primary'],
  ])('a routine of which %s', async (_, error, expected) => {
    guarded = new Guarded({ catalogue: () => Promise.reject(Object.assign(new Error('no'), error)) })
    guarded.isOn('replica')
    const scope = requestScope(upgrade)
    expect(run('select reads()', scope)).toBe('wait')
    expect(await wait('select reads()', scope)).toBe(expected)
  })

  test('a routine of which it has not told in time counts as one that writes', async () => {
    jest.useFakeTimers()
    try {
      guarded = new Guarded({ catalogue: () => new Promise(() => undefined) })
      guarded.isOn('replica')
      const scope = requestScope(upgrade)
      expect(run('select reads()', scope)).toBe('wait')
      const waiting = wait('select reads()', scope)
      await jest.advanceTimersByTimeAsync(5_000)
      expect(await waiting).toBe('primary')
      expect(guarded.guard.takeIntent()).toBeDefined()
    } finally {
      jest.useRealTimers()
    }
  })

  test('a routine that is called by a reader waits for both', async () => {
    guarded = new Guarded()
    guarded.isOn('replica')
    guarded.standIn.at = 6
    const scope = reader(6)
    expect(run('select reads()', scope)).toBe('wait')
    expect(await wait('select reads()', scope)).toBe('here')
    guarded.standIn.at = 6
    const late = reader(9, createRequestState('request', { waitTimeoutMs: 20, ...upgrade }))
    guarded.guard.database.catalogue.changed()
    expect(run('select reads()', late)).toBe('wait')
    expect(await wait('select reads()', late)).toBe('primary')
  })

  test('a reader is served by the server that probes ask, as soon as that has it', async () => {
    const { standIn } = await ready()
    await standIn.replication.prober.probe()
    guarded.guard.identified(standIn.replication.servers.local!)
    const scope = reader(3)
    expect(run('select 1', scope)).toBe('wait')
    standIn.at = 3
    expect(await wait('select 1', scope)).toBe('here')
  })

  test('one that has waited in vain is replayed, or goes to the primary', async () => {
    const { standIn, guard } = await ready()
    await standIn.replication.prober.probe()
    guarded.guard.identified(standIn.replication.servers.local!)
    for (const [options, expected] of [
      [{}, 'refuse'],
      [upgrade, 'primary'],
    ] as const) {
      const scope = reader(3, createRequestState('request', { waitTimeoutMs: 20, ...options }))
      expect(run('select 1', scope)).toBe('wait')
      expect(await wait('select 1', scope)).toBe(expected)
    }
    expect(guard.refusal).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'stale' })
  })

  test('nothing of a request that was replayed meanwhile is sent', async () => {
    const { standIn } = await ready()
    await standIn.replication.prober.probe()
    guarded.guard.identified(standIn.replication.servers.local!)
    const scope = reader(3)
    expect(run('select 1', scope)).toBe('wait')
    const waiting = wait('select 1', scope)
    scope.request.answerReplay()
    standIn.at = 3
    expect(await waiting).toBe('drop')
  })

  describe('a connection to another replica than the one that probes ask', () => {
    let at = 0
    let asked = 0
    async function elsewhere(observe: () => Promise<Observation>): Promise<Scope> {
      ;[at, asked] = [0, 0]
      await ready({ facts: { observe: () => (asked++, observe()) } })
      await guarded.standIn.replication.prober.probe()
      const scope = reader(3)
      expect(run('select 1', scope)).toBe('wait')
      return scope
    }

    test('asks its own server, until that has it', async () => {
      const scope = await elsewhere(async () => observation(asked === 3 ? 3 : 0))
      expect(await wait('select 1', scope)).toBe('here')
      expect(asked).toBe(3)
    })

    test('not for ever', async () => {
      const scope = await elsewhere(async () => observation(at))
      const begun = performance.now()
      expect(
        await wait(
          'select 1',
          createScope(createRequestState('request', { waitTimeoutMs: 30, ...upgrade }), scope.needs[0]),
        ),
      ).toBe('primary')
      expect(asked).toBeGreaterThan(1)
      expect(performance.now() - begun).toBeGreaterThanOrEqual(29)
    })

    test('no longer than a replay takes, where no job waits', async () => {
      const scope = await elsewhere(async () => observation(at))
      const cost = guarded.standIn.replication.prices.replayMs
      expect(cost).toBeLessThan(1_000)
      const begun = performance.now()
      expect(
        await wait(
          'select 1',
          createScope(createRequestState('request', { waitTimeoutMs: 60_000, ...upgrade }), scope.needs[0]),
        ),
      ).toBe('primary')
      expect(performance.now() - begun).toBeLessThan(5_000)
      const job = createScope(createRequestState('job', { waitTimeoutMs: 60_000 }), scope.needs[0])
      const waiting = wait('select 1', job)
      await new Promise((resolve) => setTimeout(resolve, cost + 50))
      at = 3
      expect(await waiting).toBe('here')
    })

    test('no longer than its client does', async () => {
      await elsewhere(async () => observation(at))
      const client = new AbortController()
      const scope = reader(
        3,
        createRequestState('request', { waitTimeoutMs: 60_000, signal: client.signal, ...upgrade }),
      )
      client.abort()
      expect(await wait('select 1', scope)).toBe('primary')
      expect(asked).toBe(1)
    })

    test('and gives up where that is lost, and reports it', async () => {
      const lost = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      await elsewhere(() => Promise.reject(lost))
      const scope = reader(3, createRequestState('request', upgrade))
      expect(await wait('select 1', scope)).toBe('primary')
      expect([asked, guarded.standIn.replication.prober.isUnavailable]).toEqual([1, true])
      await elsewhere(() => Promise.reject(new Error('a question that is refused')))
      expect(await wait('select 1', reader(3, createRequestState('request', upgrade)))).toBe('primary')
      expect([asked, guarded.standIn.replication.prober.isUnavailable]).toEqual([1, false])
    })
  })
})
