import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { PrimaryRequiredError } from '../../src/errors.ts'
import { HeldConnections } from '../../src/request/held.ts'
import { createRequestState, type RequestState } from '../../src/request/state.ts'
import { FakeDatabase } from '../support/fake-database.ts'

// What becomes of the connections that a request has checked out, once it was answered with a replay.

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

class Held {
  readonly isShared: boolean
  isBusy: boolean
  reclaimed = 0

  constructor({ isShared = false, isBusy = false }: { isShared?: boolean; isBusy?: boolean } = {}) {
    this.isShared = isShared
    this.isBusy = isBusy
  }

  reclaim(): void {
    this.reclaimed++
  }
}

function replayed(...held: Held[]): RequestState {
  const state = createRequestState('request')
  for (const connection of held) state.hold(connection)
  expect(state.answerReplay()).toBe(true)
  return state
}

test('the app has a moment to give them back by itself', () => {
  const [kept, released] = [new Held(), new Held()]
  const state = replayed(kept, released)
  jest.advanceTimersByTime(240)
  expect(kept.reclaimed).toBe(0)
  state.release(released)
  jest.advanceTimersByTime(20)
  expect([kept.reclaimed, released.reclaimed]).toEqual([1, 0])
  jest.advanceTimersByTime(60_000)
  expect([kept.reclaimed, jest.getTimerCount()]).toEqual([1, 0])
})

test('one that others use at the same time is reclaimed at once', () => {
  const [own, shared] = [new Held({ isShared: false }), new Held({ isShared: true })]
  replayed(own, shared)
  expect(shared.reclaimed).toBe(0)
  jest.advanceTimersByTime(1)
  expect([own.reclaimed, shared.reclaimed]).toEqual([0, 1])
})

describe('one with a statement under way', () => {
  test('is waited for, and the others are not held up by it', () => {
    const [busy, idle] = [new Held({ isBusy: true }), new Held()]
    replayed(busy, idle)
    jest.advanceTimersByTime(260)
    expect([busy.reclaimed, idle.reclaimed]).toEqual([0, 1])
    busy.isBusy = false
    jest.advanceTimersByTime(250)
    expect([busy.reclaimed, idle.reclaimed]).toEqual([1, 1])
  })

  test('not for ever', () => {
    const busy = new Held({ isBusy: true })
    replayed(busy)
    jest.advanceTimersByTime(40 * 250 + 10)
    expect(busy.reclaimed).toBe(0)
    jest.advanceTimersByTime(250)
    expect([busy.reclaimed, jest.getTimerCount()]).toEqual([1, 0])
  })
})

test('one that was being given out meanwhile is reclaimed as well', () => {
  const state = replayed()
  expect(jest.getTimerCount()).toBe(0)
  const late = new Held({ isBusy: true })
  state.hold(late)
  jest.advanceTimersByTime(260)
  expect(late.reclaimed).toBe(0)
  late.isBusy = false
  jest.advanceTimersByTime(250)
  expect(late.reclaimed).toBe(1)
  const later = new Held()
  state.hold(later)
  jest.advanceTimersByTime(260)
  expect(later.reclaimed).toBe(1)
})

test('of a request that is not replayed nothing is reclaimed', () => {
  const state = createRequestState('request')
  const connection = new Held({ isShared: true })
  state.release(connection)
  state.hold(connection)
  state.beginWrite('app')
  expect(state.answerReplay()).toBe(false)
  expect(jest.getTimerCount()).toBe(0)
})

test('an answer is final: a second one begins nothing anew', () => {
  const connection = new Held()
  const state = replayed(connection)
  const timers = jest.getTimerCount()
  expect(state.answerReplay()).toBe(true)
  expect(jest.getTimerCount()).toBe(timers)
})

describe('the end of a database', () => {
  const required = () =>
    new PrimaryRequiredError({ reason: 'write', topology: new FakeDatabase().replication.topology })

  /** A request that holds these connections of the database. */
  function holding(held: HeldConnections, ...connections: Held[]): RequestState {
    const state = createRequestState('request')
    for (const connection of connections) held.hold(connection, state)
    return state
  }

  /** Whether it has come, by now. */
  async function hasCome(end: Promise<void>): Promise<boolean> {
    return Promise.race([end.then(() => true), Promise.resolve().then(() => Promise.resolve(false))])
  }

  test('reclaims what replayed requests hold in the same step, and nothing else', async () => {
    const held = new HeldConnections()
    const [kept, released, others] = [new Held(), new Held(), new Held()]
    const state = holding(held, kept, released)
    holding(held, others)
    held.release(released)
    expect(state.answerReplay()).toBe(true)
    const end = held.reclaim()
    expect([kept.reclaimed, released.reclaimed, others.reclaimed]).toEqual([1, 0, 0])
    await end
    // Neither by another end nor by the request itself once more.
    await held.reclaim()
    jest.advanceTimersByTime(20_000)
    expect([kept.reclaimed, released.reclaimed, others.reclaimed]).toEqual([1, 0, 0])
    held.release(others)
    held.release(others)
  })

  test('waits for an answer that is on its way, as long as it would be waited for without it', async () => {
    const held = new HeldConnections()
    const [busy, hanging] = [new Held({ isBusy: true }), new Held({ isBusy: true })]
    expect(holding(held, busy).answerReplay()).toBe(true)
    const end = held.reclaim()
    expect([busy.reclaimed, await hasCome(end)]).toEqual([0, false])
    busy.isBusy = false
    await jest.advanceTimersByTimeAsync(20)
    expect([busy.reclaimed, await hasCome(end)]).toEqual([1, true])
    expect(holding(held, hanging).answerReplay()).toBe(true)
    const later = held.reclaim()
    await jest.advanceTimersByTimeAsync(9_900)
    expect([hanging.reclaimed, await hasCome(later)]).toEqual([0, false])
    await jest.advanceTimersByTimeAsync(200)
    expect([hanging.reclaimed, await hasCome(later)]).toEqual([1, true])
  })

  test('waits for a request that is about to be replayed, but not for ever', async () => {
    const held = new HeldConnections()
    const [soon, never] = [new Held(), new Held()]
    const state = holding(held, soon)
    state.refuse(required())
    const end = held.reclaim()
    await jest.advanceTimersByTimeAsync(100)
    expect([soon.reclaimed, await hasCome(end)]).toEqual([0, false])
    expect(state.answerReplay()).toBe(true)
    await jest.advanceTimersByTimeAsync(20)
    expect([soon.reclaimed, await hasCome(end)]).toEqual([1, true])
    holding(held, never).refuse(required())
    const later = held.reclaim()
    await jest.advanceTimersByTimeAsync(10_100)
    expect([never.reclaimed, await hasCome(later)]).toEqual([0, true])
  })
})
