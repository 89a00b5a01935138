import { describe, expect, test } from '@jest/globals'
import { PrimaryRequiredError } from '../../src/errors.ts'
import { neverSettles } from '../../src/request/late.ts'
import {
  createScope,
  currentScope,
  onPrimary,
  runInScope,
  runOnPrimary,
  runWithConsistency,
  runWithNeeds,
  type Scope,
} from '../../src/request/scope.ts'
import { createRequestState, RequestState } from '../../src/request/state.ts'
import { told } from '../support/events.ts'
import { FakeDatabase } from '../support/fake-database.ts'

const { topology } = new FakeDatabase().replication
const refusal = (): PrimaryRequiredError => new PrimaryRequiredError({ reason: 'write', topology })

test('what a request is, unless it says otherwise', () => {
  const [request, job] = [createRequestState('request'), createRequestState('job')]
  expect([request.waitTimeoutMs, job.waitTimeoutMs]).toEqual([1_000, 5_000])
  expect(request).toMatchObject({
    consistency: 'read-your-writes',
    captureAfterEveryStatement: false,
    whenReplayUnavailable: 'primary',
    obstacle: undefined,
    main: undefined,
    signal: undefined,
    isReplayed: false,
    isAnswering: false,
    committed: false,
    readsAnywhere: true,
  })
  expect(new RequestState('request').captureAfterEveryStatement).toBe(false)
  const { signal } = new AbortController()
  const { replication } = new FakeDatabase()
  const given = createRequestState('request', {
    consistency: 'monotonic',
    waitTimeoutMs: 7,
    whenReplayUnavailable: 'error',
    databases: [replication],
    captureAfterEveryStatement: true,
    signal,
  })
  expect(given).toMatchObject({
    consistency: 'monotonic',
    waitTimeoutMs: 7,
    whenReplayUnavailable: 'error',
    captureAfterEveryStatement: true,
  })
  expect([given.signal, given.main]).toEqual([signal, replication])
})

test('what cannot prove where it comes from needs leave to run on the primary', () => {
  const request = createRequestState('request')
  let leave = true
  request.leave = () => leave
  expect(request.whenReplayUnavailable).toBe('primary')
  leave = false
  expect(request.whenReplayUnavailable).toBe('error')
})

describe('a request can be replayed', () => {
  const body = (bytes: number, complete = true) => ({ maxReplayBodyBytes: 10, body: { bytes, complete } })
  /** A request to which that has happened. */
  const after = (
    happens: (request: RequestState) => unknown,
    options: Parameters<typeof createRequestState>[1] = {},
  ): RequestState => {
    const request = createRequestState('request', options)
    happens(request)
    return request
  }

  test.each<[string, () => RequestState, string | undefined]>([
    ['as it is', () => createRequestState('request'), undefined],
    ['with a body at the limit', () => createRequestState('request', body(10)), undefined],
    ['with a body of any length, where there is no limit', () => createRequestState('request', { body: { bytes: 1e9, complete: true } }), undefined],
    ['not with one beyond it', () => createRequestState('request', body(11)), 'body-too-large'],
    ['not with one that has not ended', () => createRequestState('request', body(1, false)), 'body-too-large'],
    ['not with an obstacle', () => createRequestState('request', { ...body(11), obstacle: 'upgrade' }), 'upgrade'],
    ['not after its answer has begun', () => after((request) => request.answerBegins(), body(11)), 'response-begun'],
    ['not after an answer that came before it', () => createRequestState('request', { ...body(11), answerBegun: true }), 'response-begun'],
    ['not after a write', () => after((request) => request.noteCommit('app')), 'already-written'],
    ['not during one', () => after((request) => request.beginWrite('app'), { obstacle: 'upgrade' }), 'already-written'],
    ['not as a job', () => createRequestState('job', { obstacle: 'upgrade' }), 'outside-request'],
  ])('%s', (_, make, expected) => {
    const request = make()
    expect(request.whyNotReplayable()).toBe(expected)
    request.refuse(refusal())
    expect(request.answerReplay()).toBe(expected === undefined)
  }) // biome-ignore format: a table

  test('until other code has answered beside the middleware', () => {
    const source = { answerBegun: false }
    const request = new RequestState('request', {}, source)
    expect(request.whyNotReplayable()).toBeUndefined()
    source.answerBegun = true
    expect([request.whyNotReplayable(), request.isAnswering]).toEqual(['response-begun', false])
  })

  test('and is then refused what the first refusal said', () => {
    const request = createRequestState('request')
    const [first, second] = [refusal(), refusal()]
    request.refuse(first)
    request.refuse(second)
    expect(request.refusal).toBe(first)
    const over = createRequestState('request', { obstacle: 'upgrade' })
    over.refuse(first)
    expect(over.refusal).toBeUndefined()
  })
})

