import { type Mix, sql, texts, valued } from '../choice.ts'

const temporary = ['basket', 'item', 'tenant_a.basket']
const keys = ["'one'", "'two'"]

export const temporaries: Mix = [
  [
    3,
    texts(
      'create temporary table',
      sql`create temporary table ${temporary} (id int, name varchar(60))`,
      'create temporary table basket like item',
      'create temporary table item like tenant_a.item',
      sql`create temporary table ${temporary} as select id, name from tenant_b.item`,
      'create temporary table if not exists basket (id int primary key auto_increment, name varchar(60))',
    ),
  ],
  [
    1,
    texts(
      'alter a temporary table',
      'alter table basket add column more int',
      'alter table basket rename to item',
      'truncate basket',
      'rename table basket to item',
    ),
  ],
  [1, texts('drop temporary table', sql`drop temporary table ${temporary}`, 'drop temporary table if exists basket')],
  [
    2,
    texts(
      'write to a temporary table',
      sql`insert into ${temporary} (id, name) values (7, 'seven')`,
      'insert into item (name) select name from basket order by id',
      'delete from basket',
    ),
  ],
  [2, texts('read a temporary table', sql`select id, name from ${temporary} order by id`)],
]

export const locks: Mix = [
  [2, texts('get_lock', sql`select get_lock(${keys}, 0) as got`, sql`do get_lock(${keys}, 0)`)],
  [1, valued('get_lock', sql`select get_lock(?, 0) as got`, [['one'], ['two']])],
  [
    2,
    texts(
      'release_lock',
      sql`select release_lock(${keys}) as released`,
      'select release_all_locks() as released',
      sql`do release_lock(${keys})`,
    ),
  ],
  [2, texts('held locks', sql`select is_free_lock(${keys}) as free, is_used_lock(${keys}) = connection_id() as mine`)],
  [
    2,
    texts(
      'lock tables',
      'lock tables item write',
      'lock tables item read',
      'lock tables item write, tenant_a.item read',
    ),
  ],
  [2, texts('unlock tables', 'unlock tables')],
]

export const remembered: Mix = [
  [3, texts('last_insert_id', 'select last_insert_id() as id', 'select last_insert_id(77) as id')],
  [2, texts('row_count', 'select row_count() as n')],
  [1, texts('found_rows', 'select sql_calc_found_rows id from item order by id limit 1', 'select found_rows() as n')],
  [
    2,
    texts(
      'select into a variable',
      "select 'i' into @v",
      'select max(id) from item into @v',
      "select @v := 'assigned' as v",
      'select @v := id from item order by id',
      'select name into @v from item where id = 1',
      'select id, name into @v, @w from item where id = 2',
      'select @v := @v + 1 as v',
    ),
  ],
  [
    2,
    texts(
      'prepare',
      "prepare p1 from 'select name from item where id = 1'",
      "prepare p1 from 'insert into item (name) values (@v)'",
      "prepare p2 from 'set @v = 9'",
    ),
  ],
  [1, texts('prepare from a variable', 'prepare p1 from @v', "set @v = 'select 8 as eight'")],
  [1, texts('execute', 'execute p1 using @v', "execute immediate 'insert into item (name) values (1)'")],
  [2, texts('execute', 'execute p1', 'execute p2', "execute immediate 'select 1 as one'")],
  [1, texts('deallocate', 'deallocate prepare p1', 'drop prepare p2')],
  [1, texts('warnings', 'show warnings', 'select @@warning_count as n', 'show count(*) errors')],
  [1, texts('xa', "xa start 'x'", "xa end 'x'", "xa rollback 'x'", "xa commit 'x' one phase")],
  [
    1,
    texts(
      'set statement',
      "set statement sql_mode = 'ANSI_QUOTES' for select 'a' as b",
      "set statement insert_id = 60 for insert into item (name) values ('i')",
    ),
  ],
  [1, texts('handler', 'handler item open', 'handler item read first', 'handler item close')],
]
