import { describe, expect, test } from '@jest/globals'
import { gtids } from '../../src/dialect/gtid.ts'
import { lsn } from '../../src/dialect/postgres.ts'
import type { Position } from '../../src/position.ts'
import { Written } from '../../src/replication/written.ts'
import { createRequestState } from '../../src/request/state.ts'
import { told } from '../support/events.ts'
import { requestScope } from '../support/guarded.ts'

const position = (at: number, time = at): Position => ({ cluster: 'c', epoch: 1, at: `0/${at}`, time })
const until = { until: expect.any(Number) }

function fresh() {
  return { written: new Written('app', lsn), request: createRequestState('request') }
}

describe('a write', () => {
  test('is one of its request, which then reads where it was written, although it may write nothing any more', () => {
    const { written, request } = fresh()
    written.begins(request)
    expect([request.writesUnderWay, request.hasWritten('app')]).toEqual([1, true])
    const replayed = requestScope().request
    replayed.answerReplay()
    written.begins(replayed)
    expect([replayed.writesUnderWay, replayed.hasWritten('app')]).toEqual([0, true])
  })

  test.each([
    ['done', true, false],
    ['failed', false, false],
    ['unsent', false, false],
    ['unknown', true, true],
  ] as const)('ends %s', (outcome, committed, isUntil) => {
    const { written, request } = fresh()
    written.begins(request)
    written.ends(request, outcome)
    expect(request).toMatchObject({ writesUnderWay: 0, committed })
    expect(request.positions.get('app')).toEqual(isUntil ? until : undefined)
  })

  test('has the furthest position that this process has written, and that is never lowered', () => {
    const { written, request } = fresh()
    expect(written.furthest).toBeUndefined()
    const other = createRequestState('request')
    written.wrote(request, position(5))
    written.wrote(other, position(3))
    expect([written.furthest, request.positions.get('app'), other.positions.get('app')]).toEqual([
      position(5),
      position(5),
      position(5),
    ])
    written.wrote(other, position(7))
    expect([request.positions.get('app'), other.positions.get('app')]).toEqual([position(5), position(7)])
  })

  test('without a position has its client read from the primary, whatever position comes after it', () => {
    const { written, request } = fresh()
    written.wrote(request, undefined)
    expect(request.positions.get('app')).toEqual(until)
    written.wrote(request, position(5))
    expect([request.positions.get('app'), written.furthest]).toEqual([until, position(5)])
    written.wrote(createRequestState('request'), position(5))
    const again = createRequestState('request')
    written.wrote(again, position(6))
    written.wrote(again, undefined)
    expect(again.positions.get('app')).toEqual(until)
  })

  test('that comes after the headers is told, and no other', async () => {
    const { written, request } = fresh()
    expect(await told(['token-missed'], () => written.wrote(request, position(1)))).toEqual([])
    request.answerBegins()
    expect(await told(['token-missed'], () => written.wrote(request, position(2)))).toEqual([
      ['token-missed', { database: 'app' }],
    ])
  })
})

test('a monotonic read has the furthest position that it has seen, and never takes the place of a time', () => {
  const { written, request } = fresh()
  written.read(request, position(5))
  written.read(request, position(3))
  expect(request.positions.get('app')).toEqual(position(5))
  const wrote = createRequestState('request')
  written.wrote(wrote, undefined)
  written.read(wrote, position(9))
  expect(wrote.positions.get('app')).toEqual(until)
})

test('an answer that was overtaken is raised to what this process has written, or read', () => {
  const { written, request } = fresh()
  expect(written.latest(position(2))).toEqual(position(2))
  written.wrote(request, position(5))
  expect([written.latest(position(2)), written.latest(position(6))]).toEqual([position(5), position(6)])
  written.read(request, position(7))
  expect([written.latest(position(6)), written.latest(position(8))]).toEqual([position(7), position(8)])
})

test('why there is no position is told by its code', async () => {
  const { written } = fresh()
  const error = Object.assign(new Error('no'), { code: 'E_NONE' })
  expect(await told(['position-unavailable'], () => written.withoutPosition(error))).toEqual([
    ['position-unavailable', { database: 'app', code: 'E_NONE' }],
  ])
})

const at = (at: string): Position => ({ cluster: '', epoch: 0, at, time: 1 })
const later = expect.objectContaining({ until: expect.any(Number) })

test('as long as a position is owed its client reads from the primary; then it is what was written meanwhile', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  const now = (): unknown => request.positions.get('app')
  written.owes(request)
  written.owes(request)
  expect(now()).toEqual(later)
  written.wrote(request, at('0-1-5'))
  written.pays(request)
  written.read(request, at('0-1-4'))
  expect(now()).toEqual(later)
  written.pays(request)
  expect(now()).toEqual(at('0-1-5'))
})

test('what is owed in vain leaves what was there', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  written.owes(request)
  written.pays(request)
  expect(request.positions.has('app')).toBe(false)
  written.read(request, at('0-1-3'))
  written.owes(request)
  written.pays(request)
  written.pays(request)
  expect(request.positions.get('app')).toEqual(at('0-1-3'))
})

test('where no position can be had, its client reads from the primary also afterwards', () => {
  const written = new Written('app', gtids)
  const request = createRequestState('request')
  written.owes(request)
  written.wrote(request, undefined)
  written.pays(request)
  written.wrote(request, at('0-1-9'))
  expect(request.positions.get('app')).toEqual(later)
})
