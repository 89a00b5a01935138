import { check, describeFindings, type History, type Promises } from '@flyroute/testkit/checker'
import { describe, expect, test } from '@jest/globals'
import { history, read, readList, request, write } from './histories.ts'

const rules = (of: History, promises?: Promises): string[] => check(of, promises).violations.map(({ rule }) => rule)

describe('read your writes', () => {
  const wrote = request('ann', 0, 10, write('x', 'a', 1))
  const rows = { x: ['a'] }

  test('a read begun after the acknowledgement that does not see the write is found', () => {
    expect(rules(history([wrote, request('ann', 11, 12, read('x', 0))], rows))).toEqual(['read-your-writes'])
  })

  test('one that does, that somebody else made, that ran meanwhile, or of another row is none', () => {
    for (const later of [
      request('ann', 11, 12, read('x', 1, 'a')),
      request('bob', 11, 12, read('x', 0)),
      request('ann', 9, 12, read('x', 0)),
      request('ann', 10, 12, read('x', 0)),
      request('ann', 11, 12, read('y', 0)),
    ]) {
      expect(rules(history([wrote, later], rows))).toEqual([])
    }
  })

  test('requests are judged by their times, in whatever order they were recorded', () => {
    const slow = request('ann', 0, 100, write('x', 'a', 1))
    const quick = request('ann', 20, 30, write('x', 'b', 2))
    const reads = [request('ann', 31, 32, read('x', 1, 'a')), request('ann', 50, 60, read('x', 2, 'b'))]
    expect(rules(history([...reads, slow, quick], { x: ['a', 'b'] }))).toEqual(['read-your-writes'])
  })

  test('a later version by somebody else contains the write; a list has to show the write itself', () => {
    const others = request('bob', 0, 5, write('x', 'b', 2))
    const good = request('ann', 11, 12, read('x', 2, 'b'))
    expect(rules(history([wrote, others, good], { x: ['a', 'b'] }))).toEqual([])
    const list = request('ann', 11, 12, readList('x', 'b'))
    expect(rules(history([wrote, others, list], { x: ['a', 'b'] }))).toContain('read-your-writes')
  })

  test('a failed request obliges nobody, and neither does a write behind the head of its answer', () => {
    const later = request('ann', 11, 12, read('x', 0))
    const failed = { ...request('ann', 0, 10, write('x', 'a')), outcome: 'failed' as const, status: 503 }
    expect(rules(history([failed, later], rows), { mayFail: () => true })).toEqual([])
    expect(rules(history([{ ...wrote, late: true }, later], rows))).toEqual([])
  })

  test('what a primary that was left behind shows is told from what its successor holds', () => {
    // Both have version 1 in common; the old primary went on with `lost`, the new one with ann's own write.
    const operations = [
      request('bob', 0, 1, write('x', 'a', 1)),
      request('bob', 2, 3, write('x', 'lost', 2)),
      request('ann', 4, 5, write('x', 'own', 2)),
    ]
    const rows = { x: ['a', 'own'] }
    const stale = request('ann', 6, 7, read('x', 2, 'lost'))
    expect(rules(history([...operations, stale], rows), { mayLose: true })).toEqual(['read-your-writes'])
    const early = request('bob', 6, 7, read('x', 2, 'lost'))
    expect(rules(history([...operations, early], rows), { mayLose: true })).toEqual([])
  })

  test('within one request, a read behind a write sees it', () => {
    const one = request('ann', 0, 1, write('x', 'a', 1), read('x', 0))
    expect(rules(history([one], rows))).toEqual(['read-in-request'])
    expect(rules(history([request('ann', 0, 1, read('x', 0), write('x', 'a', 1))], rows))).toEqual([])
  })
})

