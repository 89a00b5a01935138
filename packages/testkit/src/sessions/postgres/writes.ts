import type fc from 'fast-check'
import { type Mix, sql, texts, valued } from '../choice.ts'
import type { Step } from '../step.ts'

const tables = ['item', 'item', 'item', 'tenant_a.item', 'public.item']
const values = [
  "'x'",
  "current_setting('app.tenant', true)",
  "date '2020-02-03'::text",
  'current_user::text',
  'lastval()::text',
  'upper(current_schema())',
]

export const insert: fc.Arbitrary<Step> = texts(
  'insert',
  sql`insert into ${tables} (name) values (${values})`,
  sql`insert into ${tables} (name) values (${values})`,
  sql`insert into ${tables} (name) values ('r') returning id, name, owner, tenant`,
)

export const writes: Mix = [
  [8, insert],
  [3, valued('insert, values', sql`insert into ${tables} (name) values ($1)`, [['v'], ['w']])],
  [2, texts('update', sql`update ${tables} set name = name || '!' where id = 1`, 'update item set name = null')],
  [
    1,
    texts(
      'delete',
      sql`delete from ${tables} where id = 2`,
      'delete from item where id = 1 returning name',
      'delete from item',
    ),
  ],
  [
    1,
    texts(
      'other write',
      "insert into item (id, name) values (1, 'taken') on conflict (id) do update set name = excluded.name",
      'with gone as (delete from item where id = 2 returning name) insert into item (name) select name from gone',
      "merge into item using (values (1)) v (id) on item.id = v.id when matched then update set name = 'merged'",
      'truncate item',
      'select name from item where id = 1 for update',
      "explain (analyze, costs off, timing off, summary off, buffers off) insert into item (name) values ('e')",
    ),
  ],
  [
    1,
    texts(
      'schema change',
      'create table extra (id int)',
      'create table if not exists extra as select id from item',
      'drop table if exists extra',
      'alter table extra add column b int',
      "create or replace function public.fresh() returns int language sql as $$ insert into item (name) values ('fresh') returning id $$",
      'create or replace function public.fresh() returns int language sql stable as $$ select 7 $$',
      'drop function if exists public.fresh()',
    ),
  ],
]

export const functions: Mix = [
  [2, texts('function that reads', 'select public.peek()', 'select public.peek_loosely() as n')],
  [
    3,
    texts(
      'function that writes',
      "select public.add('f')",
      'select * from public.noisy',
      "call public.add_both('c')",
      'select public.add(name) from public.item where id = 1',
      'select public.fresh()',
    ),
  ],
  [1, valued('function that writes', sql`select public.add($1)`, [['g']])],
  [2, texts('function that swallows', "select public.add_quietly('q')")],
  [
    2,
    texts(
      'function that leaves something',
      "select public.claim('b')",
      "select public.enter('tenant_b')",
      'select public.hold(1)',
      'select public.let_go(1)',
      'select public.open_cursor()',
      'select public.make_basket()',
    ),
  ],
  [
    2,
    texts(
      'do',
      "do $$ begin perform set_config('app.tenant', 'd', false); end $$",
      "do $$ begin insert into item (name) values ('do'); end $$",
      "do $$ begin insert into item (name) values ('do'); exception when others then null; end $$",
      "do $$ begin execute 'set search_path to tenant_b'; end $$",
      'do $$ begin perform 1; end $$',
      'do $$ begin perform pg_advisory_lock(2); end $$',
      "do $$ begin insert into item (name) values ('do'); commit; insert into item (name) values ('do 2'); end $$",
    ),
  ],
]

export const reads: Mix = [
  [4, texts('read', sql`select id, name, owner, tenant from ${tables} order by id`)],
  [2, texts('count', sql`select count(*)::int as n from ${tables}`)],
  [1, valued('read, values', sql`select name from ${tables} where id = $1`, [[1], [3]])],
  [1, texts('nothing', 'select 1 as one', '', '-- nothing')],
]

export const failures: Mix = [
  [
    2,
    texts(
      'failure',
      'selec 1',
      'select 1 / 0',
      'select * from missing',
      "insert into item (id, name) values (1, 'taken')",
      'select public.missing()',
      'update item set missing = 1',
      'insert into item (name) values (1 / 0)',
      'commit prepared',
    ),
  ],
  [1, valued('failure, values', sql`select $1::int`, [['no number']])],
]
