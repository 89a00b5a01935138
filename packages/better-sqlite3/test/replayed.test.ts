import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FlyrouteDatabase } from '@flyroute/better-sqlite3'
import { isPrimaryRequired } from '@flyroute/core'
import { createRequestState, createScope, type RequestState, runInScope } from '@flyroute/core/adapter'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HandMadeMount, thrown } from './support/mount.ts'

let mount: HandMadeMount
let request: RequestState
beforeEach(() => {
  mount = new HandMadeMount()
  request = createRequestState('request')
})
afterEach(() => mount[Symbol.dispose]())

const inRequest = <T>(fn: () => T, state: RequestState = request): T => runInScope(createScope(state), fn)
const insert = 'insert into post values (?, null)'
const count = 'select count(*) from post'

/** A replica whose request was refused a write. */
function refusedOnReplica(): { db: FlyrouteDatabase; refusal: unknown } {
  mount.namePrimary('ord\n')
  const db = mount.open('ams')
  const refusal = thrown(() => inRequest(() => db.prepare(insert).run(1)))
  expect(request.refusal).toBe(refusal)
  return { db, refusal }
}

const writes: [string, (db: FlyrouteDatabase) => unknown][] = [
  ['run', (db) => db.prepare(insert).run(2)],
  ['get', (db) => db.prepare(`${insert} returning id`).get(2)],
  ['all', (db) => db.prepare(`${insert} returning id`).all(2)],
  ['iterate', (db) => [...db.prepare(`${insert} returning id`).iterate(2)]],
  ['exec', (db) => db.exec('insert into post values (2, null)')],
  ['exec of several', (db) => db.exec('select 1; insert into post values (2, null)')],
  ['pragma', (db) => db.pragma('user_version = 7')],
  ['transaction', (db) => db.transaction(() => db.prepare(insert).run(2))()],
  ['transaction.immediate', (db) => db.transaction(() => undefined).immediate()],
  ['BEGIN IMMEDIATE', (db) => db.exec('begin immediate')],
  ['BEGIN', (db) => db.prepare('begin').run()],
  ['a temporary table', (db) => db.exec('create temp table draft (id)')],
]

describe('a request that was answered with a replay', () => {
  test.each(writes)('writes nothing any more, and hears why: %s', (_, write) => {
    const { db, refusal } = refusedOnReplica()
    expect(request.answerReplay()).toBe(true)
    expect(thrown(() => inRequest(() => write(db)))).toBe(refusal)
    expect(db.inTransaction).toBe(false)
    expect(mount.rows()).toEqual([])
  })

  test.each(writes)('not even to a primary: %s', (_, write) => {
    const { refusal } = refusedOnReplica()
    request.answerReplay()
    const primary = new HandMadeMount()
    try {
      const other = primary.open('ord')
      expect(thrown(() => inRequest(() => write(other)))).toBe(refusal)
      expect([other.inTransaction, primary.rows()]).toEqual([false, []])
    } finally {
      primary[Symbol.dispose]()
    }
  })

  test('reads on: that changes nothing, and a timer that reads must not end the process', async () => {
    const { db } = refusedOnReplica()
    request.answerReplay()
    await inRequest(async () => {
      await sleep(1)
      expect(db.prepare(count).pluck().get()).toBe(0)
      expect(db.prepare(count).pluck().all()).toEqual([0])
      expect([...db.prepare(count).pluck().iterate()]).toEqual([0])
      expect(db.pragma('user_version', { simple: true })).toBe(0)
      expect(db.transaction(() => db.prepare(count).pluck().get())()).toBe(0)
      db.exec('select 1')
    })
  })

  test("leaves other requests' work alone", () => {
    const { db } = refusedOnReplica()
    request.answerReplay()
    const other = createRequestState('request')
    inRequest(() => db.exec('begin'), other)
    expect(isPrimaryRequired(thrown(() => inRequest(() => db.prepare(insert).run(2))))).toBe(true)
    expect(isPrimaryRequired(thrown(() => inRequest(() => db.exec('commit'))))).toBe(true)
    // Its own transaction, if it had one, was rolled back with the replay: this one is none of it.
    expect(inRequest(() => db.prepare('rollback').run())).toEqual({ changes: 0, lastInsertRowid: 0 })
    expect(inRequest(() => db.exec('rollback'))).toBe(db)
    expect(db.inTransaction).toBe(true)
    expect(inRequest(() => db.prepare(count).pluck().get(), other)).toBe(0)
    inRequest(() => db.exec('commit'), other)
    expect(db.inTransaction).toBe(false)
  })
})

