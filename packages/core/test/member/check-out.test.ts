import { describe, expect, test } from '@jest/globals'
import { factsOf } from '../../src/dialect/facts-of.ts'
import { ReplayUnavailableError } from '../../src/errors.ts'
import {
  canReplay,
  goesToPrimary,
  insteadOfLocal,
  isOut,
  needsPrimary,
  noteUnavailable,
  noteUnreachable,
  withoutConnection,
} from '../../src/member/check-out.ts'
import { createScope, onPrimary, type Scope } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { FakeDatabase, type FakeDatabaseOptions } from '../support/fake-database.ts'
import { Guarded, requestScope } from '../support/guarded.ts'

const lost = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const own = Object.assign(new Error('password authentication failed'), { code: '28P01', severity: 'FATAL' })
const upgrade = { obstacle: 'upgrade' } as const
function database(options: FakeDatabaseOptions = {}) {
  const standIn = new FakeDatabase(options)
  return { facts: factsOf('postgres'), replication: standIn.replication, standIn }
}
const wrote = (): Scope => {
  const scope = requestScope()
  scope.request.beginWrite('app')
  return scope
}
const job = (): Scope => createScope(createRequestState('job'))

test('a scope uses the primary where it has written there, or is to; and a primary is one already', () => {
  const { replication } = database()
  const scopes = [undefined, requestScope(), wrote(), onPrimary(requestScope())]
  expect(scopes.map((scope) => needsPrimary(replication, scope))).toEqual([false, false, true, true])
  const at = database({ role: 'primary' }).replication
  expect(scopes.map((scope) => needsPrimary(at, scope))).toEqual([false, false, false, false])
})

test('a local server is out where it is a replica that cannot be reached', async () => {
  for (const [role, expected] of [
    ['replica', true],
    ['primary', false],
  ] as const) {
    const { replication } = database({ role })
    expect(isOut(replication)).toBe(false)
    replication.prober.reportUnreachable(lost)
    expect(isOut(replication)).toBe(expected)
    await replication.end()
  }
})

test('a request can be replayed unless it is on the primary, or something is in the way', () => {
  const scopes = [undefined, requestScope(), onPrimary(requestScope()), requestScope(upgrade), job()]
  expect(scopes.map(canReplay)).toEqual([false, true, false, false, false])
})

describe('in place of the local server', () => {
  test('comes the primary, or a replay, where that cannot be reached', async () => {
    const one = database()
    for (const scope of [undefined, job(), requestScope(upgrade), onPrimary(requestScope())]) {
      expect(await insteadOfLocal(one, scope, lost)).toBeUndefined()
    }
    expect(one.replication.prober.isUnavailable).toBe(true)
    await expect(insteadOfLocal(one, requestScope(), lost)).rejects.toMatchObject({
      reason: 'unavailable',
      cause: lost,
    })
    await one.replication.end()
  })

  test('comes nothing where the error is the app’s own', async () => {
    const one = database()
    await expect(insteadOfLocal(one, undefined, own)).rejects.toBe(own)
    expect(one.replication.prober.isUnavailable).toBe(false)
  })

  test('comes nothing where it is the primary: the middleware is told', async () => {
    const one = database({ role: 'primary' })
    const scope = requestScope()
    await expect(insteadOfLocal(one, scope, lost)).rejects.toBe(lost)
    expect([scope.request.primaryUnreachable, one.replication.prober.isUnavailable]).toEqual([lost, false])
  })

  test('comes the primary where all connections are in use because it hangs, and the app’s error where it does not', async () => {
    const exhausted = new Error('timeout exceeded when trying to connect')
    const well = database()
    await expect(insteadOfLocal(well, undefined, exhausted, true)).rejects.toBe(exhausted)
    expect([well.standIn.asked, well.replication.prober.isUnavailable]).toEqual([1, false])
    const hanging = database({ source: { probe: () => Promise.reject(lost) } })
    expect(await insteadOfLocal(hanging, undefined, exhausted, true)).toBeUndefined()
    expect(hanging.replication.prober.isUnavailable).toBe(true)
    await hanging.replication.end()
  })
})

