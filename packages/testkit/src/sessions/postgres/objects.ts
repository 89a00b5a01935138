import { type Mix, sql, texts, valued } from '../choice.ts'

const temporary = ['basket', 'item', 'pg_temp.basket']
const keys = ['1', '2', '1, 2']
const cursors = ['c1', 'c2']

export const temporaries: Mix = [
  [
    3,
    texts(
      'create temporary table',
      sql`create temp table ${temporary} (id int, name text)`,
      sql`create temporary table ${temporary} (id serial, name text) on commit delete rows`,
      sql`create temp table ${temporary} (id int, name text) on commit drop`,
      sql`create temp table ${temporary} as select id, name from public.item`,
      sql`select id, name into temp ${temporary} from public.item`,
      'create temp view basket as select 1 as id',
      'create temp sequence pg_temp.numbers',
    ),
  ],
  [
    1,
    texts(
      'alter a temporary table',
      'alter table basket add column more text',
      'alter table basket rename to item',
      'create index on basket (id)',
      'truncate basket',
      'analyze basket',
    ),
  ],
  [1, texts('drop temporary table', sql`drop table ${['basket', 'pg_temp.basket', 'pg_temp.item']}`)],
  [
    2,
    texts(
      'write to a temporary table',
      sql`insert into ${temporary} values (7, 'seven')`,
      'insert into item (name) select name from basket order by id',
      'delete from basket',
    ),
  ],
  [2, texts('read a temporary table', sql`select * from ${temporary} order by id`)],
]

export const locks: Mix = [
  [
    2,
    texts(
      'advisory lock',
      sql`select pg_advisory_lock(${keys})`,
      sql`select pg_try_advisory_lock(${keys})`,
      sql`select pg_advisory_lock_shared(${keys})`,
      sql`select pg_advisory_xact_lock(${keys})`,
      sql`select pg_try_advisory_xact_lock(${keys})`,
    ),
  ],
  [1, valued('advisory lock', sql`select ${['pg_advisory_lock', 'pg_try_advisory_lock']}($1::int)`, [[1], [2]])],
  [
    2,
    texts('advisory unlock', sql`select pg_advisory_unlock(${keys})`, 'select pg_advisory_unlock_all()', 'discard all'),
  ],
  [
    2,
    texts(
      'held locks',
      `select classid::int, objid::int, objsubid, mode from pg_locks
       where locktype = 'advisory' and pid = pg_backend_pid() order by 1, 2, 3, 4`,
    ),
  ],
  [1, texts('lock table', sql`lock table item in ${['access share', 'row exclusive', 'exclusive']} mode`)],
]

export const remembered: Mix = [
  [
    2,
    texts(
      'declare',
      sql`declare ${cursors} cursor for select id, name from item order by id`,
      sql`declare ${cursors} cursor with hold for select id, name from item order by id`,
      sql`declare ${cursors} scroll cursor with hold for select id from item order by id`,
    ),
  ],
  [2, texts('fetch', sql`fetch ${['1', 'all', 'prior']} from ${cursors}`, sql`move ${cursors}`)],
  [1, texts('close', sql`close ${cursors}`, 'close all')],
  [
    2,
    texts(
      'prepare',
      'prepare p1 as select name from item where id = 1',
      'prepare p1 (text) as insert into item (name) values ($1) returning id',
      "prepare p2 as select set_config('app.tenant', 'p', false)",
      'prepare p2 as select public.hold(2)',
      'prepare p2 as fetch c1',
    ),
  ],
  [2, texts('execute', 'execute p1', "execute p1 ('executed')", 'execute p2')],
  [1, texts('deallocate', 'deallocate p1', 'deallocate p2', 'deallocate all')],
  [2, texts('lastval', 'select lastval()', "select currval('item_id_seq')", "select currval('public.item_id_seq')")],
  [1, texts('nextval', "select nextval('item_id_seq')", "select setval('item_id_seq', 40)")],
  [1, texts('listen', 'listen news', 'unlisten *', "notify news, 'x'", "select pg_notify('news', 'y')")],
  [1, texts('copy', 'copy (select id, name from item order by id) to stdout', 'copy item (name) from stdin')],
  [1, texts('listening', 'select * from pg_listening_channels() order by 1')],
  [1, texts('xid', 'select txid_current_if_assigned() is null as unassigned')],
]
