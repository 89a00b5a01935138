import { innodbStatus, openTransactions } from '../../innodb.ts'
import type { Admin } from '../admin.ts'
import type { Contents } from '../dialect.ts'

const databases = ['app', 'tenant_a', 'tenant_b']

// The user's own, not the administrator's: what runs with an administrator's rights is not refused by a replica.
const routines = [
  'create function app.peek() returns int reads sql data return (select count(*) from app.item)',
  `create function app.add_item(n varchar(60)) returns int modifies sql data
   begin insert into app.item (name) values (coalesce(n, 'none')); return last_insert_id(); end`,
  `create procedure app.add_both(n varchar(60)) modifies sql data
   begin insert into app.item (name) values (n); commit; insert into app.item (name) values (concat(n, '2')); end`,
  'create view app.noisy as select app.add_item(1) as id',
  `create procedure app.add_quietly(n varchar(60)) modifies sql data
   begin declare continue handler for sqlexception select -1 as failed; insert into app.item (name) values (n); end`,
  `create function app.tried(n varchar(60)) returns int modifies sql data
   begin declare exit handler for sqlexception return -1; insert into app.item (name) values (n); return 1; end`,
  'create procedure app.claim(n varchar(60)) set @v = n',
  'create function app.claimed(n varchar(60)) returns varchar(60) begin set @v = n; return n; end',
  "create procedure app.hold() do get_lock('one', 0)",
  "create procedure app.let_go() do release_lock('one')",
  'create procedure app.lasting() select last_insert_id(99) as id',
  "create procedure app.make_basket() create temporary table app.basket as select 1 as id, 'made' as name",
  'create procedure app.quirk() set session auto_increment_increment = 3',
]

const setUpTexts = [
  // Where sessions meet, one may wait for what another one has locked.
  'set global innodb_lock_wait_timeout = 1',
  'set global lock_wait_timeout = 2',
  'create database tenant_a',
  'create database tenant_b',
  "create user other@'%' identified by 'pw'",
  'create role clerk',
  ...databases.flatMap((name) => [
    `create table ${name}.item (id int primary key auto_increment, name varchar(60) not null) character set utf8mb4`,
    `create procedure ${name}.start_over()
     begin
       drop table if exists ${name}.extra;
       drop view if exists ${name}.fresh;
       truncate ${name}.item;
       insert into ${name}.item values (1, 'one of ${name}'), (2, 'two of ${name}');
     end`,
    `grant all on ${name}.* to app@'%'`,
    `grant all on ${name}.* to other@'%'`,
  ]),
  ...routines.map((text) => text.replace('create ', "create definer = app@'%' ")),
]

export async function setUp(primary: Admin): Promise<void> {
  for (const sql of setUpTexts) await primary.lines(sql)
  for (const name of databases) await resetOne(primary, name)
}

export async function reset(primary: Admin, changed: readonly string[]): Promise<void> {
  for (const name of databases) if (changed.some((place) => place.startsWith(name))) await resetOne(primary, name)
}

async function resetOne(primary: Admin, name: string): Promise<void> {
  await primary.lines(`call ${name}.start_over()`)
}

export async function held(server: Admin): Promise<string> {
  const lock = (name: string): string => `if(is_free_lock('${name}'), null, 'lock ${name}')`
  const locks = await server.line(`select concat_ws(', ', ${lock('one')}, ${lock('two')}) as line`)
  const [status = ''] = await server.lines(innodbStatus, 'Status')
  const users = openTransactions(status).filter((user) => user === 'app' || user === 'other')
  return [...(locks === '' ? [] : [locks]), ...users.map((user) => `transaction of ${user}`)].join(', ')
}

export async function contents(server: Admin): Promise<Contents> {
  const parts = databases.map((name) => `select concat_ws(' ', '${name}.item', id, name) as line from ${name}.item`)
  const lines = await server.lines(`select line from (${parts.join(' union all ')}
    union all select concat_ws(' ', table_schema, table_name, coalesce(auto_increment, 0)) from information_schema.tables
      where table_schema in ('app', 'tenant_a', 'tenant_b')) all_of_it order by 1`)
  const places: Record<string, string[]> = {}
  for (const line of lines) {
    const place = line.slice(0, line.indexOf(' '))
    ;(places[place] ??= []).push(line.slice(place.length + 1))
  }
  return places
}
