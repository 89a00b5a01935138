import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import { PrimaryRequiredError } from '../../src/errors.ts'
import { createReplayPolicy } from '../../src/policy.ts'
import { neverSettles } from '../../src/request/late.ts'
import { createRequestState, type RequestState } from '../../src/request/state.ts'
import { requirePrimary } from '../../src/require-primary.ts'
import { FakeDatabase } from '../support/fake-database.ts'
import { attend, incoming } from '../support/incoming.ts'

const refusal = (): PrimaryRequiredError =>
  new PrimaryRequiredError({ reason: 'write', topology: new FakeDatabase().replication.topology })

describe('an error of a refusal that no code handles', () => {
  const state = createRequestState
  test.each([
    ['before anything was refused', () => state('request'), false],
    ['while the request is going to be replayed', () => refused(state('request')), true],
    ['once it was replayed', () => answered(refused(state('request'))), true],
    ['of a request that has begun its own answer', () => begun(refused(state('request'))), false],
    ['of a job', () => refused(state('job')), false],
    ['of a request that has written', () => wrote(refused(state('request'))), false],
  ])('%s', (_, make, expected) => {
    expect(make().makesUpFor(refusal())).toBe(expected)
  })

  test('has the middleware answer, where the handler does not', async () => {
    const [slow, quick] = [refused(state('request')), refused(state('request'))]
    const answers: string[] = []
    slow.answerNow = () => answers.push('slow')
    quick.answerNow = () => answers.push('quick')
    for (const one of [slow, slow, quick]) one.makesUpFor(refusal())
    quick.answerReplay()
    expect(answers).toEqual([])
    await wait(150)
    expect(answers).toEqual(['slow'])
  })

  const refused = (request: RequestState): RequestState => (request.refuse(refusal()), request)
  const answered = (request: RequestState): RequestState => (request.answerReplay(), request)
  const begun = (request: RequestState): RequestState => (request.answerBegins(), request)
  const wrote = (request: RequestState): RequestState => (request.noteCommit('app'), request)
})

describe('of a refusal and a write one comes first', () => {
  test('the refusal: no write begins after it, and the replay is final', () => {
    const state = createRequestState('request')
    const [first, second] = [refusal(), refusal()]
    state.refuse(first)
    state.refuse(second)
    expect([state.refusal, state.beginWrite('app'), state.writesUnderWay]).toEqual([first, false, 0])
    expect([state.isReplayed, state.answerReplay(), state.isReplayed]).toEqual([false, true, true])
    state.answerBegins()
    expect([state.isReplayed, state.beginWrite('app'), state.readsAnywhere]).toEqual([true, false, false])
  })

  test.each(['done', 'unknown'] as const)('the write (%s): nothing is replayed after it', (outcome) => {
    const state = createRequestState('request')
    expect(state.beginWrite('app')).toBe(true)
    state.refuse(refusal())
    expect([state.refusal, state.answerReplay(), state.whyNotReplayable()]).toEqual([
      undefined,
      false,
      'already-written',
    ])
    state.endWrite('app', outcome)
    expect([state.answerReplay(), state.beginWrite('other')]).toEqual([false, true])
  })

  test.each(['failed', 'unsent'] as const)(
    'the write that did not happen (%s) keeps nothing from being replayed',
    (outcome) => {
      const state = createRequestState('request')
      state.beginWrite('app')
      state.endWrite('app', outcome)
      state.refuse(refusal())
      expect(state.answerReplay()).toBe(true)
    },
  )

  test('an answer that has begun ends a refusal; a job has none', () => {
    const state = createRequestState('request')
    state.refuse(refusal())
    state.answerBegins()
    expect([state.refusal, state.beginWrite('app'), state.answerReplay()]).toEqual([undefined, true, false])
    const job = createRequestState('job')
    job.refuse(refusal())
    expect([job.refusal, job.beginWrite('app'), job.answerReplay()]).toEqual([undefined, true, false])
  })
})

test('connections that are held are reclaimed once the replay is answered, those given back are not', async () => {
  const state = createRequestState('request')
  const reclaimed: string[] = []
  const [kept, released] = ['kept', 'released'].map((name) => ({ reclaim: () => void reclaimed.push(name) }))
  if (kept === undefined || released === undefined) throw new Error('unreachable')
  state.hold(kept)
  state.hold(released)
  state.answerReplay()
  // What the app's own `finally` gives back in the course of the error.
  await Promise.resolve().then(() => state.release(released))
  expect(reclaimed).toEqual([])
  for (const begun = Date.now(); reclaimed.length === 0 && Date.now() - begun < 10_000; ) await wait(10)
  expect(reclaimed).toEqual(['kept'])
})

test('a statement that comes late stays open, and what waits for it is collected', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const collected = new WeakRef(neverSettles('app').then(() => undefined))
  for (let i = 0; i < 50 && collected.deref() !== undefined; i++) {
    await wait(5)
    collect()
  }
  const winner = await Promise.race([neverSettles('app'), wait(20, 'open')])
  expect(winner).toBe('open')
  expect(collected.deref()).toBeUndefined()
})

describe('requirePrimary', () => {
  test('has the request replayed before anything has happened, and costs nothing at home', async () => {
    const [home, away] = [new FakeDatabase({ role: 'primary' }), new FakeDatabase()]
    const done: string[] = []
    const handler = async (): Promise<void> => {
      await requirePrimary()
      done.push('mailed')
    }
    expect(await attend(createReplayPolicy({ databases: [away] }), incoming(), handler)).toMatchObject({ status: 409 })
    expect(done).toEqual([])
    expect(await attend(createReplayPolicy({ databases: [home] }), incoming(), handler)).toMatchObject({ status: 200 })
    expect([done, home.asked]).toEqual([['mailed'], 0])
    await expect(requirePrimary(away)).rejects.toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      detail: 'require-primary',
    })
    await requirePrimary(home)
  })

  test('what cannot be replayed goes on here, or is refused where the app wants that', async () => {
    const large = () => incoming({ headers: { 'content-length': '2000000' } })
    const away = new FakeDatabase()
    expect(await attend(createReplayPolicy({ databases: [away] }), large(), () => requirePrimary())).toMatchObject({
      status: 200,
    })
    const strict = createReplayPolicy({ databases: [away], whenReplayUnavailable: 'error' })
    expect(await attend(strict, large(), () => requirePrimary())).toMatchObject({ status: 413 })
  })
})
