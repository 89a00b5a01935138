// The release command: runs once, on the primary, before the app starts anywhere.
import { assertPrimary } from '@flyroute/core'
import { createPool } from '@flyroute/pg'

const pool = createPool()
await assertPrimary(pool)
await pool.query(`
  create table if not exists post (id int generated always as identity primary key, title text not null, views int not null default 0);
  create table if not exists report (id int generated always as identity primary key, posts int not null, views int not null);
  create table if not exists search (id int generated always as identity primary key, text text not null);
  create table if not exists upload (id int generated always as identity primary key, bytes int not null);
`)
await pool.end()