describe('what a request has written', () => {
  test('is read where it was written, of that database alone', () => {
    const request = createRequestState('request')
    expect([request.hasWritten('app'), request.readsAnywhere]).toEqual([false, true])
    expect([request.written.size, request.readsAnywhere, request.hasWritten('app')]).toEqual([0, true, false])
    request.beginWrite('app')
    expect([request.hasWritten('app'), request.hasWritten('other'), request.readsAnywhere]).toEqual([
      true,
      false,
      false,
    ])
  })

  test('by a statement that was taken for a read counts as well', () => {
    const request = createRequestState('request')
    request.noteCommit('app')
    expect([request.committed, request.hasWritten('app'), request.writesUnderWay]).toEqual([true, true, 0])
  })

  test('is never less than nothing', () => {
    const request = createRequestState('request')
    request.endWrite('app', 'failed')
    expect([request.writesUnderWay, request.committed]).toEqual([0, false])
    request.beginWrite('app')
    expect(request.writesUnderWay).toBe(1)
  })

  test('after a replay was answered is nothing, nor does an answer begin then', () => {
    const request = createRequestState('request')
    request.answerReplay()
    expect([request.beginWrite('app'), request.hasWritten('app'), request.readsAnywhere]).toEqual([false, false, false])
    request.answerBegins()
    expect([request.isReplayed, request.isAnswering]).toEqual([true, false])
  })
})

describe('a scope', () => {
  const content = new Map([['app', { until: 1 }]])

  test('needs what it is made with, and nothing shares one list', () => {
    const request = createRequestState('request')
    expect(createScope(request).needs).toEqual([])
    expect(createScope(request, new Map()).needs).toBe(createScope(request).needs)
    expect(createScope(request, content).needs).toEqual([content])
    expect(createScope(request, content)).toMatchObject({ request, onPrimary: false, consistency: 'read-your-writes' })
    expect(onPrimary(createScope(request, content))).toMatchObject({ onPrimary: true, needs: [content] })
  })

  test('asks for more on top, and for the same where nothing is asked', () => {
    const outer = createScope(createRequestState('request'), content)
    const inner = (more: Map<string, { until: number }>): Scope | undefined =>
      runInScope(outer, () => runWithNeeds(more, currentScope))
    expect(inner(new Map())?.needs).toBe(outer.needs)
    expect(inner(new Map([['app', { until: 2 }]]))?.needs).toHaveLength(2)
  })

  test.each(['none', 'read-your-writes', 'monotonic'] as const)('is of a level of its own: %s', (level) => {
    const outer = createScope(createRequestState('request'), content)
    expect(runInScope(outer, () => runWithConsistency(level, currentScope))).toMatchObject({
      consistency: level,
      needs: level === 'none' ? [] : [content],
    })
  })

  test('of an unknown level says which there are', () => {
    expect(() => runWithConsistency('strong' as never, () => 1)).toThrow(/none, read-your-writes, monotonic/)
  })

  test('gives back whatever is no query', () => {
    for (const value of [null, undefined, 'text', 7, {}]) expect(runOnPrimary(() => value)).toBe(value)
    const plain = { then: 'no function' }
    expect([runOnPrimary(() => plain), plain.then]).toEqual([plain, 'no function'])
  })

  test('of a query can be put in place of by others', () => {
    const query = runOnPrimary(() => ({ then: (resolve: (scope: unknown) => void) => resolve(currentScope()) }))
    expect(Reflect.getOwnPropertyDescriptor(query, 'then')).toMatchObject({ configurable: true, writable: true })
  })

  test('is found by other copies of the package by its name', () => {
    expect(Object.getOwnPropertySymbols(globalThis)).toContain(Symbol.for('flyroute.scope.v1'))
  })
})

test('a statement that comes too late is told of', async () => {
  expect(await told(['late-statement'], () => void neverSettles('app'))).toEqual([
    ['late-statement', { database: 'app' }],
  ])
})