describe('a connection of the app’s own that cannot be had', () => {
  test('is the driver’s error, or what has its request replayed', async () => {
    const one = database()
    for (const scope of [undefined, job(), requestScope(upgrade), onPrimary(requestScope())]) {
      expect(withoutConnection(one, scope, lost)).toBe(lost)
    }
    expect(one.replication.prober.isUnavailable).toBe(true)
    expect(withoutConnection(one, requestScope(), lost)).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: 'unavailable',
      cause: lost,
    })
    expect(withoutConnection(database(), requestScope(), own)).toBe(own)
    await one.replication.end()
  })

  test('to the primary has the middleware told', () => {
    const one = database({ role: 'primary' })
    const scope = requestScope()
    expect(withoutConnection(one, scope, lost)).toBe(lost)
    expect([scope.request.primaryUnreachable, one.replication.prober.isUnavailable]).toEqual([lost, false])
  })
})

describe('a primary that cannot be had', () => {
  const unavailable = new ReplayUnavailableError('no-primary')

  test.each([
    ['is lost', lost, false, true, 1],
    ['has no connection free', own, true, true, 0],
    ['is none', unavailable, false, true, 0],
    ['answers', own, false, false, 0],
  ] as const)(
    '%s: the middleware is told, and the local server may have taken over',
    (_, error, isExhausted, isTold, asked) => {
      const one = database()
      const scope = requestScope()
      noteUnreachable(one, scope, error, isExhausted)
      expect(scope.request.primaryUnreachable).toBe(isTold ? error : undefined)
      noteUnreachable(database(), undefined, error, isExhausted)
      expect(one.standIn.asked).toBe(asked)
    },
  )

  test('a job and code outside of any request are asked about as well', () => {
    const one = database()
    noteUnreachable(one, undefined, lost)
    expect(one.standIn.asked).toBe(1)
  })

  test('what can be done neither here nor by a replay is told, the first one', () => {
    const scope = requestScope()
    noteUnavailable(scope, own)
    expect(scope.request.unavailable).toBeUndefined()
    noteUnavailable(undefined, unavailable)
    noteUnavailable(scope, new Error('around', { cause: unavailable }))
    noteUnavailable(scope, new ReplayUnavailableError('upgrade'))
    expect(scope.request.unavailable).toBe(unavailable)
  })
})

describe('a statement of a pool, before it has a connection', () => {
  const goes = async (text: string, scope?: Scope, options: FakeDatabaseOptions = {}, isOutOfReach = false) => {
    const { guard } = await Guarded.ready(options)
    const { replication } = guard.database
    if (isOutOfReach) replication.prober.reportUnreachable(lost)
    try {
      return goesToPrimary(guard.database, guard.database.classifier.classify(text), text, scope)
    } catch (error) {
      return (error as { reason?: unknown }).reason
    } finally {
      await replication.end()
    }
  }
  const write = 'delete from item'

  test('goes to a replica where it reads, and is refused where it writes', async () => {
    expect(await goes('select 1', requestScope())).toBe(false)
    expect(await goes('select hides()', requestScope())).toBe(false)
    expect(await goes(write, requestScope())).toBe('write')
  })

  test('goes to the primary where its request is not replayed, and uses that', async () => {
    expect(await goes(write, requestScope(upgrade))).toBe(true)
    expect(await goes('select 1', requestScope(upgrade))).toBe(false)
    expect(await goes('select 1', wrote())).toBe(true)
    expect(await goes('select 1', requestScope(upgrade), {}, true)).toBe(true)
    expect(await goes('select 1', requestScope(), {}, true)).toBe('unavailable')
  })

  test('goes to a primary that is the local server', async () => {
    for (const text of [write, 'select 1']) expect(await goes(text, requestScope(), { role: 'primary' })).toBe(false)
  })

  test('writes to a primary in another region by a replay, unless it is outside of a request', async () => {
    const far = { role: 'primary', region: 'ams', primaryIn: 'ord', localIn: 'ord' } as const
    expect(await goes(write, requestScope(), far)).toBe('write')
    expect(await goes('select writes()', requestScope(), far)).toBe('write')
    expect(await goes('select 1', requestScope(), far)).toBe(false)
    expect(await goes(write, undefined, far)).toBe(false)
  })
})
