import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { LogLevel } from '../../src/env.ts'
import { type LogLine, Reporter } from '../../src/log/reporter.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const minute = 60_000
const setting = 'DATABASE_URL_AMS'
const gone = ['replica-unavailable', { database: 'app', setting, code: 'ECONNREFUSED' }] as const
const back = ['replica-available', { database: 'app', setting }] as const

/** What was said, without its details. */
function listen(level: LogLevel = 'info') {
  const lines: LogLine[] = []
  const reporter = new Reporter(level)
  reporter.writesTo((line) => void lines.push(line))
  return {
    lines,
    reporter,
    words: () => lines.map(({ message }) => /cannot|again|caught|behind|middleware|\d+ times/g.exec(message)?.[0]),
  }
}

test('a state is said when it is another one, and at most once a minute', () => {
  const { reporter, words } = listen()
  reporter.hears(...gone)
  reporter.hears(...gone)
  reporter.hears(...back)
  expect(words()).toEqual(['cannot'])
  jest.advanceTimersByTime(minute)
  expect(words()).toEqual(['cannot', 'again'])
  jest.advanceTimersByTime(minute)
  reporter.hears(...back)
  expect(words()).toEqual(['cannot', 'again'])
  reporter.hears(...gone)
  expect(words()).toEqual(['cannot', 'again', 'cannot'])
})

test('a state that has come and gone within the minute is not said again', () => {
  const { reporter, words } = listen()
  for (const event of [gone, back, gone]) reporter.hears(...(event as typeof gone))
  jest.advanceTimersByTime(10 * minute)
  expect(words()).toEqual(['cannot'])
})

test('that all is well is worth a word only after something was wrong', () => {
  const { reporter, words } = listen()
  reporter.hears(...back)
  reporter.hears('lag', { database: 'app', lagSeconds: 0.1 })
  expect(words()).toEqual([])
  reporter.hears('lag', { database: 'app', lagSeconds: 12 })
  jest.advanceTimersByTime(minute)
  reporter.hears('lag', { database: 'app', lagSeconds: 30 })
  reporter.hears('lag', { database: 'app', lagSeconds: 0 })
  expect(words()).toEqual(['behind', 'caught'])
})

test('what happens again and again is said once a minute, with how often', () => {
  const { reporter, lines } = listen()
  for (let n = 0; n < 5; n++) reporter.hears('no-middleware', { database: 'app' })
  expect(lines).toHaveLength(1)
  jest.advanceTimersByTime(minute)
  expect(lines.map(({ message }) => /\(\d+ times .* minute\)/.exec(message)?.[0])).toEqual([
    undefined,
    '(4 times in the last minute)',
  ])
  jest.advanceTimersByTime(minute)
  expect(lines).toHaveLength(2)
})

test('a role that is not what the settings say is wrong, and one that the database moves by itself is not', () => {
  const { reporter, lines } = listen()
  const told = { database: 'app', expected: 'replica', found: 'primary', setting } as const
  reporter.hears('role-mismatch', told)
  reporter.hears('role-mismatch', { ...told, database: 'litefs', setting: 'the database file', moves: true })
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    [
      'warn',
      expect.stringMatching(/^DATABASE_URL_AMS should lead to a replica, and its server says that it is a primary/),
    ],
    ['info', 'the database file leads to a primary now'],
  ])
  jest.advanceTimersByTime(minute)
  reporter.hears('role-mismatch', { ...told, found: 'replica' })
  expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'DATABASE_URL_AMS leads to a replica, as it should' })
})

test('databases are told apart', () => {
  const { reporter, lines } = listen()
  for (const database of ['app', 'orders']) reporter.hears('replica-unavailable', { database, setting })
  expect(lines).toHaveLength(2)
})

test.each<[LogLevel, string[]]>([
  ['warn', ['warn']],
  ['info', ['info', 'warn']],
  ['debug', ['info', 'warn', 'debug']],
])('the level %s', (level, expected) => {
  const { reporter, lines } = listen(level)
  reporter.hears('connected', { database: 'app', role: 'replica', setting })
  reporter.hears(...gone)
  reporter.hears('wait', { database: 'app', waitedMs: 1, reached: true })
  expect(lines.map((line) => line.level)).toEqual(expected)
})

test('lines are held until it is known where they go', () => {
  const reporter = new Reporter('info')
  reporter.hears(...gone)
  const lines: LogLine[] = []
  reporter.writesTo((line) => void lines.push(line))
  expect(lines.map(({ event }) => event)).toEqual(['replica-unavailable'])
})
