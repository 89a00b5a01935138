import { ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FlyrouteDatabase } from '@flyroute/better-sqlite3'
import { healthResponse, runWithToken } from '@flyroute/core'
import { createRequestState, createScope, runInScope } from '@flyroute/core/adapter'
import { replayable } from '@flyroute/core/fetch'
import { eventually } from '@flyroute/testkit/eventually'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HandMadeMount, thrown } from './support/mount.ts'

let mount: HandMadeMount
beforeEach(() => {
  mount = new HandMadeMount()
})
afterEach(() => mount[Symbol.dispose]())

const primaryFile = (): string => join(mount.folder, '.primary')
const positionFile = (): string => `${mount.path}-pos`
const huge = (path: string): void => ftruncateSync(openSync(path, 'w'), 3 * 2 ** 30)
const folder = (path: string): void => {
  rmSync(path, { force: true })
  mkdirSync(path)
}
const insert = (db: FlyrouteDatabase) => db.prepare('insert into post values (1, null)').run()
const count = (db: FlyrouteDatabase) => db.prepare('select count(*) from post').pluck().get()

const unreadable: [string, () => void][] = [
  ['.primary is a folder', () => folder(primaryFile())],
  ['.primary is huge', () => huge(primaryFile())],
  ['-pos is empty', () => mount.positionText('')],
  ['-pos is garbage', () => mount.positionText('not a position')],
  ['-pos is cut short', () => mount.positionText('0000000000000001/80')],
  ['-pos is a folder', () => folder(positionFile())],
  ['-pos is huge', () => huge(positionFile())],
]

describe.each(unreadable)('%s', (what, spoil) => {
  test('a database that is opened with it is one clear error', () => {
    spoil()
    expect(thrown(() => mount.open('ams'))).toMatchObject({
      code: 'ERR_CONFIGURATION',
      problems: [{ setting: expect.stringMatching(/\.primary$|-pos$/) }],
    })
  })

  test('a replica goes on: it reads, and what writes or must be fresh is replayed where the primary was', async () => {
    mount.namePrimary('ord\n')
    mount.position(3)
    const db = mount.open('ams')
    const token = await db.replication.currentToken()
    spoil()
    expect(count(db)).toBe(0)
    expect(thrown(() => insert(db))).toMatchObject({ reason: 'write', target: { instance: 'ord' } })
    expect(thrown(() => runWithToken(token, () => count(db)))).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: expect.stringMatching(/^(stale|unavailable)$/),
    })
    expect(mount.rows()).toEqual([])
    await expect(db.replication.status()).rejects.toMatchObject({ code: 'ERR_CONFIGURATION' })
    expect(await healthResponse({ databases: [db] })).toMatchObject({ status: 503 })
    // And is well again with its files.
    rmSync(positionFile(), { recursive: true })
    mount.position(3)
    rmSync(primaryFile(), { recursive: true })
    mount.namePrimary('ord\n')
    expect(runWithToken(token, () => count(db))).toBe(0)
  })

  test('a read that has gone well is answered, although its position cannot be told', () => {
    mount.namePrimary('ord\n')
    const db = mount.open('ams')
    spoil()
    const scope = createScope(createRequestState('request', { consistency: 'monotonic' }))
    expect(runInScope(scope, () => count(db))).toBe(0)
    expect(runInScope(scope, () => db.pragma('user_version', { simple: true }))).toBe(0)
  })

  test('a write on the primary is done, and its client is sent to the primary for a while', async () => {
    const db = mount.open('ord')
    spoil()
    const request = createRequestState('request')
    expect(runInScope(createScope(request), () => insert(db).changes)).toBe(1)
    if (what.startsWith('-pos')) {
      expect(request.committed).toBe(true)
      expect(request.positions.get('app.db')).toEqual({ until: expect.any(Number) })
    }
    expect(mount.rows()).toEqual([1])
  })
})

test.each([
  ['a name that no machine has', `${'a'.repeat(200)}\n`],
  ['a name that begins with a dash', '-ord\n'],
  ['binary', Buffer.from([0, 255, 254, 10]).toString('latin1')],
  ['several lines', 'ord\nams\n'],
  ['a header of its own', 'ord;state=mine\r\nx: y'],
])('.primary with %s is a replay in the primary region', async (_, text) => {
  mount.namePrimary(text)
  const db = mount.open('ams')
  const handler = replayable((_: Request) => Response.json(insert(db)), { databases: [db] })
  const { headers } = await handler(new Request('http://app.test/'))
  expect(headers.get('fly-replay')).toMatch(/^region=ord;state=flyroute:write:insert@app\.db;[a-z0-9=_;]*$/)
})

test.each([
  ['no position yet', () => rmSync(positionFile())],
  ['a lag that is none', () => writeFileSync(join(mount.folder, '.lag'), 'soon')],
  ['an empty lag', () => writeFileSync(join(mount.folder, '.lag'), '')],
])('%s is not told', async (_, spoil) => {
  spoil()
  mount.namePrimary('ord\n')
  expect((await mount.open('ams').replication.status()).lagSeconds).toBeUndefined()
})

test('the lag is told in seconds', async () => {
  mount.namePrimary('ord\n')
  writeFileSync(join(mount.folder, '.lag'), '1500\n')
  expect((await mount.open('ams').replication.status()).lagSeconds).toBe(1.5)
})

describe('a position that went back, as after a failover that lost something,', () => {
  test('is not fresh any more for what had seen more', async () => {
    mount.namePrimary('ord\n')
    mount.position(5)
    const db = mount.open('ams')
    const token = await db.replication.currentToken()
    expect(runWithToken(token, () => count(db))).toBe(0)
    mount.position(4)
    expect(thrown(() => runWithToken(token, () => count(db)))).toMatchObject({ reason: 'stale' })
    await expect(db.replication.waitFor(token, { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'stale' })
    mount.position(5)
    await db.replication.waitFor(token)
    expect(runWithToken(token, () => count(db))).toBe(0)
  })

  test('and nothing waits in vain for what is there again', async () => {
    mount.namePrimary('ord\n')
    mount.position(5)
    const db = mount.open('ams')
    const token = await db.replication.currentToken()
    mount.position(2)
    const waiting = db.replication.waitFor(token, { timeoutMs: 10_000 })
    await eventually(async () => (await db.replication.status()).position === '0000000000000002')
    mount.position(7)
    await waiting
  })
})