describe('the transaction that it has left open', () => {
  test.each([
    ['prepared', (db: FlyrouteDatabase) => db.prepare('begin').run()],
    ['by exec', (db: FlyrouteDatabase) => db.exec('begin')],
    ['by a savepoint', (db: FlyrouteDatabase) => db.exec('savepoint mine')],
  ] as [string, (db: FlyrouteDatabase) => unknown][])('is rolled back with the replay: %s', async (_, begin) => {
    mount.namePrimary('ord\n')
    const db = mount.open('ams')
    inRequest(() => begin(db))
    thrown(() => inRequest(() => db.prepare(insert).run(1)))
    request.answerReplay()
    // What the request's own code does in the course of the error comes first.
    expect(db.inTransaction).toBe(true)
    await new Promise(setImmediate)
    expect(db.inTransaction).toBe(false)
    expect(inRequest(() => db.prepare(count).pluck().get(), createRequestState('request'))).toBe(0)
    expect(inRequest(() => db.exec('rollback'))).toBe(db)
  })

  test('is not rolled back twice, nor is one that comes after it', async () => {
    mount.namePrimary('ord\n')
    const db = mount.open('ams')
    inRequest(() => db.exec('begin'))
    thrown(() => inRequest(() => db.prepare(insert).run(1)))
    request.answerReplay()
    inRequest(() => db.exec('rollback'))
    const other = createRequestState('request')
    inRequest(() => db.exec('begin'), other)
    await new Promise(setImmediate)
    expect(db.inTransaction).toBe(true)
    inRequest(() => db.exec('commit'), other)
  })

  test('is rolled back later, where rows are still asked for', async () => {
    mount.namePrimary('ord\n')
    const heard: unknown[] = []
    const db = mount.open('ams', { verbose: (sql: unknown) => heard.push(sql) })
    inRequest(() => db.exec('begin'))
    const rows = inRequest(() => db.prepare('values (1), (2)').iterate())
    rows.next()
    thrown(() => inRequest(() => db.prepare(insert).run(1)))
    request.answerReplay()
    await new Promise(setImmediate)
    expect(db.inTransaction).toBe(true)
    rows.return?.()
    expect(db.prepare(count).pluck().get()).toBe(0)
    expect(db.inTransaction).toBe(false)
    expect(heard).not.toContain('rollback')
  })

  test('is left alone where the request is not replayed', async () => {
    mount.namePrimary('ord\n')
    const db = mount.open('ams')
    inRequest(() => db.exec('begin'))
    request.answerBegins()
    await new Promise(setImmediate)
    expect(db.inTransaction).toBe(true)
    inRequest(() => db.exec('commit'))
  })
})

test('what was refused in one transaction is refused to its own request only', () => {
  mount.namePrimary('ord\n')
  const db = mount.open('ams')
  const other = createRequestState('request')
  const read = () => db.prepare(count).pluck().get()
  inRequest(() => db.exec('begin'))
  const refusal = thrown(() => inRequest(() => db.prepare(insert).run(1)))
  expect(thrown(() => inRequest(read))).toBe(refusal)
  expect([inRequest(read, other), read()]).toEqual([0, 0])
  expect(inRequest(() => db.transaction(read)(), other)).toBe(0)
  expect(other.refusal).toBeUndefined()
  inRequest(() => db.exec('rollback'))
})

test('what was refused in the transaction of a job is refused to all that comes in between', () => {
  mount.namePrimary('ord\n')
  const db = mount.open('ams')
  const job = createRequestState('job')
  inRequest(() => db.exec('begin'), job)
  const refusal = thrown(() => inRequest(() => db.prepare(insert).run(1), job))
  expect(thrown(() => inRequest(() => db.prepare(count).get()))).toBe(refusal)
  inRequest(() => db.exec('rollback'), job)
})

test('where nothing tells a position, a write counts as done, without one', () => {
  rmSync(`${mount.path}-pos`)
  const db = mount.open('ord', { litefsDir: mount.folder })
  inRequest(() => db.prepare(insert).run(1))
  expect([request.committed, request.positions.size]).toEqual([true, 0])
})

describe('a request that another database has refused, and that is going to be replayed,', () => {
  test.each(writes.filter(([name]) => name !== 'BEGIN'))('begins no write on a primary: %s', (_, write) => {
    const { refusal } = refusedOnReplica()
    const primary = new HandMadeMount()
    try {
      const db = primary.open('ord')
      expect(thrown(() => inRequest(() => write(db)))).toBe(refusal)
      expect([db.inTransaction, request.writesUnderWay, primary.rows()]).toEqual([false, 0, []])
      expect(inRequest(() => db.prepare(count).pluck().get())).toBe(0)
    } finally {
      primary[Symbol.dispose]()
    }
  })

  test('asks for no first row, and leaves the database free', () => {
    const primary = new HandMadeMount()
    try {
      const db = primary.open('ord')
      const rows = inRequest(() => db.prepare(`${insert} returning id`).iterate(5))
      const { refusal } = refusedOnReplica()
      expect(thrown(() => inRequest(() => rows.next()))).toBe(refusal)
      expect(db.exec('delete from post').open).toBe(true)
      expect(primary.rows()).toEqual([])
    } finally {
      primary[Symbol.dispose]()
    }
  })

  test('is not replayed any more once a write has begun: the intent counts before it runs', () => {
    const primary = new HandMadeMount()
    try {
      const db = primary.open('ord')
      let during: unknown
      db.function('note', () => {
        during = request.whyNotReplayable()
        return null
      })
      inRequest(() => db.prepare('insert into post values (1, note())').run())
      expect(during).toBe('already-written')
      inRequest(() => db.exec('begin; insert into post values (2, null)'))
      expect(request.whyNotReplayable()).toBe('already-written')
      inRequest(() => db.exec('rollback'))
      // Nothing is known to be committed: LiteFS's position stands where it was.
      expect(request.whyNotReplayable()).toBeUndefined()
    } finally {
      primary[Symbol.dispose]()
    }
  })
})

test('a job is never replayed: its writes begin, whatever was refused', () => {
  const job = createRequestState('job')
  mount.namePrimary('ord\n')
  const db = mount.open('ams')
  thrown(() => inRequest(() => db.prepare(insert).run(1), job))
  const primary = new HandMadeMount()
  try {
    const other = primary.open('ord')
    expect(inRequest(() => other.prepare(insert).run(1).changes, job)).toBe(1)
    inRequest(() => other.exec('begin'), job)
    expect(other.inTransaction).toBe(true)
    other.exec('commit')
  } finally {
    primary[Symbol.dispose]()
  }
})
