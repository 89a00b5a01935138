// The process of `late.test.ts`: both machines of an app, and requests that leave work behind.
import { createPool } from '@flyroute/pg'
import { playLateWork, poolSize } from '@flyroute/testkit/late'

const reports = await playLateWork({
  requests: Number(process.env['REQUESTS']),
  writer: `create function late_write(id int, part int) returns int language plpgsql as
    $$ begin perform pg_sleep(0.3); insert into late_work values (id, part); return part; end $$`,
  open(region) {
    const pool = createPool({ env: { ...process.env, FLY_REGION: region }, max: poolSize })
    return {
      database: pool,
      query: (sql) => pool.query(sql),
      call: (sql, callback) => pool.query(sql, callback),
      connect: () => pool.connect(),
      sleep: (ms) => `select pg_sleep(${ms / 1000})`,
      writeSlowly: (id, part) => `select late_write(${id}, ${part})`,
      get busy() {
        return pool.totalCount - pool.idleCount + pool.waitingCount
      },
      end: () => pool.end(),
    }
  },
})
console.log(JSON.stringify(reports))
