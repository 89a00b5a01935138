import { createPool } from '@flyroute/pg'
import { startPostgres } from '@flyroute/testkit'
import { describeAdapter, postgres } from '@flyroute/testkit/conformance'

describeAdapter({
  name: 'pg',
  dialect: postgres,
  startCluster: () => startPostgres({ replicas: 1 }),
  open(options) {
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
  },
})
