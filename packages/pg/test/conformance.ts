import { createPool } from '@flyroute/pg'
import type { OpenOptions, Subject } from '@flyroute/testkit/conformance'

/** A pool, in the words of the suite. */
export function open(options: OpenOptions): Subject {
  const pool = createPool(options)
  return {
    database: pool,
    query: async (sql) => (await pool.query(sql)).rows,
    async transaction(work) {
      const client = await pool.connect()
      try {
        await client.query('begin')
        const result = await work(async (sql) => (await client.query(sql)).rows)
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback').catch(() => undefined)
        throw error
      } finally {
        client.release()
      }
    },
    end: () => pool.end(),
  }
}
