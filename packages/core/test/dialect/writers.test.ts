import type { Ask, Writers } from '@flyroute/core/adapter'
import { type MysqlCluster, startMariadb, startMysql, startPostgres, whyNoMysql } from '@flyroute/lab/databases'
import { expect, test } from '@jest/globals'
import mysql2 from 'mysql2/promise'
import pg from 'pg'
import { mysqlWriters } from '../../src/dialect/mysql-writers.ts'
import { postgresWriters } from '../../src/dialect/postgres-writers.ts'

const names = ['reads', 'writes', 'hides']

/** In words: `reads`, `writes`, `hides`. */
function saidOf({ routines, mentions }: Writers, of: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    of.map((name) => {
      const flags = routines.get(name) ?? mentions.get(name)
      const words = flags === undefined ? ['unknown'] : names.filter((_, index) => index > 0 && flags & index)
      return [name, words.join() || 'reads']
    }),
  )
}

/** What runs a routine and is no call of it. */
const beside =
  'guarded counted free over_guarded <+> code harmless_code coded label part int4 by_default kept added asks_by_name query_to_xml strict_code order_line ordered over_ordered of_line money_of priced ranked ranking < harmless_coded'.split(
    ' ',
  )

const rawText = { getTypeParser: () => (value: string) => value }

