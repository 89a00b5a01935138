import { describe, expect, test } from '@jest/globals'
import { assertPrimary } from '../../src/assert-primary.ts'
import type * as Scopes from '../../src/request/scope.ts'
import { createScope, currentScope, runInScope, runOnPrimary, runWithConsistency } from '../../src/request/scope.ts'
import { createRequestState } from '../../src/request/state.ts'
import { runWithToken } from '../../src/run-with-token.ts'
import { encodeToken } from '../../src/token.ts'
import { createTopology } from '../../src/topology/topology.ts'
import { FakeDatabase } from '../support/fake-database.ts'

const secret = 'a secret of thirty-two characters'

describe('runOnPrimary', () => {
  test('runs now, in a scope that ends with it, and gives back what it gives', async () => {
    expect(runOnPrimary(() => currentScope()?.onPrimary)).toBe(true)
    expect(currentScope()).toBeUndefined()
    await expect(runOnPrimary(async () => (await Promise.resolve(), currentScope()?.onPrimary))).resolves.toBe(true)
    expect(() =>
      runOnPrimary(() => {
        throw new RangeError('own')
      }),
    ).toThrow(RangeError)
    expect(currentScope()).toBeUndefined()
  })

  test('shares the state of the request around it, which is not replayed after a write in it', () => {
    const database = new FakeDatabase()
    const state = createRequestState('request')
    runInScope(createScope(state), () => {
      expect(state.whyNotReplayable()).toBeUndefined()
      expect(runOnPrimary(() => database.write())).toBe('primary')
      expect(currentScope()?.onPrimary).toBe(false)
    })
    expect(state.whyNotReplayable()).toBe('already-written')
    expect([...state.written]).toEqual(['app'])
  })

  test('a query that begins when it is awaited runs in it, each time, and nothing else of it is changed', async () => {
    class Query {
      ran = 0
      then<T>(resolve: (value: boolean | undefined) => T): Promise<T> {
        this.ran++
        return Promise.resolve(currentScope()?.onPrimary).then(resolve)
      }
    }
    const query = runOnPrimary(() => new Query())
    expect([query instanceof Query, query.ran]).toEqual([true, 0])
    expect([await query, await query, query.ran]).toEqual([true, true, 2])
    expect(currentScope()).toBeUndefined()
    expect(Object.keys(query)).toEqual(['ran'])
    expect(await runOnPrimary(() => Object.freeze(new Promise((resolve) => resolve(1))))).toBe(1)
    expect(runOnPrimary(() => ({ then: 'no function' }))).toEqual({ then: 'no function' })
  })

  test('does not leak into work beside it', async () => {
    const seen: (boolean | undefined)[] = []
    await Promise.all([
      runOnPrimary(async () => {
        await new Promise(setImmediate)
        seen[0] = currentScope()?.onPrimary
      }),
      (async () => {
        await new Promise(setImmediate)
        seen[1] = currentScope()?.onPrimary
      })(),
    ])
    expect(seen).toEqual([true, undefined])
  })

  test('outside a request is a job, which has nothing to replay', () => {
    const state = runOnPrimary(() => currentScope()?.request)
    expect(state && state.whyNotReplayable()).toBe('outside-request')
  })
})

describe('runWithConsistency', () => {
  const token = encodeToken(new Map([['app', { cluster: 'c', epoch: 1, at: '0/5', time: Date.now() }]]))
  const seen = () => ({ level: currentScope()?.consistency, needs: currentScope()?.needs.length })

  test('holds for what runs in it, and keeps what else the scope says', () => {
    const found = runOnPrimary(() =>
      runWithToken(token, () => ({
        ...runWithConsistency('monotonic', () => ({ ...seen(), onPrimary: currentScope()?.onPrimary })),
        outside: seen(),
      })),
    )
    expect(found).toEqual({
      level: 'monotonic',
      needs: 1,
      onPrimary: true,
      outside: { level: 'read-your-writes', needs: 1 },
    })
  })

  test('none forgets the token around it, and heeds one inside of it', () => {
    runWithToken(token, () => {
      expect(runWithConsistency('none', seen)).toEqual({ level: 'none', needs: 0 })
      expect(runWithConsistency('none', () => runWithToken(token, seen))).toEqual({ level: 'none', needs: 1 })
    })
  })

  test('a level that is none is refused', () => {
    expect(() => runWithConsistency('eventual' as never, seen)).toThrow(
      new TypeError('runWithConsistency: pass one of none, read-your-writes, monotonic'),
    )
  })
})

describe('runWithToken', () => {
  const database = new FakeDatabase()
  const token = (at: number) => encodeToken(new Map([['app', database.position(at)]]))
  const need = () => database.replication.freshness.need()

  test('asks of the reads in it what the token says', async () => {
    expect(runWithToken(token(5), need)).toMatchObject({ at: '0/5' })
    const lazily = { then: (resolve: (value: unknown) => void) => resolve(need()) }
    expect(await runWithToken(token(5), () => lazily)).toMatchObject({ at: '0/5' })
    expect(need()).toBeUndefined()
  })

  test('asks on top of what the scope around it asks', () => {
    expect(runWithToken(token(9), () => runWithToken(token(5), need))).toMatchObject({ at: '0/9' })
    expect(runWithToken(token(5), () => runWithToken(token(9), need))).toMatchObject({ at: '0/9' })
  })

  test('keeps on the primary what is on the primary', () => {
    expect(runOnPrimary(() => runWithToken(token(5), () => currentScope()?.onPrimary))).toBe(true)
  })

  test.each([undefined, '', 'nonsense', encodeToken(new Map([['other', database.position(5)]]))])(
    'asks for nothing where the token says nothing (%#)',
    (nothing) => {
      expect(runWithToken(nothing, need)).toBeUndefined()
    },
  )

  test('takes a signed token only, where there is a secret', () => {
    const signed = encodeToken(new Map([['app', database.position(5)]]), [secret])
    expect(runWithToken(signed, need, { secret })).toMatchObject({ at: '0/5' })
    expect(runWithToken(token(5), need, { secret })).toBeUndefined()
    expect(runWithToken(signed, need, { secret: ['another secret, of today', secret] })).toMatchObject({ at: '0/5' })
  })
})

