import type { MysqlCluster } from '@flyroute/testkit'
import { inRequest, rejection } from '@flyroute/testkit/requests'
import { describe, expect, test } from '@jest/globals'
import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { Bench } from './support/open.ts'

const write = "insert into item (name) values ('new')"
const intruder = { user: 'other', password: 'wrong' }
const lost = expect.objectContaining({ code: expect.stringMatching(/^(PROTOCOL_CONNECTION_LOST|ECONNRESET|EPIPE)$/) })

/**
 * `changeUser` with a wrong password.
 *
 * @param keeps whether the server keeps the connection
 */
export function describeOtherUser(name: string, start: () => Promise<MysqlCluster>, keeps: boolean): void {
  describe(`another user that ${name} does not let in`, () => {
    const bench = new Bench(start, [
      'create table app.item (id int primary key auto_increment, name varchar(40) not null)',
      "create user 'other'@'%' identified by 'pw'",
    ])

    const count = async (): Promise<number> => {
      const [row] = await bench.primary.query<{ n: number }>('select count(*) as n from app.item')
      return Number(row?.n)
    }
    const where = async (connection: PoolConnection): Promise<unknown> => {
      const [[row]] = await connection.query<RowDataPacket[]>('select current_user() as u, database() as d, @v as v')
      return row
    }
    const orError = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

    test('is refused in his turn, and what is asked after him is answered as by the driver', async () => {
      for (const pool of [bench.near({ connectionLimit: 1 }), bench.far({ connectionLimit: 1 })]) {
        const connection = await pool.getConnection()
        await connection.query('set @v = 5')
        const [error, after] = await Promise.all([
          rejection(connection.changeUser(intruder)),
          orError(where(connection)),
        ])
        expect(error).toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' })
        expect(after).toEqual(keeps ? { u: 'app@%', d: 'app', v: null } : lost)
        connection.release()
        const again = await pool.getConnection()
        expect(again.threadId === connection.threadId).toBe(keeps)
        again.release()
      }
    })

    test('leaves a session whose work is not done elsewhere, and is no reason for a replay', async () => {
      const pool = bench.far({ connectionLimit: 1, outsideRequest: 'primary' })
      const before = await count()
      const connection = await pool.getConnection()
      await rejection(connection.changeUser(intruder))
      const error = await rejection(connection.query(write))
      expect(error).toEqual(keeps ? expect.objectContaining({ code: 'ERR_REPLAY_UNAVAILABLE' }) : lost)
      connection.release()
      const { state, value } = await inRequest(async () => {
        const other = await pool.getConnection()
        await rejection(other.changeUser(intruder))
        const after = await orError(where(other))
        other.release()
        return after
      })
      expect(value).toEqual(keeps ? expect.objectContaining({ d: 'app' }) : lost)
      expect(state.refusal).toBeUndefined()
      expect(await count()).toBe(before)
    })

    test('rolls back on the primary what was written before', async () => {
      const pool = bench.near({ connectionLimit: 1 })
      const connection = await pool.getConnection()
      const before = await count()
      const { state } = await inRequest(async () => {
        await connection.beginTransaction()
        await connection.query(write)
        await rejection(connection.changeUser(intruder))
        await orError(connection.query('select 1'))
      })
      expect(state).toMatchObject({ committed: false, writesUnderWay: 0 })
      expect(await count()).toBe(before)
      connection.release()
    })
  })
}
