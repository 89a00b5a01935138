import type fc from 'fast-check'
import { type Mix, sql, texts, valued } from '../choice.ts'
import type { Step } from '../step.ts'

const tables = ['item', 'item', 'item', 'tenant_a.item', 'app.item']
const values = ["'x'", "coalesce(@v, 'none')", 'database()', 'last_insert_id()', 'from_unixtime(0)', 'current_user()']

export const insert: fc.Arbitrary<Step> = texts(
  'insert',
  sql`insert into ${tables} (name) values (${values})`,
  sql`insert into ${tables} (name) values (${values})`,
  sql`insert into ${tables} (name) values ('r'), ('s')`,
)

export const writes: Mix = [
  [8, insert],
  [3, valued('insert, values', sql`insert into ${tables} (name) values (?)`, [['v'], ['w']])],
  [2, texts('update', sql`update ${tables} set name = concat(name, '!') where id = 1`, 'update item set name = null')],
  [1, texts('delete', sql`delete from ${tables} where id = 2`, 'delete from item')],
  [
    1,
    texts(
      'other write',
      "insert ignore into item (id, name) values (1, 'taken')",
      "insert into item (id, name) values (1, 'taken') on duplicate key update name = 'again'",
      "replace into item (id, name) values (1, 'replaced')",
      'insert into item (name) select name from tenant_b.item order by id',
      'truncate item',
      'select name from item where id = 1 for update',
      "insert into item (name) values ('ret') returning id",
      'update item set id = last_insert_id(id + 10) where id = 2',
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
      'create or replace view fresh as select 7 as id',
      'create or replace view fresh as select app.add_item(1) as id',
      'drop view if exists fresh',
    ),
  ],
]

export const functions: Mix = [
  [2, texts('function that reads', 'select app.peek() as n')],
  [
    3,
    texts(
      'function that writes',
      "select app.add_item('f') as id",
      "do app.add_item('d')",
      "call app.add_both('c')",
      'select * from app.noisy',
      'select * from fresh',
      'set @v = app.add_item(@v)',
    ),
  ],
  [1, valued('function that writes', sql`select app.add_item(?) as id`, [['g']])],
  [2, texts('routine that swallows', "call app.add_quietly('q')", "select app.tried('t') as t")],
  [
    2,
    texts(
      'routine that leaves something',
      "call app.claim('b')",
      "select app.claimed('c') as c",
      'call app.hold()',
      'call app.let_go()',
      'call app.lasting()',
      'call app.make_basket()',
      'call app.quirk()',
    ),
  ],
  [1, texts('do', 'do 1', "do @v := 'do'", 'do sleep(0)')],
]

export const reads: Mix = [
  [4, texts('read', sql`select id, name from ${tables} order by id`)],
  [2, texts('count', sql`select count(*) as n from ${tables}`)],
  [1, valued('read, values', sql`select name from ${tables} where id = ?`, [[1], [3]])],
  [1, texts('nothing', 'select 1 as one', '/* nothing */ select 2 as two', "show tables like 'it%'")],
]

/** Rows that are read one by one. */
export const streams: Mix = [
  [2, valued('stream', sql`select id, name from ${tables} order by id`, [[]], ['stream'])],
  [
    1,
    valued(
      'stream',
      sql`${['insert into item (name) values (?)', 'select app.add_item(?) as id', 'select missing from item where id = ?']}`,
      [['streamed']],
      ['stream'],
    ),
  ],
]

export const failures: Mix = [
  [
    2,
    texts(
      'failure',
      'selec 1',
      'select * from missing',
      "insert into item (id, name) values (1, 'taken')",
      'call app.missing()',
      'update item set missing = 1',
      'insert into item (name) values (null)',
      'select cast(1 as nonsense)',
      "signal sqlstate '45000'",
    ),
  ],
]
