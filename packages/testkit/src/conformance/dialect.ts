import { home } from './regions.ts'

/** The statements that the suite cannot say the same way to every database. */
export interface SqlDialect {
  readonly name: 'postgres' | 'mysql' | 'sqlite'
  /** One row with one column `port`: which server answers. */
  readonly port: string
  /** As administrator: one row with one column `n`, the number of connections that the application's user holds open; where there are servers. */
  readonly connections?: string
  /** A read that takes longer than a replayed request may hold a connection; where there are servers. */
  readonly sleep?: string
  /** Run once on the primary, as the application's user. */
  readonly setUp: readonly string[]
  /** Statements that a replica refuses, and that their text gives away. `id` is a row of its own. */
  writes(id: number): readonly string[]
  /** A statement that inserts the row `id` without its text saying so; created by `setUp`; where there is such a thing. */
  hiddenWrite?(id: number): string
  /** What the server says to it: code of the driver's error on a replica. */
  readonly refusalCode?: string
  /** Positions name the term of their primary: a connection to any later one tells that those before it are over. */
  readonly epochs?: boolean
  /** Reads this row for so long (s) that a server can be stopped meanwhile. */
  slowRead?(id: number, seconds: number): string
}

const table = 'create table conformance (id int primary key, value int not null)'

/** PostgreSQL. */
export const postgres: SqlDialect = {
  name: 'postgres',
  port: "select current_setting('port')::int as port",
  connections: "select count(*)::int as n from pg_stat_activity where usename = 'app'",
  sleep: 'select pg_sleep(0.6)',
  setUp: [
    table,
    `create function conformance_hidden(id int) returns int language plpgsql as
     $$ begin insert into conformance values (id, 0); return id; end $$`,
  ],
  writes: (id) => [
    `insert into conformance values (${id}, 1)`,
    `insert into conformance values (${id}, 1) returning id`,
    `update conformance set value = 2 where id = ${id}`,
    `delete from conformance where id = ${id}`,
    `with gone as (delete from conformance where id = ${id} returning id) select id from gone`,
    `select id from conformance where id = ${id} for update`,
    `create table conformance_${id} (id int)`,
    `truncate conformance`,
  ],
  hiddenWrite: (id) => `select conformance_hidden(${id})`,
  refusalCode: '25006',
  epochs: true,
  slowRead: (id, seconds) =>
    `select current_setting('port')::int as port, (select count(*) from conformance where id < ${id}) as n, pg_sleep(${seconds})`,
}

/** MySQL and MariaDB. */
export const mysql: SqlDialect = {
  name: 'mysql',
  port: 'select @@port as port',
  connections: "select count(*) as n from information_schema.processlist where user = 'app'",
  sleep: 'select sleep(0.6)',
  setUp: [
    table,
    `create procedure conformance_hidden(in new_id int) modifies sql data insert into conformance values (new_id, 0)`,
  ],
  writes: (id) => [
    `insert into conformance values (${id}, 1)`,
    `replace into conformance values (${id}, 1)`,
    `update conformance set value = 2 where id = ${id}`,
    `delete from conformance where id = ${id}`,
    `select id from conformance where id = ${id} for update`,
    `create table conformance_${id} (id int)`,
    `truncate table conformance`,
  ],
  hiddenWrite: (id) => `call conformance_hidden(${id})`,
  refusalCode: 'ER_OPTION_PREVENTS_STATEMENT',
  slowRead: (id, seconds) => `select @@port as port, sleep(${seconds}) from dual where ${id} > 0`,
}

/** SQLite on LiteFS. */
export const sqlite: SqlDialect = {
  name: 'sqlite',
  // A file has no port: that of the primary's region counts as 1, any other as 2.
  port: `select case when file like '%/${home}/%' then 1 else 2 end as port from pragma_database_list where name = 'main'`,
  setUp: [table],
  writes: (id) => [
    `insert into conformance values (${id}, 1)`,
    `insert into conformance values (${id}, 1) returning id`,
    `replace into conformance values (${id}, 1)`,
    `update conformance set value = 2 where id = ${id}`,
    `delete from conformance where id = ${id}`,
    `with gone(id) as (select ${id}) delete from conformance where id in (select id from gone)`,
    `create table conformance_${id} (id int)`,
    `drop table conformance`,
  ],
}
