import { createPool } from '@flyroute/mysql2/promise'
import type { OpenOptions, Subject } from '@flyroute/testkit/conformance'

/** The promise pool in the suite's words; the callback pool below it is the same one. */
export function open({ max, ...options }: OpenOptions): Subject {
  const pool = createPool({ ...options, ...(max === undefined ? {} : { connectionLimit: max }) })
  return {
    database: pool,
    query: async (sql) => (await pool.query(sql))[0] as Record<string, unknown>[],
    async transaction(work) {
      const connection = await pool.getConnection()
      try {
        await connection.beginTransaction()
        const result = await work(async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[])
        await connection.commit()
        return result
      } catch (error) {
        await connection.rollback().catch(() => undefined)
        throw error
      } finally {
        connection.release()
      }
    },
    end: () => pool.end(),
  }
}
