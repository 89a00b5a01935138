// The process of `late-*.test.ts`: both machines of an app, and requests that leave work behind.
import { createPool } from '@flyroute/mysql2'
import { playLateWork, poolSize } from '@flyroute/testkit/late'

const reports = await playLateWork({
  requests: Number(process.env['REQUESTS']),
  writer: `create procedure late_write(in id int, in part int) modifies sql data
    begin do sleep(0.3); insert into late_work values (id, part); end`,
  open(region) {
    const below = createPool({ env: { ...process.env, FLY_REGION: region }, connectionLimit: poolSize })
    const pool = below.promise()
    const inside = below as unknown as Record<'_allConnections' | '_freeConnections' | '_connectionQueue', unknown[]>
    return {
      database: below,
      query: (sql) => pool.query(sql),
      call: (sql, callback) => void below.query(sql, callback),
      connect: () => pool.getConnection(),
      sleep: (ms) => `select sleep(${ms / 1000})`,
      // The tables of a function would be looked at before it begins.
      writeSlowly: (id, part) => `call late_write(${id}, ${part})`,
      get busy() {
        return inside._allConnections.length - inside._freeConnections.length + inside._connectionQueue.length
      },
      end: () => pool.end(),
    }
  },
})
console.log(JSON.stringify(reports))
