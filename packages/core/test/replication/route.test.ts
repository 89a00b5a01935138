import { describe, expect, test } from '@jest/globals'
import { createScope, onPrimary, runInScope, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { told } from '../support/events.ts'
import { FakeDatabase, type FakeDatabaseOptions } from '../support/fake-database.ts'
import { requestScope } from '../support/guarded.ts'

const cause = new Error('cause')
const job = (): Scope => createScope(createRequestState('job'))
const replayed = (): Scope => {
  const scope = requestScope()
  scope.request.answerReplay()
  return scope
}
const wrote = (options: Parameters<typeof requestScope>[0] = {}): Scope => {
  const scope = requestScope(options)
  scope.request.beginWrite('app')
  scope.request.endWrite('app', 'done')
  return scope
}
/** It has registered a write, and taken it back. */
const meant = (): Scope => {
  const scope = requestScope()
  scope.request.beginWrite('app')
  scope.request.endWrite('app', 'unsent')
  return scope
}

/** Where it goes, or what is thrown. */
function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    const { code, reason, detail } = error as { code?: string; reason?: string; detail?: string }
    return [code === 'ERR_PRIMARY_REQUIRED' ? 'required' : 'unavailable', reason, detail]
  }
}
const database = (options: FakeDatabaseOptions = {}) => new FakeDatabase(options).replication
const unreachable = { replication: { reachesPrimary: false } }
const openly = { replication: { outsideRequest: 'primary' } } as const
const upgrade = { obstacle: 'upgrade' } as const
const strict = { obstacle: 'upgrade', whenReplayUnavailable: 'error' } as const

describe('a statement that meets a replica', () => {
  test.each<[string, FakeDatabaseOptions, 'read' | 'write', () => Scope | undefined, unknown]>([
    ['a read', {}, 'read', requestScope, 'local'],
    ['a write', {}, 'write', requestScope, ['required', 'write', 'x']],
    ['outside of a request', {}, 'write', () => undefined, ['required', 'write', 'x']],
    ['outside of a request, openly', openly, 'write', () => undefined, 'primary'],
    ['in a job', {}, 'write', job, ['required', 'write', 'x']],
    ['in a job, openly', openly, 'write', job, 'primary'],
    ['in a job on the primary', {}, 'write', () => onPrimary(job()), 'primary'],
    ['a read on the primary', {}, 'read', () => onPrimary(requestScope()), 'primary'],
    ['a write on the primary', {}, 'write', () => onPrimary(requestScope()), 'primary'],
    ['a read behind a write', {}, 'read', wrote, 'primary'],
    ['a write that cannot be replayed', {}, 'write', () => requestScope(upgrade), 'primary'],
    ['the same, strictly', {}, 'write', () => requestScope(strict), ['unavailable', 'upgrade', undefined]],
    ['strictly, behind a write', {}, 'write', () => wrote(strict), 'primary'],
    ['of a replayed request', {}, 'read', replayed, 'late'],
    ['without a connection to the primary', unreachable, 'write', requestScope, ['required', 'write', 'x']],
    ['without one, outside of a request', unreachable, 'write', () => undefined, ['required', 'write', 'x']],
    ['without one, in a job', unreachable, 'write', job, ['required', 'write', 'x']],
    ['without one, on the primary in a job', unreachable, 'read', () => onPrimary(job()), ['unavailable', 'no-connection', undefined]],
    ['without one, on the primary in a request', unreachable, 'read', () => onPrimary(requestScope()), ['required', 'write', 'run-on-primary']],
    ['without one, behind a write', unreachable, 'read', wrote, ['unavailable', 'already-written', undefined]],
    ['without one, behind a write that was taken back', unreachable, 'read', meant, ['required', 'write', 'x']],
    ['without one, where it cannot be replayed', unreachable, 'write', () => requestScope(upgrade), ['unavailable', 'upgrade', undefined]],
  ])('%s', (_, options, access, scope, expected) => {
    expect(outcome(() => database(options).router.route(access, 'x', scope()))).toEqual(expected)
  }) // biome-ignore format: a table

  test('goes by the scope that it runs in, where none is given', () => {
    const { router } = database()
    expect(runInScope(onPrimary(requestScope()), () => router.route('read', 'x'))).toBe('primary')
    expect(router.route('read', 'x')).toBe('local')
  })

  test('that is out of reach goes to the primary, and a read needs no permission for that', async () => {
    const replication = database()
    replication.prober.reportUnreachable(new Error('down'))
    for (const scope of [undefined, job(), requestScope(upgrade)]) {
      expect(replication.router.route('read', 'x', scope)).toBe('primary')
    }
    expect(outcome(() => replication.router.route('read', 'x', requestScope()))).toEqual([
      'required',
      'unavailable',
      undefined,
    ])
    expect(outcome(() => replication.router.route('write', 'x', undefined))).toEqual(['required', 'write', 'x'])
    expect(outcome(() => replication.router.routeStaleRead(requestScope()))).toEqual([
      'required',
      'unavailable',
      undefined,
    ])
    await replication.prober.end()
  })

  test('that cannot be used goes on on the primary where its scope is there, or has written', () => {
    const { router } = database()
    for (const scope of [onPrimary(requestScope()), onPrimary(job()), wrote(strict)]) {
      expect(router.toPrimary('unavailable', undefined, scope)).toBe('primary')
    }
    expect(router.toPrimary('unavailable', undefined, replayed())).toBe('late')
  })

  test('that is behind has its request replayed', () => {
    const { router } = database()
    expect(outcome(() => router.routeStaleRead(requestScope()))).toEqual(['required', 'stale', undefined])
    expect(router.routeStaleRead(requestScope(upgrade))).toBe('primary')
    expect(router.routeStaleRead(replayed())).toBe('late')
  })

  test('goes nowhere once its request was refused something, however it would go', () => {
    const { router } = database()
    const scope = requestScope()
    const refusal = outcome(() => router.route('write', 'x', scope))
    expect(refusal).toEqual(['required', 'write', 'x'])
    for (const again of [scope, onPrimary(scope)]) {
      expect(outcome(() => router.route('write', 'y', again))).toEqual(refusal)
      expect(outcome(() => router.toPrimary('unavailable', 'z', again))).toEqual(refusal)
    }
    expect(outcome(() => router.route('read', 'y', onPrimary(scope)))).toEqual(refusal)
    expect(router.route('read', 'y', scope)).toBe('local')
  })
})