test('Postgres: functions by their volatility, bodies that hide a refusal, views that call them', async () => {
  await using cluster = await startPostgres({ replicas: 1 })
  const admin = new pg.Client(cluster.primary.adminUrl)
  await admin.connect()
  const plpgsql = (body: string): string => `language plpgsql as $$ begin ${body} end $$`
  for (const sql of [
    'create table visit (n int)',
    'create sequence s',
    'create schema app',
    "create function plain() returns int language sql as 'select 1'",
    "create function stable_one() returns int stable language sql as 'select 1'",
    "create function app.pure(int) returns int immutable language sql as 'select 1'",
    "create function app.pure(text) returns int language sql as 'select 1'",
    'create function app.standard() returns int stable return (select 1)',
    `create function "Odd'Name"() returns int stable ${plpgsql('return 1;')}`,
    `create function count_visit() returns boolean ${plpgsql('insert into visit values (1); return true; exception when others then return false;')}`,
    `create procedure try_count() ${plpgsql('insert into visit values (1); exception when others then null;')}`,
    `create function raises() returns int ${plpgsql("raise exception 'no';")}`,
    `create function asks() returns int ${plpgsql('if pg_is_in_recovery() then return 0; end if; return 1;')}`,
    `create function stable_asks() returns int stable ${plpgsql('if pg_is_in_recovery() then return 0; end if; return 1;')}`,
    `create function calls_it() returns boolean ${plpgsql('return count_visit();')}`,
    `create function calls_that() returns boolean ${plpgsql('return calls_it();')}`,
    `create function lower(int) returns int ${plpgsql('insert into visit values (1); return 1;')}`,
    'create view reading as select stable_one()',
    'create view writing as select plain()',
    'create view over_it as select * from writing',
    'create view over_that as select * from over_it join reading on true',
    "create view next as select nextval('s')",
    'create view harmless as select uuid_generate_v4()',
    // What runs a routine and is no call of it: rows of policies, operators, domains, casts, defaults, fields, aggregates.
    'create table guarded (id int)',
    'alter table guarded enable row level security',
    'create policy p on guarded using (count_visit())',
    'create table counted (id int)',
    'create policy p on counted using (plain() = 1)',
    'create table free (id int)',
    'create policy p on free using (stable_one() = 1)',
    'create view over_guarded as select * from guarded',
    `create function noted(text, text) returns boolean ${plpgsql('return count_visit();')}`,
    'create operator app.<+> (function = noted, leftarg = text, rightarg = text)',
    `create function checks(text) returns boolean ${plpgsql('return count_visit();')}`,
    'create domain code as text check (checks(value))',
    'create domain harmless_code as text check (length(value) < 9)',
    'create table coded (code code)',
    // What is made of such types: no text need name the check, or the cast.
    'create domain strict_code as code',
    'create type order_line as (n int, code strict_code)',
    'create table ordered (lines order_line[])',
    'create view over_ordered as select * from ordered',
    "create function of_line(order_line) returns int immutable language sql as 'select 1'",
    'create type money_of as (n int)',
    `create function to_int(money_of) returns int ${plpgsql('perform count_visit(); return 1;')}`,
    'create cast (money_of as int) with function to_int(money_of) as implicit',
    'create table priced (price money_of)',
    'create type ranked as (n int)',
    `create function is_lower(ranked, ranked) returns boolean ${plpgsql('return count_visit();')}`,
    'create operator < (function = is_lower, leftarg = ranked, rightarg = ranked)',
    'create table ranking (rank ranked)',
    'create table harmless_coded (code harmless_code)',
    'create type part as (n int)',
    `create function label(part) returns boolean ${plpgsql('return count_visit();')}`,
    `create function to_part(int) returns part ${plpgsql('perform count_visit(); return row(1)::part;')}`,
    'create cast (int as part) with function to_part(int)',
    "create function by_default(b boolean default count_visit()) returns int stable language sql as 'select 1'",
    'create function kept() returns boolean stable begin atomic select count_visit(); end',
    `create function adds(int, int) returns int ${plpgsql('perform count_visit(); return 1;')}`,
    'create aggregate added(int) (sfunc = adds, stype = int)',
    `create function asks_by_name() returns int ${plpgsql("return (select count(*) from pg_settings where name = 'transaction_' || 'read_only');")}`,
    'create function on_visit() returns trigger language plpgsql as $$ begin return new; end $$',
  ]) {
    if (sql.includes('uuid_generate')) {
      const there = await admin.query("select from pg_available_extensions where name = 'uuid-ossp'")
      if (there.rowCount === 0) continue
      await admin.query('create extension "uuid-ossp"')
    }
    await admin.query(sql)
  }
  await admin.end()
  await cluster.caughtUp()
  for (const url of [cluster.primary.url, cluster.replicas[0]!.url]) {
    const client = new pg.Client(url)
    await client.connect()
    const ask: Ask = async (text) => (await client.query({ text, rowMode: 'array', types: rawText })).rows
    const writers = await postgresWriters(ask)
    expect(
      saidOf(writers, [
        'plain',
        'public.plain',
        'stable_one',
        'app.pure',
        'pure',
        'app.standard',
        "odd'name",
        'count_visit',
        'try_count',
        'raises',
        'asks',
        'stable_asks',
        'calls_it',
        'calls_that',
        'lower',
        'on_visit',
        'now',
        'reading',
        'writing',
        'over_it',
        'over_that',
        'next',
        'harmless',
        ...beside,
      ]),
    ).toEqual({
      plain: 'writes',
      'public.plain': 'writes',
      stable_one: 'reads',
      'app.pure': 'writes',
      pure: 'writes',
      'app.standard': 'reads',
      "odd'name": 'reads',
      count_visit: 'writes,hides',
      try_count: 'writes,hides',
      raises: 'writes',
      asks: 'writes,hides',
      stable_asks: 'reads',
      calls_it: 'writes,hides',
      calls_that: 'writes,hides',
      lower: 'writes',
      on_visit: 'unknown',
      now: 'unknown',
      reading: 'unknown',
      // The refusal of what it calls comes through: a replica says so itself.
      writing: 'writes',
      over_it: 'writes',
      over_that: 'writes',
      next: 'writes,hides',
      harmless: 'unknown',
      guarded: 'writes,hides',
      counted: 'writes',
      free: 'unknown',
      over_guarded: 'writes,hides',
      '<+>': 'writes,hides',
      code: 'writes,hides',
      harmless_code: 'unknown',
      coded: 'writes,hides',
      label: 'writes,hides',
      part: 'writes,hides',
      int4: 'unknown',
      by_default: 'writes,hides',
      kept: 'writes,hides',
      added: 'writes,hides',
      asks_by_name: 'writes,hides',
      query_to_xml: 'writes,hides',
      strict_code: 'writes,hides',
      order_line: 'writes,hides',
      ordered: 'writes,hides',
      over_ordered: 'writes,hides',
      of_line: 'writes,hides',
      money_of: 'writes,hides',
      priced: 'writes,hides',
      ranked: 'writes,hides',
      ranking: 'writes,hides',
      '<': 'unknown',
      harmless_coded: 'unknown',
    })
    expect(saidOf({ ...writers, routines: new Map() }, ['label', 'lower'])).toEqual({
      label: 'writes,hides',
      lower: 'writes',
    })
    expect(writers.mentions.has('lower')).toBe(true)
    await client.end()
  }
})

