// The release command: runs once, on the primary, before the app starts anywhere.
import { assertPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/pg'

const pool = createPool()
await assertPrimary(pool)
await pool.query(`
  create table if not exists counter (hits int not null);
  insert into counter select 0 where not exists (select from counter);
`)
await pool.end()
