import { channel } from 'node:diagnostics_channel'
import { describe, expect, test } from '@jest/globals'
import { Effect } from '../../src/connection/action.ts'
import { Guarded, requestScope } from '../support/guarded.ts'

async function written(before: readonly string[] = ['begin', 'delete from item']) {
  const guarded = await Guarded.ready({ role: 'primary' })
  const scope = requestScope()
  for (const text of before) guarded.run(text, scope)
  return { guarded, scope, request: scope.request, writes: guarded.guard.writes }
}

describe('a transaction that has written', () => {
  test.each([
    ['done', true, false],
    ['failed', false, false],
    ['unknown', true, true],
  ] as const)('ends %s', async (outcome, committed, isUntil) => {
    const { request, writes } = await written()
    expect(request.writesUnderWay).toBe(1)
    writes.leavesTransaction(outcome)
    writes.leavesTransaction(outcome)
    expect(request).toMatchObject({ writesUnderWay: 0, committed })
    expect(request.positions.get('app')).toEqual(isUntil ? { until: expect.any(Number) } : undefined)
  })

  test('two writes in it are one', async () => {
    const { request } = await written(['begin', 'delete from item', 'delete from item'])
    expect(request.writesUnderWay).toBe(1)
  })

  test('a text that sets something in it and writes does not end it', async () => {
    const { guarded, request, scope } = await written()
    guarded.run('set transaction read write; delete from item', scope)
    expect([request.writesUnderWay, guarded.guard.effect]).toEqual([1, Effect.none])
  })

  test('its COMMIT ends both: what it registered, and what the transaction had', async () => {
    const { guarded, request, writes, scope } = await written()
    const { transaction } = guarded.guard.session
    guarded.run('commit', scope)
    expect([request.writesUnderWay, guarded.guard.effect]).toEqual([2, Effect.commits])
    writes.ends(request, transaction, 'done')
    expect(request).toMatchObject({ writesUnderWay: 0, committed: true })
  })

  test('COMMIT of one that an error has aborted commits nothing', async () => {
    const { guarded, request, scope } = await written()
    guarded.guard.session.fails(guarded.guard.database.classifier.classify('select 1'))
    guarded.run('commit', scope)
    expect(guarded.guard.effect).toBe(Effect.none)
    expect(request).toMatchObject({ writesUnderWay: 0, committed: false })
  })

  test.each(['begin', 'commit and chain', 'rollback and chain'])('%s that fails has begun nothing', async (text) => {
    const guarded = await Guarded.ready({ role: 'primary' })
    const { session, database } = guarded.guard
    guarded.run(text, requestScope())
    expect(session.transaction).toBeDefined()
    session.fails(database.classifier.classify(text))
    expect(session.transaction).toBeUndefined()
  })

  test('a text that begins another one keeps its request in it', async () => {
    const { guarded, request, writes, scope } = await written([])
    guarded.run('begin; delete from item', scope)
    writes.ends(request, undefined, 'done')
    writes.goesOn(request)
    writes.goesOn(request)
    expect(request.writesUnderWay).toBe(1)
    guarded.run('commit', scope)
    expect(guarded.guard.effect).toBe(Effect.commits)
  })
})

describe('what a statement does to its request', () => {
  const both = ['begin', 'delete from item']
  test.each<[string, readonly string[], string, keyof typeof Effect, number, boolean]>([
    ['COMMIT PREPARED', [], "commit prepared 'a'", 'commits', 1, false],
    ['ROLLBACK PREPARED', [], "rollback prepared 'a'", 'none', 0, false],
    ['PREPARE TRANSACTION of what was written', both, "prepare transaction 'a'", 'none', 0, true],
    ['ROLLBACK of what was written', both, 'rollback', 'none', 0, false],
    ['a savepoint', both, 'savepoint a', 'none', 1, false],
    ['ROLLBACK TO', both, 'rollback to a', 'none', 1, false],
    ['a mode', both, 'set transaction read only', 'none', 1, false],
    ['several that end what was written', both, 'select 1; commit', 'commits', 2, false],
    ['several that end what was only read', ['begin'], 'select 1; commit', 'none', 0, false],
    ['several in what was written', both, 'select 1; select 2', 'none', 1, false],
    ['several that write in a transaction', ['begin'], 'select 1; delete from item', 'none', 1, false],
  ])('%s', async (_, before, text, effect, underWay, committed) => {
    const { guarded, request, scope } = await written(before)
    guarded.run(text, scope)
    expect([guarded.guard.effect, request.writesUnderWay, request.committed]).toEqual([
      Effect[effect],
      underWay,
      committed,
    ])
  })

  test('a write of a request that is going to be replayed is none, in a transaction or not', async () => {
    const { guarded, request, scope, writes } = await written(['begin'])
    const { classifier } = guarded.guard.database
    request.refuse(guarded.standIn.replication.router.required('write', 'x', undefined))
    expect(writes.begins(classifier.classify('delete from item'), scope, true)).toBeUndefined()
    expect(guarded.guard.session.transaction?.writer).toBeUndefined()
    expect(writes.begins(classifier.classify("commit prepared 'a'"), scope, true)).toBeUndefined()
    expect(writes.begins(classifier.classify('select 1'), scope, false)).toBe(Effect.none)
  })

  test('where none is open nothing ends, and nothing goes on', async () => {
    const { request, writes } = await written([])
    writes.leavesTransaction('unknown')
    writes.goesOn(request)
    expect(request).toMatchObject({ writesUnderWay: 0, committed: false })
    expect(request.positions.size).toBe(0)
  })

  test('a transaction that its request writes in goes on as one write', async () => {
    const { request, writes } = await written()
    writes.goesOn(request)
    expect(request.writesUnderWay).toBe(1)
  })
})