test("Postgres: the server does not write out its own views' texts to see what the app's call", async () => {
  await using cluster = await startPostgres({ replicas: 0 })
  const client = new pg.Client(cluster.primary.url)
  await client.connect()
  const conditions: string[] = []
  await postgresWriters(async (text) => {
    const plan = (await client.query({ text: `explain ${text}`, rowMode: 'array' })).rows as [string][]
    conditions.push(...plan.flatMap(([line]) => (line.includes('pg_get_viewdef') ? [line] : [])))
    return []
  })
  await client.end()
  // Where the schema is another condition, the planner may put it behind this one.
  expect(conditions.length).toBeGreaterThan(0)
  for (const condition of conditions) expect(condition).toMatch(/CASE WHEN .*nspname.* THEN .*pg_get_viewdef/)
})

async function testMysql(cluster: MysqlCluster): Promise<void> {
  const admin = await mysql2.createConnection(cluster.primary.adminUrl)
  await admin.query('create database shop')
  await admin.query('use shop')
  await admin.query('create table visit (n int)')
  for (const sql of [
    'create function pure() returns int deterministic no sql return 1',
    'create function asking() returns int deterministic reads sql data return (select max(n) from visit)',
    'create function silent() returns int deterministic return 1',
    'create function Writing() returns int deterministic modifies sql data begin insert into visit values (1); return 1; end',
    'create procedure reading() reads sql data select 1',
    'create procedure plain() begin insert into visit values (1); end',
    'create procedure handled() begin declare continue handler for sqlexception begin end; insert into visit values (1); end',
    'create procedure calls_it() begin call handled(); end',
    'create procedure calls_that() begin call calls_it(); end',
    'create procedure asks() begin if @@global.read_only = 0 then insert into visit values (1); end if; end',
    'create view table_view as select n from visit where n in (1, 2)',
    'create view pure_view as select pure(), count(*) from visit',
    'create view writing_view as select writing() as a',
    'create view over_it as select a from writing_view',
    'create function `left`() returns int begin insert into visit values (1); return 1; end',
    'create view lock_view as select get_lock("a", 0) as a',
  ]) {
    await admin.query(sql)
  }
  await admin.query("create user visitor identified by 'visitor'")
  await admin.query('grant select, execute on shop.* to visitor')
  const said = async (url: string): Promise<Record<string, string>> => {
    const connection = await mysql2.createConnection(url)
    const ask: Ask = async (sql) => {
      const [rows] = await connection.query({ sql, rowsAsArray: true })
      return (rows as (string | number | null)[][]).map((row) =>
        row.map((value) => (value === null ? null : String(value))),
      )
    }
    const writers = await mysqlWriters(ask)
    await connection.end()
    expect(writers.mentions.has('left')).toBe(true)
    return saidOf(writers, [
      'pure',
      'shop.asking',
      'silent',
      'writing',
      'reading',
      'shop.plain',
      'handled',
      'calls_it',
      'calls_that',
      'asks',
      'now',
      'table_view',
      'pure_view',
      'writing_view',
      'over_it',
      'lock_view',
      // By its mention alone.
      'left',
    ])
  }
  expect(await said(cluster.primary.adminUrl)).toEqual({
    pure: 'reads',
    'shop.asking': 'reads',
    silent: 'writes',
    writing: 'writes',
    reading: 'reads',
    'shop.plain': 'writes',
    handled: 'writes,hides',
    calls_it: 'writes,hides',
    calls_that: 'writes,hides',
    asks: 'writes,hides',
    now: 'unknown',
    table_view: 'unknown',
    pure_view: 'unknown',
    writing_view: 'writes,hides',
    over_it: 'writes,hides',
    lock_view: 'writes,hides',
    left: 'writes',
  })
  // Who may call a routine and not read its body does not know what that does with a refusal.
  const visitor = new URL(cluster.primary.url)
  visitor.username = visitor.password = 'visitor'
  visitor.pathname = '/shop'
  expect(await said(visitor.href)).toMatchObject({ pure: 'reads', 'shop.plain': 'writes,hides', reading: 'reads' })
  await admin.end()
}

test('MariaDB: routines by what they say of themselves, handlers, views that call them', async () => {
  await using cluster = await startMariadb({ replicas: 0 })
  await testMysql(cluster)
})

const why = await whyNoMysql()
const onMysql = why === undefined ? test : test.skip

onMysql(
  `MySQL${why === undefined ? '' : ` (${why})`}: routines by what they say of themselves, handlers, views that call them`,
  async () => {
    await using cluster = await startMysql({ replicas: 0 })
    await testMysql(cluster)
  },
)
