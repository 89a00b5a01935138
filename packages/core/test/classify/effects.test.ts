import type { Dialect } from '@flyroute/core'
import { createClassifier, type Leaves } from '@flyroute/core/adapter'
import { expect, test } from '@jest/globals'

const functions = { read: ['app.Peek', 'glance'], write: ['audit'] }
const classifiers = {
  postgres: createClassifier({ dialect: 'postgres', functions }),
  mysql: createClassifier({ dialect: 'mysql', functions }),
  sqlite: createClassifier({ dialect: 'sqlite', functions }),
}

type Row = readonly [sql: string, leaves: Leaves, calls?: readonly string[] | undefined, dependsOnSession?: true]

const postgres: Row[] = [
  ['', 'nothing'],
  ['select * from users where id = $1', 'nothing'],
  ['select count(*), lower(name), max (id) from users group by name having count(*) > 1', 'nothing'],
  [
    `SELECT COALESCE(a, 'f(x)'), "pg_catalog"."upper"(b) /* g() */ -- h()\nfrom t where a in (1, 2) and (b or not (c))`,
    'nothing',
  ],
  ['select f(1)', 'something', ['f']],
  ['select f(g(1)), f(2)', 'something', ['f', 'g']],
  ['select App.F (1), "App"."G"(2), public.lower(name)', 'something', ['app.f', 'app.g', 'public.lower']],
  ['select "in"(1)', 'something', ['in']],
  ['select distinct on (a) f(a) from t', 'something', ['f']],
  ['select a operator(pg_catalog.+) f(b) from t', 'something', ['f']],
  ['select * from generate_series(1, 3) g(i)', 'nothing'],
  ['select * from json_to_record($1) as r(a int, b varchar(10), c numeric(10, 2))', 'nothing'],
  ['select * from t join lateral (select 1) l(x) on (true) where exists (select from t)', 'nothing'],
  ['select * from (values (1), (2)) v(x)', 'nothing'],
  ['select * from f($1) as (a int)', 'something', ['f']],
  ['select * from g(), f(a) as (b int)', 'something', ['g', 'f']],
  [
    'with recursive t(n) as (values (1) union all select n + 1 from t), u (a, "b") as materialized ((select 1)) select sum(n) from t',
    'nothing',
  ],
  ['with t(n) as (select f(1)) select n from t', 'something', ['f']],
  ["select a::numeric(10,2), cast(b as varchar(3)), interval '1' day(3), x[1:f(2)] from t", 'something', ['f']],
  [
    'select array(select 1), row(1, 2), a between (1) and (2), sum(a) filter (where b) over (partition by (c)) from t',
    'nothing',
  ],
  ['select glance(1), app.peek(2)', 'nothing'],
  ['select other.peek(2)', 'something', ['other.peek']],
  ['select audit(1)', 'something'],
  ["select nextval('s')", 'something'],
  ["select app.nextval('s')", 'something', ['app.nextval']],
  ['select pg_try_advisory_lock(1)', 'something'],
  ['select pg_advisory_unlock_all()', 'nothing'],
  ["select query_to_xml('select f()', true, true, '')", 'something', ['query_to_xml']],
  ['select lastval()', 'nothing', undefined, true],
  ["select currval('s')", 'nothing', undefined, true],
  ['fetch 10 from c', 'nothing', undefined, true],
  ["select set_config('app.tenant', $1, true)", 'setting'],
  ["select set_config('app.tenant', 'a', false) as a, pg_catalog.set_config($1::text, $2, true)", 'setting'],
  ["select set_config('a', b, true) from t", 'something'],
  ["select set_config('a', '1', true) where false", 'something'],
  ["select set_config('a', f(), true)", 'something', ['f']],
  ["select case when a then set_config('a', '1', true) end from t", 'something'],
  ["select 1, set_config('a', '1', true)", 'something'],
  ['set search_path = app, public', 'setting'],
  ["set local app.tenant to '7'", 'setting'],
  ['set role admin', 'setting'],
  ["set session authorization 'joe'", 'setting'],
  ["set time zone -3; set names 'utf8'", 'setting'],
  ["set time zone interval '-08:00' hour to minute", 'setting'],
  ['set session characteristics as transaction isolation level serializable', 'setting'],
  ["set transaction snapshot '00000003-1'", 'something'],
  ['set constraints all deferred', 'setting'],
  ['reset all', 'setting'],
  ['discard all', 'setting'],
  ['prepare p(int, text) as select * from t where a = $1', 'setting'],
  ['deallocate p', 'setting'],
  ['select 1; set a = 1', 'setting'],
  ['begin; set local a = 1', 'something'],
  ['begin', 'nothing'],
  ['savepoint a', 'nothing'],
  ['rollback to a', 'nothing'],
  ['commit and chain', 'nothing'],
  ['select 1; select f(); set a = 1', 'something', ['f']],
  ['do $$ begin perform 1; end $$', 'something'],
  ["call p('a')", 'something', ['p']],
  ['listen a', 'something'],
  ['declare c cursor with hold for select 1', 'something'],
  ['declare c cursor for select 1', 'something'],
  ['execute p(1)', 'something', ['p']],
  ['lock table a in access share mode', 'something'],
  ["load 'auto_explain'", 'something'],
  ['create temp table a (b int)', 'something'],
  ['create or replace local temporary view a as select 1', 'something'],
  ['create table a (temp int)', 'nothing'],
  ['show search_path', 'nothing'],
  ['explain (analyze, format json) select 1', 'nothing'],
  ['explain analyze select f()', 'something', ['f']],
  ['copy (select f()) to stdout', 'something', ['f']],
  ['whatever', 'something'],
]

