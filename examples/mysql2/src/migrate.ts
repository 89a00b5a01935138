// The release command: runs once, on the primary, before the app starts anywhere.
import { assertPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/mysql2/promise'

const pool = createPool()
await assertPrimary(pool)
await pool.query(
  'create table if not exists post (id int auto_increment primary key, title varchar(200) not null, views int not null default 0)',
)
await pool.query(
  'create table if not exists report (id int auto_increment primary key, posts int not null, views int not null)',
)
await pool.end()
