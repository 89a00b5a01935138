import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { Tally } from '../../src/advice/tally.ts'
import { type RouteReport, Traffic } from '../../src/advice/traffic.ts'
import { createClassifier } from '../../src/classify/classifier.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const pass = (ms: number): void => jest.advanceTimersByTime(ms)

/** Counts one request, and tells what its route has then. */
function count(handle: (tally: Tally) => void, isAhead = false): RouteReport {
  const traffic = new Traffic()
  const tally = new Tally(traffic, 'GET', '/', isAhead)
  handle(tally)
  tally.answers()
  return JSON.parse(JSON.stringify(traffic)).routes[0] as RouteReport
}

const texts = { read: 'select 1', write: 'update x set y = 1', other: 'begin' }
const { classify } = createClassifier({ dialect: 'postgres' })

function asks(tally: Tally, kind: keyof typeof texts, onPrimary = false, isQueued = false): void {
  tally.asks(classify(texts[kind]), texts[kind], kind === 'write', onPrimary, isQueued)
}

function statement(tally: Tally, ms: number, kind: keyof typeof texts = 'read', onPrimary = false): void {
  asks(tally, kind, onPrimary)
  tally.begins()
  pass(ms)
  tally.ends()
}

test('what only reads any region would serve', () => {
  const report = count((tally) => {
    pass(5)
    statement(tally, 10)
    pass(5)
    statement(tally, 10, 'other')
  })
  expect(report).toMatchObject({
    requests: 1,
    primary: 0,
    statements: 2,
    reads: 1,
    writes: 0,
    crossings: 2,
    causes: {},
  })
  expect(report).toMatchObject({ databaseMs: 20, untilWriteMs: 0, primaryMs: [] })
  expect(report.localMs).toEqual([[expect.closeTo(30, -0.5), 1]])
})

test('what is under way at once is waited for once, unless it waits for another one', () => {
  const report = count((tally) => {
    asks(tally, 'read')
    tally.begins()
    for (const isQueued of [false, true]) asks(tally, 'read', false, isQueued)
    tally.begins()
    pass(10)
    tally.ends()
    pass(10)
    tally.ends()
  })
  expect(report).toMatchObject({ statements: 3, crossings: 2, databaseMs: 20 })
})

test('a write needs the primary; what came ahead of it is done once more', () => {
  const report = count((tally) => {
    statement(tally, 10)
    pass(5)
    statement(tally, 10, 'write')
    statement(tally, 10, 'write')
  })
  expect(report).toMatchObject({
    primary: 1,
    ahead: 0,
    writes: 2,
    untilWriteMs: 15,
    causes: { 'update x': 1 },
    localMs: [],
  })
  expect(report.primaryMs).toEqual([[expect.closeTo(35, -0.5), 1]])
})

test('what is replayed ahead of its handler does nothing twice, and may not need it', () => {
  const needless = count((tally) => statement(tally, 10), true)
  expect(needless).toMatchObject({ primary: 1, ahead: 1, needless: 1, untilWriteMs: 0 })
  const writing = count((tally) => statement(tally, 10, 'write'), true)
  expect(writing).toMatchObject({ primary: 1, ahead: 1, needless: 0, untilWriteMs: 0, causes: { 'update x': 1 } })
})

test('what runs on the primary is no reason for a replay, but each wait for it is long', () => {
  const report = count((tally) => {
    statement(tally, 10, 'read', true)
    statement(tally, 10)
    statement(tally, 10, 'write', true)
    // From here on all of it goes there.
    statement(tally, 10)
  })
  expect(report).toMatchObject({ primary: 0, crossings: 4, primaryCrossings: 3, writes: 1 })
})

test('what it does after its answer is counted as that', () => {
  const traffic = new Traffic()
  const tally = new Tally(traffic, 'GET', '/', false)
  statement(tally, 1)
  tally.answers()
  tally.answers()
  statement(tally, 1, 'write')
  statement(tally, 1, 'write')
  const [route] = traffic.toJSON().routes
  expect(route).toMatchObject({ requests: 1, primary: 0, statements: 1, causes: { 'update x': 1 } })
  expect([traffic.requests, traffic.primary]).toEqual([1, 0])
})

test('what an engine in this process has done took as long as it says', () => {
  const report = count((tally) => {
    tally.did(classify(texts.read), texts.read, 3)
    tally.did(classify(texts.write), texts.write, 4)
  })
  expect(report).toMatchObject({
    primary: 1,
    reads: 1,
    writes: 1,
    databaseMs: 7,
    crossings: 2,
    causes: { 'update x': 1 },
  })
})