describe('tokens of a database', () => {
  test('go from one process to another as plain strings', async () => {
    const [home, away] = [new FakeDatabase({ role: 'primary', at: 7 }), new FakeDatabase({ at: 7 })]
    const token = await home.replication.currentToken()
    await away.replication.waitFor(token)
    await home.replication.waitFor(token)
    away.at = 6
    const behind = new FakeDatabase({ at: 6 })
    await expect(behind.replication.waitFor(token, { timeoutMs: 10 })).rejects.toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: 'stale',
    })
    await behind.replication.end()
  })

  test('include what this process has written', async () => {
    const home = new FakeDatabase({ role: 'primary', at: 7 })
    runOnPrimary(() => home.write())
    home.at = 7
    const away = new FakeDatabase({ at: 8 })
    await away.replication.waitFor(await home.replication.currentToken())
    const behind = new FakeDatabase({ at: 7 })
    const waiting = behind.replication.waitFor(await home.replication.currentToken(), { timeoutMs: 10 })
    await expect(waiting).rejects.toMatchObject({ reason: 'stale' })
    await behind.replication.end()
  })

  test('that say nothing are not waited for; an abort ends a wait with its reason', async () => {
    const away = new FakeDatabase()
    for (const token of ['', 'nonsense', `1.${'A'.repeat(5_000)}`]) await away.replication.waitFor(token)
    expect(away.asked).toBe(0)
    const token = await new FakeDatabase({ role: 'primary', at: 7 }).replication.currentToken()
    const reason = new Error('enough')
    const controller = new AbortController()
    const waiting = away.replication.waitFor(token, { timeoutMs: 60_000, signal: controller.signal })
    setTimeout(() => controller.abort(reason), 5)
    await expect(waiting).rejects.toBe(reason)
    await expect(away.replication.waitFor(token, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await away.replication.end()
  })

  test('of a newer primary end at a stale one', async () => {
    const [successor, stale] = [new FakeDatabase({ role: 'primary' }), new FakeDatabase({ role: 'primary', at: 99 })]
    successor.epoch = 2
    const waiting = stale.replication.waitFor(await successor.replication.currentToken())
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_REPLAY_UNAVAILABLE', reason: 'stale-primary' })
  })
})

describe('assertPrimary', () => {
  const refusal = { code: 'ERR_PRIMARY_REQUIRED', reason: 'write', detail: 'assert-primary' }

  test('passes where the primary is, and ends what is elsewhere with what to do', async () => {
    const [home, away] = [new FakeDatabase({ role: 'primary' }), new FakeDatabase()]
    assertPrimary(home.replication.topology)
    await assertPrimary(home)
    expect(() => assertPrimary(away.replication.topology)).toThrow(expect.objectContaining(refusal))
    await expect(assertPrimary(away)).rejects.toMatchObject(refusal)
    await expect(assertPrimary(away)).rejects.toThrow('wrap the work in runOnPrimary(fn)')
  })

  test('asks the server, whatever the settings say', async () => {
    const misplaced = new FakeDatabase({ role: 'primary' })
    misplaced.role = 'replica'
    await expect(assertPrimary(misplaced)).rejects.toMatchObject(refusal)
  })

  test('without an argument the environment decides: a laptop is the primary', () => {
    assertPrimary()
  })

  test('passes in runOnPrimary, and in a request asks for a replay', () => {
    const { topology } = new FakeDatabase().replication
    runOnPrimary(() => assertPrimary(topology))
    const state = createRequestState('request')
    expect(() => runInScope(createScope(state), () => assertPrimary(topology))).toThrow(
      'this request is being replayed; nothing to do',
    )
    expect(state.refusal).toMatchObject(refusal)
  })
})

describe('two copies of the package in one process', () => {
  test('share the scope', async () => {
    const copy = (await import(`../../src/request/scope.ts?${'copy'}`)) as typeof Scopes
    expect(copy.runOnPrimary).not.toBe(runOnPrimary)
    expect(copy.runOnPrimary(() => currentScope()?.onPrimary)).toBe(true)
    const state = createRequestState('request')
    runInScope(createScope(state), () => expect(copy.currentScope()?.request).toBe(state))
  })
})

test('a topology without a primary region is no reason to fail', () => {
  const { primary } = new FakeDatabase().replication.topology
  const topology = createTopology({
    region: undefined,
    primaryRegion: undefined,
    role: 'replica',
    primary,
    local: primary,
  })
  expect(() => assertPrimary(topology)).toThrow(expect.objectContaining({ target: {} }))
})
