import type { FlyrouteDatabase } from '@flyroute/better-sqlite3'
import { createRequestState, createScope, type RequestState, runInScope } from '@flyroute/core/adapter'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { HandMadeMount, thrown } from './support/mount.ts'

let mount: HandMadeMount
let db: FlyrouteDatabase
let request: RequestState
beforeEach(() => {
  mount = new HandMadeMount()
  db = mount.open('ord')
  request = createRequestState('request')
})
afterEach(() => mount[Symbol.dispose]())

const sql = 'insert into post select column1, null from (values (1), (2), (3)) returning id'
const inRequest = <T>(fn: () => T): T => runInScope(createScope(request), fn)
/** LiteFS counts the commits: here, as soon as one is seen. */
const committed = (): void => {
  if (mount.rows().length > 0) mount.position(2)
}
const token = (): unknown => request.positions.get('app.db')
const second = { cluster: 'litefs', epoch: 0, at: '0000000000000002' }

describe('rows of a statement that writes', () => {
  test('left early have a token: all of them are written', () => {
    inRequest(() => {
      for (const row of db.prepare(sql).pluck().iterate()) {
        expect(row).toBe(1)
        expect(request.writesUnderWay).toBe(1)
        // Nothing is committed while one of them is still asked for.
        expect(mount.rows()).toEqual([])
        mount.position(2)
        break
      }
    })
    expect(mount.rows()).toEqual([1, 2, 3])
    expect([request.writesUnderWay, request.committed]).toEqual([0, true])
    expect(token()).toMatchObject(second)
  })

  test('read to the end have one, and a second end is none', () => {
    const rows = inRequest(() => db.prepare(sql).iterate())
    expect([request.writesUnderWay, request.committed]).toEqual([0, false])
    inRequest(() => [rows.next(), rows.next(), rows.next()])
    mount.position(2)
    expect(inRequest(() => rows.next().done)).toBe(true)
    expect(token()).toMatchObject(second)
    inRequest(() => [rows.next(), rows.return?.()])
    expect([request.writesUnderWay, request.committed]).toEqual([0, true])
  })

  test('that were never asked for write nothing', () => {
    inRequest(() => db.prepare(sql).iterate().return?.())
    committed()
    expect([request.writesUnderWay, request.committed, token()]).toEqual([0, false, undefined])
    expect(mount.rows()).toEqual([])
  })

  test('keep their token although other statements fail, or run, in between', () => {
    inRequest(() => {
      const rows = db.prepare(sql).iterate()
      rows.next()
      expect(() => db.exec('delete from post')).toThrow('busy')
      expect(db.prepare('select 1').pluck().get()).toBe(1)
      expect(request.writesUnderWay).toBe(1)
      mount.position(2)
      rows.return?.()
    })
    expect(token()).toMatchObject(second)
  })

  test('in a transaction have it with the COMMIT', () => {
    inRequest(() => {
      db.exec('begin')
      for (const _ of db.prepare(sql).iterate()) break
      expect([request.writesUnderWay, token()]).toEqual([1, undefined])
      mount.position(2)
      db.exec('commit')
    })
    expect([request.writesUnderWay, request.committed]).toEqual([0, true])
    expect(token()).toMatchObject(second)
  })

  test('that fail have none', () => {
    db.exec('insert into post values (3, null)')
    inRequest(() => {
      const rows = db.prepare(sql).iterate()
      expect(thrown(() => rows.next())).toMatchObject({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
    })
    expect([request.writesUnderWay, request.committed, token()]).toEqual([0, false, undefined])
    // And the database is free.
    db.exec('delete from post')
  })

  test("are the driver's own iterator", () => {
    const statement = db.prepare(sql)
    const [ours, bare] = [statement.iterate(), new Database(':memory:').prepare('select 1').iterate()]
    expect(Object.keys(ours)).toEqual(Object.keys(bare))
    expect((ours as unknown as { statement: unknown }).statement).toBe(statement)
    expect(Object.getPrototypeOf(Object.getPrototypeOf(ours))).toBe(Object.getPrototypeOf(bare))
    expect(ours[Symbol.iterator]()).toBe(ours)
    ours.return?.()
  })

  test('on a node that was demoted in the meantime are refused by the engine', () => {
    const rows = inRequest(() => db.prepare(sql).iterate())
    mount.namePrimary('ams\n')
    mount.refuseWrites()
    expect(thrown(() => inRequest(() => rows.next()))).toMatchObject({
      code: 'ERR_PRIMARY_REQUIRED',
      reason: 'refused',
      target: { instance: 'ams' },
    })
    expect([request.writesUnderWay, request.committed]).toEqual([0, false])
    expect(db.prepare('select count(*) from post').pluck().get()).toBe(0)
  })
})
