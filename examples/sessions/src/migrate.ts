// The release command: runs once, on the primary, before the app starts anywhere.
import { assertPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/pg'

const pool = createPool()
await assertPrimary(pool)
// As in connect-pg-simple's table.sql.
await pool.query(`
  create table if not exists session (sid varchar primary key, sess json not null, expire timestamp(6) not null);
  create index if not exists session_expire on session (expire);
`)
await pool.end()
