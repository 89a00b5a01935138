import { createClassifier } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'

describe('createClassifier', () => {
  test('judges as classify does and keeps the answer', () => {
    const classifier = createClassifier({ dialect: 'postgres' })
    const first = classifier.classify('select * from users for update')
    expect(first).toMatchObject({ access: 'write', reason: 'locking-clause' })
    expect(classifier.classify('select * from users for update')).toBe(first)
  })

  test('drops what was not used while half of the cache filled up, and keeps what was', () => {
    const classifier = createClassifier({ dialect: 'postgres', cacheSize: 8 })
    const used = classifier.classify('select 0')
    const unused = classifier.classify('select 00')
    for (let i = 1; i < 20; i++) {
      classifier.classify(`select ${i}`)
      expect(classifier.classify('select 0')).toBe(used)
    }
    expect(classifier.classify('select 00')).not.toBe(unused)
  })

  test('does not keep long texts', () => {
    const classifier = createClassifier({ dialect: 'postgres', maxCachedLength: 10 })
    expect(classifier.classify('select 1')).toBe(classifier.classify('select 1'))
    expect(classifier.classify('select 1000')).not.toBe(classifier.classify('select 1000'))
  })

  test('refuses a dialect that it does not know', () => {
    expect(() => createClassifier({ dialect: 'oracle' as 'mysql' })).toThrow(
      new TypeError("Unknown dialect oracle; use 'postgres', 'mysql' or 'sqlite'"),
    )
  })

  test("knows one's own functions", () => {
    const classifier = createClassifier({ dialect: 'postgres', functions: { write: ['audit'] } })
    expect(classifier.classify('select audit(1)')).toMatchObject({ access: 'write', reason: 'function:audit' })
  })
})

describe('what a replica refused', () => {
  const sql = 'select touch()'
  const clock = { now: 1000 }
  const build = (options = {}) =>
    createClassifier({ dialect: 'postgres', learnedTtlMs: 500, now: () => clock.now, ...options })

  test('is a write from then on', () => {
    const classifier = build()
    expect(classifier.classify(sql)).toMatchObject({ access: 'read', reason: 'select' })
    classifier.learn(sql)
    expect(classifier.classify(sql)).toMatchObject({ access: 'write', reason: 'learned' })
    expect(classifier.classify('select touch( )')).toMatchObject({ access: 'read' })
  })

  test('is not the COMMIT that a server refuses for what came before it', () => {
    const classifier = build()
    for (const text of ['commit', 'begin', 'rollback to a']) {
      classifier.learn(text)
      expect(classifier.classify(text).access).toBe('read')
    }
  })

  test('is forgotten when its time is over', () => {
    const classifier = build()
    classifier.learn(sql)
    clock.now += 499
    expect(classifier.classify(sql).reason).toBe('learned')
    clock.now += 1
    expect(classifier.classify(sql)).toMatchObject({ access: 'read', reason: 'select' })
    clock.now += 10_000
    expect(classifier.classify(sql)).toMatchObject({ access: 'read', reason: 'select' })
  })

  test('is forgotten when the schema changes', () => {
    const classifier = build()
    classifier.learn(sql)
    classifier.forget()
    expect(classifier.classify(sql)).toMatchObject({ access: 'read', reason: 'select' })
  })

  test('outlives the texts that come by once', () => {
    const classifier = build({ cacheSize: 4 })
    classifier.learn(sql)
    for (let i = 0; i < 50; i++) classifier.classify(`select ${i}`)
    expect(classifier.classify(sql).reason).toBe('learned')
  })

  test('is bounded', () => {
    const classifier = build({ cacheSize: 2, learnedSize: 10 })
    for (let i = 0; i < 100; i++) classifier.learn(`select touch(${i})`)
    const learned = Array.from(
      { length: 100 },
      (_, i) => classifier.classify(`select touch(${i})`).reason === 'learned',
    )
    expect(learned.filter(Boolean).length).toBeLessThanOrEqual(10)
    expect(learned[99]).toBe(true)
  })

  test('keeps the facts about the text', () => {
    const classifier = build()
    classifier.learn('begin; select touch()')
    expect(classifier.classify('begin; select touch()')).toMatchObject({
      reason: 'learned',
      transaction: 'begin',
      several: true,
    })
  })

  test('is not learned of EXECUTE, whose name means something else on another connection', () => {
    const classifier = build()
    classifier.learn('execute pay')
    expect(classifier.classify('execute pay')).toMatchObject({ access: 'unknown', reason: 'execute' })
  })

  test('is not learned of texts too long to keep', () => {
    const classifier = build({ maxCachedLength: 10 })
    classifier.learn(sql)
    expect(classifier.classify(sql).reason).toBe('select')
  })
})