describe('monotonic reads', () => {
  const operations = [
    request('bob', 0, 1, write('x', 'a', 1)),
    request('ann', 2, 3, read('x', 1, 'a')),
    request('ann', 4, 5, read('x', 0)),
  ]

  test('a read that goes back in time is found, where that was promised', () => {
    expect(rules(history(operations, { x: ['a'] }), { monotonic: true })).toEqual(['monotonic-reads'])
    expect(rules(history(operations, { x: ['a'] }))).toEqual([])
  })

  test('of reads in parallel, nothing follows', () => {
    const parallel = [...operations.slice(0, 2), request('ann', 2, 9, read('x', 0))]
    expect(rules(history(parallel, { x: ['a'] }), { monotonic: true })).toEqual([])
  })
})

describe('writes', () => {
  test('an acknowledged one that is gone is lost, or listed where losses were possible', () => {
    const operations = [request('ann', 0, 1, write('x', 'a', 1)), request('ann', 2, 3, write('x', 'b', 2))]
    expect(rules(history(operations, { x: ['a'] }))).toEqual(['lost-write'])
    const { violations, losses } = check(history(operations, { x: ['a'] }), { mayLose: true })
    expect(violations).toEqual([])
    expect(losses).toMatchObject([{ rule: 'lost-write', message: 'b of x was acknowledged and is gone' }])
  })

  test('an asynchronous one is listed where its primary died right behind it, and lost where none did', () => {
    const risky = { ...write('x', 'b', 2), isAsynchronous: true }
    const operations = [request('ann', 0, 1, write('x', 'a', 1)), request('ann', 2, 3, risky)]
    const seen = request('bob', 4, 5, read('x', 2, 'b'))
    const asynchronous = history([...operations, seen], { x: ['a'] })
    const { violations, losses } = check(asynchronous, { deaths: [700] })
    expect(violations).toEqual([])
    expect(losses.map(({ rule }) => rule)).toEqual(['lost-write', 'vanished-write'])
    for (const deaths of [[], [1], [900]]) {
      expect(rules(asynchronous, { deaths })).toEqual(['lost-write', 'vanished-write'])
    }
    expect(rules(history(operations, {}), { deaths: [700] })).toEqual(['lost-write'])
  })

  test('one that was seen, by whomever, and is gone has vanished', () => {
    const unknown = { ...request('ann', 0, 1, write('x', 'a')), outcome: 'failed' as const }
    const seen = request('bob', 2, 3, read('x', 1, 'a'))
    expect(rules(history([unknown, seen], {}), { mayFail: () => true })).toEqual(['vanished-write'])
  })

  test('a failed one may have happened or not, but not twice', () => {
    const failed = { ...request('ann', 0, 1, write('x', 'a')), outcome: 'failed' as const }
    const promises = { mayFail: () => true }
    expect(rules(history([failed], {}), promises)).toEqual([])
    expect(rules(history([failed], { x: ['a'] }), promises)).toEqual([])
    expect(rules(history([failed], { x: ['a', 'a'] }), promises)).toEqual(['duplicated-write'])
  })

  test('a row that tells two stories is no evidence', () => {
    const operations = [request('ann', 0, 1, write('x', 'a', 1))]
    expect(rules(history(operations, { x: ['b', 'a'] }))).toContain('contradiction')
    expect(rules(history([...operations, request('ann', 2, 3, read('x', 7, 'a'))], { x: ['a'] }))).toEqual([
      'contradiction',
    ])
    const gap = { operations, survivors: [{ key: 'x', id: 'a', version: 2 }] }
    expect(rules(gap)).toContain('contradiction')
  })
})

describe('failures', () => {
  const failed = { ...request('ann', 0, 1, read('x', 0)), outcome: 'failed' as const, status: 500, steps: [] }

  test('a request that fails is found, unless it might', () => {
    expect(rules(history([failed], {}))).toEqual(['failed-request'])
    expect(rules(history([failed], {}), { mayFail: ({ begun }) => begun < 5 })).toEqual([])
  })

  test('findings are told with their numbers and examples', () => {
    const { violations } = check(history([failed, { ...failed, status: undefined }], {}))
    expect(describeFindings(violations, 1)).toBe(
      'failed-request: 2\n  by-hand in ams was answered 500\n    by-hand by ann in ams, 0.0–1.0 ms, 500 ',
    )
  })
})
