import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { beginTraffic } from '../../src/advice/keep.ts'
import type { TrafficReport } from '../../src/advice/traffic.ts'
import { tellLog } from '../../src/events.ts'
import { createReplayPolicy } from '../../src/policy.ts'
import { FakeDatabase } from '../support/fake-database.ts'
import { attend, incoming } from '../support/incoming.ts'

const key = Symbol.for('flyroute.traffic.v1')
/** As in a process that has just begun. */
function forget(): void {
  Object.assign(Reflect.get(globalThis, key) as object, { traffic: undefined, isDecided: false })
}

let folder: string
let told: [string, object][]
const variables = ['FLYROUTE_ADVISE', 'FLY_REGION', 'PRIMARY_REGION'] as const

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'advise-'))
  told = []
  tellLog((event, message) => void told.push([event, message]))
  forget()
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
  tellLog(undefined)
  for (const name of variables) delete process.env[name]
  forget()
  rmSync(folder, { recursive: true, force: true })
})

const file = (): string => join(folder, `${process.pid}.json`)
const report = (): TrafficReport => JSON.parse(readFileSync(file(), 'utf8'))

/** No process has this number: it is above the most that Linux gives. */
const ended = 5_000_001
function leave(pid: number, until: number, requests: number, primary: number): void {
  writeFileSync(
    join(folder, `${pid}.json`),
    JSON.stringify({ version: 1, pid, until, routes: [{ requests, primary }] }),
  )
}

test('nothing is counted unless it is asked for', () => {
  for (const value of [undefined, '', '0', 'off', 'no', 'FALSE']) {
    if (value !== undefined) process.env['FLYROUTE_ADVISE'] = value
    forget()
    expect(beginTraffic()).toBeUndefined()
  }
})

test('requests are counted from the middleware on, and handed over each second that has brought some', async () => {
  process.env['FLYROUTE_ADVISE'] = folder
  process.env['FLY_REGION'] = 'ord'
  process.env['PRIMARY_REGION'] = 'ord'
  const policy = createReplayPolicy({ databases: [new FakeDatabase({ role: 'primary' })] })
  expect(report()).toMatchObject({ version: 1, pid: process.pid, region: 'ord', primaryRegion: 'ord', routes: [] })
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  await attend(policy, incoming({ path: '/posts/12?token=hunter2' }))
  await attend(policy, incoming({ path: '/posts/13', method: 'POST' }))
  expect(report().routes).toEqual([])
  jest.advanceTimersByTime(1_100)
  expect(report().routes).toMatchObject([
    { route: 'GET /posts/:', requests: 1, primary: 0 },
    { route: 'POST /posts/:', requests: 1, primary: 1, ahead: 1, needless: 1 },
  ])
  expect(readFileSync(file(), 'utf8')).not.toContain('hunter2')
  rmSync(file())
  jest.advanceTimersByTime(10_000)
  expect(readdirSync(folder)).toEqual([])
})

test('what is replayed from here is not counted here', async () => {
  process.env['FLYROUTE_ADVISE'] = folder
  const database = new FakeDatabase({ role: 'replica' })
  const policy = createReplayPolicy({ databases: [database] })
  await attend(policy, incoming({ method: 'POST' }))
  await attend(policy, incoming(), () => database.replication.router.route('write', 'insert'))
  await attend(policy, incoming())
  expect(beginTraffic()).toMatchObject({ requests: 1, primary: 0 })
})

test('all copies of the package count in one place', () => {
  process.env['FLYROUTE_ADVISE'] = folder
  expect(beginTraffic()).toBe(beginTraffic())
  expect(beginTraffic()).toBeDefined()
})

test('more than half that write are told, once: from a hundred requests on', () => {
  process.env['FLYROUTE_ADVISE'] = folder
  const traffic = beginTraffic()
  if (traffic === undefined) throw new Error('Nothing is counted')
  const tells = (requests: number, primary: number): unknown => {
    Object.assign(traffic, { requests, primary })
    jest.advanceTimersByTime(2_000)
    return told.splice(0)
  }
  expect([tells(99, 99), tells(100, 50)]).toEqual([[], []])
  expect(tells(200, 101)).toEqual([['mostly-writes', { requests: 200, share: 0.505, before: false }]])
  expect(tells(300, 300)).toEqual([])
})

test('as it starts, it tells that of the process before; only the newest of those that ended is kept', () => {
  process.env['FLYROUTE_ADVISE'] = folder
  leave(ended, 1, 1_000, 0)
  leave(ended + 1, 3, 150, 90)
  leave(ended + 2, 2, 1_000, 1_000)
  leave(process.ppid, 4, 1_000, 1_000)
  writeFileSync(join(folder, `${ended + 3}.json`), '{"version":')
  writeFileSync(join(folder, 'notes.txt'), 'not ours')
  beginTraffic()
  expect(told).toEqual([['mostly-writes', { requests: 150, share: 0.6, before: true }]])
  const names = [process.pid, process.ppid, ended + 1].map((pid) => `${pid}.json`)
  expect(readdirSync(folder).toSorted()).toEqual([...names, 'notes.txt'].toSorted())
})

test('the process before may have had the same number', () => {
  process.env['FLYROUTE_ADVISE'] = folder
  leave(process.pid, 1, 150, 90)
  beginTraffic()
  expect(told).toEqual([['mostly-writes', { requests: 150, share: 0.6, before: true }]])
})

test('a folder that cannot be had is told, and nothing is counted', () => {
  writeFileSync(file(), '')
  process.env['FLYROUTE_ADVISE'] = join(file(), 'below')
  expect(beginTraffic()).toBeUndefined()
  expect(told).toEqual([
    ['notice', { database: '', message: expect.stringMatching(/^FLYROUTE_ADVISE: .*nothing is counted$/) }],
  ])
})
