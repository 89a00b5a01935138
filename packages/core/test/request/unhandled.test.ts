import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { PrimaryRequiredError } from '../../src/errors.ts'
import { createRequestState, type RequestState } from '../../src/request/state.ts'
import { failBack, lookAfterUnhandled } from '../../src/request/unhandled.ts'
import { FakeDatabase } from '../support/fake-database.ts'

const { topology } = new FakeDatabase().replication
const refusal = (): PrimaryRequiredError => new PrimaryRequiredError({ reason: 'write', topology })
function refused(): { error: PrimaryRequiredError; request: RequestState } {
  const [request, error] = [createRequestState('request'), refusal()]
  request.refuse(error)
  return { error, request }
}

describe('a refusal that is handled and never answered', () => {
  beforeEach(() => {
    jest.useFakeTimers()
  })
  afterEach(() => {
    jest.useRealTimers()
  })

  test('is answered in place of its handler, some time later', () => {
    const { request } = refused()
    const answerNow = jest.fn()
    request.answerNow = answerNow
    jest.advanceTimersByTime(4_999)
    expect(answerNow).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(answerNow).toHaveBeenCalledTimes(1)
  })

  test.each<[string, (request: RequestState) => unknown]>([
    ['a replay', (request) => request.answerReplay()],
    ['its own', (request) => request.answerBegins()],
  ])('not where it has an answer: %s', (_, answer) => {
    const { request } = refused()
    request.answerNow = jest.fn()
    answer(request)
    expect(jest.getTimerCount()).toBe(0)
  })
})

describe('Node asks whether any code looks after an error', () => {
  const own = process.emit
  const emit = jest.fn((..._: unknown[]) => false)
  const ask = (...args: unknown[]): boolean => Reflect.apply(process.emit, process, args)
  beforeEach(() => {
    emit.mockClear()
  })
  // Once a process, however many copies of the package there are.
  process.emit = emit as never
  lookAfterUnhandled()
  const looking = process.emit
  afterEach(() => {
    expect(process.emit).toBe(looking)
  })

  test.each(['unhandledRejection', 'uncaughtException'])(
    'of a refusal whose request is replayed it is told so (%s)',
    (event) => {
      const { error } = refused()
      expect([ask(event, error), ask(event, new Error('around', { cause: error }))]).toEqual([true, true])
      expect(emit).not.toHaveBeenCalled()
    },
  )

  test.each(['unhandledRejection', 'uncaughtException'])('of anything else nothing is changed (%s)', (event) => {
    const answered = refused()
    answered.request.answerBegins()
    for (const error of [answered.error, refusal(), new Error('own'), undefined]) {
      emit.mockReturnValueOnce(true)
      expect([ask(event, error, 'more'), ask(event, error, 'more')]).toEqual([true, false])
      expect(emit).toHaveBeenLastCalledWith(event, error, 'more')
    }
    expect(emit.mock.contexts.every((context) => context === process)).toBe(true)
  })

  test('what is awaited after all is no news, where it was looked after', () => {
    const [promise, other] = [Promise.resolve(), Promise.resolve()]
    ask('unhandledRejection', refused().error, promise)
    ask('unhandledRejection', refused().error, 'no promise')
    ask('unhandledRejection', new Error('own'), other)
    emit.mockClear()
    expect([
      ask('rejectionHandled', promise),
      ask('rejectionHandled', other),
      ask('rejectionHandled', 'no promise'),
    ]).toEqual([true, false, false])
    expect(emit).toHaveBeenCalledTimes(2)
  })

  test('other events are none of ours', () => {
    expect([ask('exit', refused().error), emit.mock.calls.length]).toEqual([false, 1])
  })

  test('it is asked once, and other runtimes not at all', () => {
    lookAfterUnhandled()
    expect(process.emit).toBe(looking)
    expect(Object.getOwnPropertyDescriptor(process, 'emit')).toMatchObject({ configurable: true, writable: true })
    const { process: node } = globalThis
    try {
      for (const runtime of [undefined, {}]) {
        Object.assign(globalThis, { process: runtime })
        expect(lookAfterUnhandled).not.toThrow()
        if (runtime !== undefined) expect(Reflect.ownKeys(runtime)).toEqual([])
      }
    } finally {
      Object.assign(globalThis, { process: node })
    }
    expect(own).not.toBe(looking)
  })
})

describe('an error that no code handles', () => {
  const thrown: unknown[] = []
  // jest takes what really reaches Node so for a failure of the test.
  beforeEach(() => {
    thrown.length = 0
    jest
      .spyOn(Promise, 'reject')
      .mockImplementation((error) => (thrown.push(error), new Promise<never>(() => undefined)))
  })
  afterEach(() => {
    jest.restoreAllMocks()
    jest.useRealTimers()
  })

  test('in a callback goes the driver’s way, but for a refusal: that is thrown later', () => {
    const own = new Error('own')
    expect(failBack(() => 'well')).toBeUndefined()
    expect(() =>
      failBack(() => {
        throw own
      }),
    ).toThrow(own)
    const error = refusal()
    failBack(() => {
      throw error
    })
    expect(thrown).toEqual([error])
  })

  test('of a request that is going to be replayed has the replay answered, where its handler does not', () => {
    jest.useFakeTimers()
    const { error, request } = refused()
    let answers = 0
    request.answerNow = () => void answers++
    expect([request.makesUpFor(error), request.makesUpFor(error)]).toEqual([true, true])
    jest.advanceTimersByTime(90)
    expect(answers).toBe(0)
    jest.advanceTimersByTime(20)
    expect(answers).toBe(1)
    jest.advanceTimersByTime(60_000)
    expect(answers).toBe(1)
    const withoutHttp = refused()
    expect(withoutHttp.request.makesUpFor(withoutHttp.error)).toBe(true)
    expect(() => jest.advanceTimersByTime(1_000)).not.toThrow()
  })

  test('of one that was answered meanwhile, in whichever way, has nothing answered', () => {
    jest.useFakeTimers()
    const [replayed, answered] = [refused(), refused()]
    let answers = 0
    for (const { request, error } of [replayed, answered]) {
      request.answerNow = () => void answers++
      request.makesUpFor(error)
    }
    replayed.request.answerReplay()
    answered.request.answerBegins()
    jest.advanceTimersByTime(1_000)
    expect(answers).toBe(0)
    expect([replayed.request.makesUpFor(replayed.error), answered.request.makesUpFor(answered.error)]).toEqual([
      true,
      false,
    ])
  })

  test('of one that is answered otherwise is thrown again, once', () => {
    const { error, request } = refused()
    const other = new Error('around', { cause: error })
    request.makesUpFor(error)
    request.makesUpFor(other)
    request.answerBegins()
    request.answerBegins()
    expect(thrown).toEqual([error, other])
  })

  test('of a request that was refused nothing, or cannot be replayed, is the app’s own', () => {
    const [calm, late] = [createRequestState('request'), createRequestState('request', { obstacle: 'upgrade' })]
    late.refuse(refusal())
    expect([calm.makesUpFor(refusal()), late.makesUpFor(refusal())]).toEqual([false, false])
  })
})
