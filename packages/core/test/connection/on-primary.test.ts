import { describe, expect, test } from '@jest/globals'
import { Action, Effect } from '../../src/connection/action.ts'
import { createScope, onPrimary, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { Guarded, loan, requestScope } from '../support/guarded.ts'

const names = Object.fromEntries(Object.entries(Action).map(([name, value]) => [value, name]))
const run = (guarded: Guarded, text: string, scope?: Scope): string | undefined => names[guarded.run(text, scope)]

describe('a connection to the primary from a region with a replica', () => {
  const inReplicaRegion = (): Promise<Guarded> => Guarded.ready({ role: 'replica', side: 'primary' })

  test('writes only what cannot be replayed', async () => {
    const guarded = await inReplicaRegion()
    const scope = requestScope()
    expect([
      run(guarded, 'select 1', scope),
      run(guarded, 'select reads()', scope),
      run(guarded, 'delete from item', scope),
    ]).toEqual(['here', 'here', 'refuse'])
    expect(guarded.guard.refusal).toMatchObject({ code: 'ERR_PRIMARY_REQUIRED', reason: 'write', detail: 'delete' })
    expect(scope.request).toMatchObject({ writesUnderWay: 0, refusal: guarded.guard.refusal })
    for (const other of [requestScope({ obstacle: 'upgrade' }), onPrimary(requestScope())]) {
      expect([run(guarded, 'delete from item', other), other.request.writesUnderWay]).toEqual(['here', 1])
    }
    // Off Fly, and outside of any request, there is nothing to replay.
    expect(run(guarded, 'delete from item')).toBe('here')
  })

  test('begins and ends transactions that may yet only read', async () => {
    const guarded = await inReplicaRegion()
    const scope = requestScope()
    expect(['begin', 'select 1', 'savepoint a', 'commit'].map((text) => run(guarded, text, scope))).toEqual([
      'here',
      'here',
      'here',
      'here',
    ])
    expect(run(guarded, "commit prepared 'a'", scope)).toBe('here')
  })

  test.each([
    ['the primary’s own region', { role: 'primary', side: 'primary' }],
    ['the local server', { role: 'primary', side: 'local' }],
  ] as const)('but not in %s', async (_, options) => {
    const guarded = await Guarded.ready(options)
    const scope = requestScope()
    expect([run(guarded, 'delete from item', scope), scope.request.writesUnderWay]).toEqual(['here', 1])
  })
})

describe('a reader', () => {
  test('whose token the primary can meet is served, whatever it needs; another one is not', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { standIn } = guarded
    const readerOf = (epoch: number): Scope =>
      createScope(createRequestState('request'), new Map([['app', standIn.position(7, { epoch })]]))
    expect([run(guarded, 'select 1', readerOf(1)), run(guarded, 'select 1', readerOf(2))]).toEqual(['here', 'refuse'])
    expect(guarded.guard.refusal).toMatchObject({ reason: 'stale-primary' })
    // One that has not said what it is cannot be stale.
    const silent = new Guarded({ role: 'primary' })
    expect(run(silent, 'select 1', readerOf(2))).toBe('here')
  })

  test('that has written on a later primary is not served by an earlier one', async () => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const scope = requestScope()
    const writes = (epoch: number): void =>
      void scope.request.positions.set('app', guarded.standIn.position(7, { epoch }))
    writes(1)
    expect([run(guarded, 'select 1', scope), run(guarded, 'select 1', scope)]).toEqual(['here', 'here'])
    writes(2)
    expect([run(guarded, 'select 1', scope), run(guarded, 'select 1', scope)]).toEqual(['refuse', 'refuse'])
    expect(guarded.guard.refusal).toMatchObject({ reason: 'stale-primary' })
  })
})

describe('a transaction in which something was refused', () => {
  async function refused(): Promise<{ guarded: Guarded; scope: Scope }> {
    const guarded = await Guarded.ready({ role: 'primary' })
    const scope = requestScope()
    for (const text of ['begin', 'savepoint a', 'delete from item']) run(guarded, text, scope)
    guarded.guard.refuses(new Error('refused'))
    expect(scope.request.writesUnderWay).toBe(1)
    return { guarded, scope }
  }

  test.each([
    ['select 1', 'refuse', 1],
    ['select 1; rollback', 'refuse', 1],
    ['rollback', 'here', 0],
    ['rollback to a', 'here', 1],
    ['commit', 'rollback', 0],
    ["prepare transaction 'a'", 'rollback', 0],
    ['begin', 'refuse', 1],
  ])('%s: %s', async (text, action, underWay) => {
    const { guarded, scope } = await refused()
    expect([run(guarded, text, scope), scope.request.writesUnderWay]).toEqual([action, underWay])
    expect(scope.request.committed).toBe(false)
    if (action === 'refuse') expect(guarded.guard.refusal).toMatchObject({ message: 'refused' })
  })

  test('goes on from its savepoint', async () => {
    const { guarded, scope } = await refused()
    expect(['rollback to a', 'select 1', 'commit'].map((text) => run(guarded, text, scope))).toEqual([
      'here',
      'here',
      'here',
    ])
    expect(guarded.guard.effect).toBe(Effect.commits)
  })
})

test('a diverted connection sends everything to the primary, but for what its request must not send', async () => {
  const guarded = await Guarded.ready()
  guarded.guard.loan = loan
  expect([run(guarded, 'select 1'), run(guarded, 'begin'), run(guarded, 'rollback')]).toEqual([
    'primary',
    'primary',
    'primary',
  ])
  const scope = requestScope()
  scope.request.answerReplay()
  expect([run(guarded, 'select 1', scope), run(guarded, 'rollback', scope)]).toEqual(['drop', 'here'])
})