const mysql: Row[] = [
  ['select count(*), `name`, "f(x)" from `users` where id in (?, ?) limit 5', 'nothing'],
  ['select f(1), app.`G`(2)', 'something', ['f', 'app.g']],
  ['select /*! f(1), */ 1', 'something', ['f']],
  ['select if(a, left(b, 2), right(c, 1)), date_format(now(), "%Y"), st_distance(a, b) from t', 'nothing'],
  ['select get_lock("a", 1)', 'something'],
  ['select release_all_locks()', 'something', ['release_all_locks']],
  ['select last_insert_id()', 'nothing', undefined, true],
  ['select last_insert_id(5)', 'something'],
  ['select found_rows(), row_count()', 'nothing', undefined, true],
  ['select @@identity', 'nothing', undefined, true],
  ['select @@session.sql_mode', 'nothing'],
  ['select @a', 'nothing', undefined, true],
  ['select @a := 1', 'something', undefined, true],
  ['select @a:=a from t', 'something', undefined, true],
  ['select a into @b from t', 'something', undefined, true],
  ["select a from t into outfile '/tmp/a'", 'something'],
  ["set @a = 1, @b = 'x', @c := null, @d = _utf8mb4'x', @e = -1.5", 'setting'],
  ['set @a = ?, @b = :name', 'setting'],
  ['set @a = 1 + @b', 'something', undefined, true],
  ['set @a = current_timestamp', 'something'],
  ['set @a = now()', 'something'],
  ['set @a = f()', 'something', ['f']],
  ['set @a = (select max(id) from t)', 'something'],
  ["set sql_mode = 'ANSI', session time_zone = '+00:00', @@session.wait_timeout = 5, @@autocommit = OFF", 'setting'],
  ["set sql_mode = concat(@@sql_mode, ',ANSI')", 'something'],
  ['set sql_mode = @@global.sql_mode', 'something'],
  ['set global max_connections = 5', 'something'],
  ['set @@global.max_connections = 5', 'something'],
  ['set sort_buffer_size = 5, persist max_connections = 5', 'something'],
  ['set names utf8mb4 collate utf8mb4_bin', 'setting'],
  ["set character set 'utf8'", 'setting'],
  ['set session transaction isolation level read committed, read only', 'setting'],
  ['set role admin', 'setting'],
  ['set statement max_statement_time = 5 for select 1', 'nothing'],
  ['set statement max_statement_time = 5 for select f()', 'something', ['f']],
  ['use app', 'setting'],
  ["prepare s from 'select f()'", 'setting', ['f']],
  ['prepare s from @a', 'setting', undefined, true],
  ['drop prepare s', 'setting'],
  ['execute s', 'something'],
  ['create temporary table a (b int)', 'something'],
  ['create or replace temporary table a (b int)', 'something'],
  ['drop temporary table a', 'something'],
  ['create table a (b int)', 'nothing'],
  ['insert into a values (1)', 'something'],
  ['do sleep(1)', 'something'],
  ['call p()', 'something', ['p']],
  ['lock tables a read', 'something'],
  ['unlock tables', 'nothing'],
  ['handler a open', 'something'],
  ['flush tables with read lock', 'something'],
  ['get diagnostics @a = number', 'something', undefined, true],
  ['show warnings', 'nothing', undefined, true],
  ['show tables', 'nothing'],
  ['begin', 'nothing'],
  ['begin work', 'nothing'],
  ['begin not atomic select 1; end', 'something'],
  ['start transaction read only', 'nothing'],
  ["xa start 'a'", 'something'],
]

const sqlite: Row[] = [
  ['select count(*), json_extract(a, b) from [t] where a = ?', 'nothing'],
  ['select f(1)', 'something', ['f']],
  ['select last_insert_rowid()', 'nothing', undefined, true],
  ['select * from pragma_table_info(?)', 'nothing'],
  ['pragma foreign_keys = on', 'setting'],
  ['create temp table a (b)', 'something'],
  ['begin', 'nothing'],
]

const tables: [Dialect, Row[]][] = [
  ['postgres', postgres],
  ['mysql', mysql],
  ['sqlite', sqlite],
]

const cases = tables.flatMap(([dialect, rows]) =>
  rows.map(([sql, leaves, calls, dependsOnSession = false]) => ({ dialect, sql, leaves, calls, dependsOnSession })),
)

test.each(cases)('$dialect: $sql', ({ dialect, sql, ...expected }) => {
  expect(classifiers[dialect].classify(sql)).toMatchObject(expected)
})

test('an EXECUTE calls what was prepared under its name', async () => {
  const { createStatementMemory } = await import('@flyroute/core/adapter')
  const memory = createStatementMemory(classifiers.postgres)
  memory.classify('prepare p as select f(1)')
  expect(memory.classify('execute p').calls).toEqual(['f'])
})