describe('a refusal', () => {
  test('is the first of its request, with its cause, and names the place of the primary', () => {
    const { router } = database()
    const scope = requestScope()
    const error = router.required('refused', 'x', scope, cause)
    expect(error).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: 'refused',
      detail: 'x',
      cause,
      target: { region: 'ord' },
    })
    router.required('write', 'y', scope)
    expect(scope.request.refusal).toBe(error)
    expect(router.required('write', 'x', undefined)).not.toHaveProperty('cause')
  })

  test('of what cannot be replayed is told to the middleware, the first one', () => {
    for (const options of [{}, unreachable]) {
      const { router } = database(options)
      const scope = requestScope(strict)
      for (const one of [cause, new Error('another')]) outcome(() => router.toPrimary('refused', 'x', scope, one))
      expect(scope.request.unavailable).toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'upgrade', cause })
    }
  })

  test('says in its message what to do: in a request, outside of one, and without a connection', () => {
    const { router } = database()
    const messages = [undefined, job(), requestScope()].map((scope) => router.required('write', 'x', scope).message)
    expect(messages[0]).toBe(messages[1])
    expect(messages[0]).toContain('runOnPrimary')
    expect(messages[2]).not.toBe(messages[0])
    expect(database(unreachable).router.required('write', 'x', undefined).message).not.toBe(messages[0])
  })

  test('has the server asked for its role again: a promotion would never show', () => {
    for (const scope of [requestScope(), requestScope(upgrade)]) {
      const standIn = new FakeDatabase()
      outcome(() => standIn.replication.router.route('write', 'x', scope))
      expect(standIn.asked).toBe(1)
    }
  })
})

test('where the primary is: the database’s own word, or the region, or nothing', () => {
  expect(database().router.target).toEqual({ region: 'ord' })
  expect(database({ primaryRegion: undefined }).router.target).toEqual({})
  expect(database({ source: { target: () => ({ instance: 'm' }) } }).router.target).toEqual({ instance: 'm' })
  expect(database({ source: { target: () => undefined } }).router.target).toEqual({ region: 'ord' })
})

test('tells of writes where they go, and of what goes on from here', async () => {
  const { router } = database()
  const heard = (run: () => unknown): Promise<unknown> => told(['write', 'fallback'], () => outcome(run))
  const write = { database: 'app', access: 'write', detail: 'x' }
  const fallback = ['fallback', { database: 'app', reason: 'upgrade' }]
  expect(await heard(() => router.route('write', 'x', requestScope()))).toEqual([
    ['write', { ...write, sentTo: 'nowhere' }],
  ])
  expect(await heard(() => router.route('write', 'x', undefined))).toEqual([['write', { ...write, sentTo: 'nowhere' }]])
  expect(await heard(() => router.route('write', 'x', requestScope(upgrade)))).toEqual([
    ['write', { ...write, sentTo: 'primary' }],
    fallback,
  ])
  expect(await heard(() => router.toPrimary('refused', undefined, requestScope(upgrade)))).toEqual([
    ['write', { database: 'app', access: 'unknown', detail: 'refused', sentTo: 'primary' }],
    fallback,
  ])
  expect(await heard(() => router.toPrimary('unavailable', undefined, requestScope(upgrade)))).toEqual([fallback])
  expect(await heard(() => router.routeStaleRead(requestScope()))).toEqual([])
  expect(await heard(() => router.route('read', 'x', requestScope()))).toEqual([])
  expect(await heard(() => router.route('write', 'x', onPrimary(requestScope())))).toEqual([])
  expect(await heard(() => database(openly).router.route('write', 'x', undefined))).toEqual([
    ['write', { ...write, sentTo: 'primary' }],
    ['fallback', { database: 'app', reason: 'outside-request' }],
  ])
  expect(await heard(() => database(unreachable).router.route('write', 'x', requestScope(upgrade)))).toEqual([
    ['write', { ...write, sentTo: 'nowhere' }],
  ])
})