test('why there is no position is told', async () => {
  const { request, writes } = await written([])
  const told: unknown[] = []
  const listen = (message: unknown): unknown => told.push(message)
  channel('flyroute:position-unavailable').subscribe(listen)
  writes.took(request, Object.assign(new Error('no'), { code: 'E_NONE' }))
  channel('flyroute:position-unavailable').unsubscribe(listen)
  expect(told).toEqual([expect.objectContaining({ database: 'app', code: 'E_NONE' })])
})

test('a position, or that there is none', async () => {
  const { guarded, request, writes } = await written([])
  writes.saw(request, new Error('none'))
  expect(request.positions.size).toBe(0)
  writes.saw(request, guarded.standIn.position(1))
  expect(request.positions.get('app')).toMatchObject({ at: '0/1' })
  writes.took(request, guarded.standIn.position(2))
  expect(request.positions.get('app')).toMatchObject({ at: '0/2' })
  writes.took(request, new Error('none'))
  expect(request.positions.get('app')).toEqual({ until: expect.any(Number) })
})

test('a write whose outcome is unknown is not forgotten by currentToken()', async () => {
  const { request, writes, guarded } = await written([])
  const { createScope, runInScope } = await import('../../src/request/scope.ts')
  const { decodeToken } = await import('../../src/token.ts')
  request.beginWrite('app')
  writes.ends(request, undefined, 'unknown')
  const token = await runInScope(createScope(request), () => guarded.standIn.replication.currentToken())
  expect(decodeToken(token, { secrets: [] }).get('app')).toEqual({ until: expect.any(Number) })
})

describe('the answer to what commits', () => {
  async function answered(text: string, outcome: 'done' | 'failed' | 'unknown', status?: 'idle' | 'open') {
    const { guarded, request, scope } = await written([])
    const { guard } = guarded
    guarded.run(text, scope)
    guarded.status = status
    let learned = 0
    guard.database.catalogue.changed = () => void learned++
    guard.ends(guard.database.classifier.classify(text), request, undefined, outcome)
    return { committed: request.committed, underWay: request.writesUnderWay, learned }
  }

  test.each([
    // A text that has begun a transaction goes on writing in it, unless the server says that it is over.
    ['delete from item; begin', undefined, 1],
    ['delete from item; begin', 'open', 1],
    ['delete from item; begin', 'idle', 0],
    ['delete from item', 'open', 0],
  ] as const)('%s, transaction %s', async (text, status, underWay) => {
    expect(await answered(text, 'done', status)).toEqual({ committed: true, underWay, learned: 0 })
    expect(await answered(text, 'failed', status)).toEqual({ committed: false, underWay: 0, learned: 0 })
  })

  test('what changes the schema has its routines asked for anew, once it is done', async () => {
    const text = 'create table other (id int)'
    expect(await answered(text, 'done')).toEqual({ committed: true, underWay: 0, learned: 1 })
    expect(await answered(text, 'unknown')).toEqual({ committed: true, underWay: 0, learned: 0 })
  })

  test.each([
    ['delete from item', undefined, false],
    ['call p()', undefined, true],
    ['set synchronous_commit = off; delete from item', undefined, true],
    ['commit', { asynchronous: true }, true],
    ['commit', { asynchronous: false }, false],
  ] as const)('%s may not be flushed yet: %s', async (text, transaction, is) => {
    const { guarded, writes } = await written([])
    const analysis = guarded.guard.database.classifier.classify(text)
    expect(writes.isAsynchronous(analysis, transaction as never)).toBe(is)
  })
})
