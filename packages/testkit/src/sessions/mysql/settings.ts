import fc from 'fast-check'
import { type Mix, method, sql, texts, valued } from '../choice.ts'
import type { Step } from '../step.ts'

const assignments = [
  "time_zone = '+09:00'",
  "time_zone = 'Mars/Phobos'",
  "sql_mode = 'ANSI_QUOTES'",
  "sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT')",
  'group_concat_max_len = 8',
  'sql_select_limit = 1',
  'sql_safe_updates = 1',
  'auto_increment_increment = 5',
  'div_precision_increment = 2',
  'no_such_variable = 1',
  'insert_id = 50',
  'sql_auto_is_null = 1',
  'timestamp = 86400',
  'foreign_key_checks = 0',
  'transaction_isolation = serializable',
]
const variables = [
  "@v = 'set'",
  '@v = 5',
  '@v := @v',
  "@v = concat(coalesce(@v, 'z'), 'y')",
  '@v = null',
  '@v = (select max(name) from item)',
  "@v = 'a', @w = 'b'",
  '@v = last_insert_id()',
  "@v = get_lock('one', 0)",
  '@v = @@sql_mode, sql_mode = @v',
]

export const set: fc.Arbitrary<Step> = texts(
  'set',
  sql`set ${assignments}`,
  sql`set session ${assignments}`,
  sql`set @@session.${assignments}`,
)
export const setVariable: fc.Arbitrary<Step> = texts('set a variable', sql`set ${variables}`)
export const use: fc.Arbitrary<Step> = texts('use', 'use tenant_a', 'use tenant_b', 'use app', 'use missing')

export const settings: Mix = [
  [4, set],
  [3, setVariable],
  [
    2,
    valued('set, values', sql`set ${['@v', 'time_zone', '@@session.sql_mode']} = ?`, [
      ['+03:00'],
      ['ANSI_QUOTES'],
      [''],
    ]),
  ],
  [2, texts('several in one set', "set @v = 'm', time_zone = '+02:00'", "set time_zone = '+04:00', sql_mode = 'nope'")],
  [4, use],
  [2, texts('set names', 'set names latin1', 'set names utf8mb4', 'set character set utf8mb4')],
  [
    1,
    valued(
      'setting, executed',
      sql`${['use tenant_a', 'set @v = 5', "set time_zone = '+05:00'", 'set autocommit = 0', "select 'e' into @v"]}`,
      [[]],
      ['prepared'],
    ),
  ],
  [3, texts('autocommit', 'set autocommit = 0', 'set autocommit = 1', 'set @@autocommit = 0')],
  [
    1,
    texts(
      'isolation',
      'set session transaction isolation level serializable',
      'set transaction isolation level read committed',
      'set session transaction read only',
      'set session transaction read write',
      'set transaction read only',
    ),
  ],
  [1, texts('role', 'set role none', 'set role clerk', 'set role default')],
]

/** What the driver has methods for. */
export const methods: Mix = [
  [2, method('changeUser', [[{ database: 'tenant_a' }], [{ database: 'tenant_b' }], [{ database: 'app' }], [{}]])],
  [
    1,
    method('changeUser', [
      [{ user: 'other', password: 'pw', database: 'app' }],
      [{ user: 'other', password: 'wrong' }],
    ]),
  ],
  [1, method('reset')],
  [1, method('ping')],
  [1, method('beginTransaction')],
  [1, method('commit')],
  [1, method('rollback')],
  [
    1,
    method('prepare', [
      ['select name from item where id = ?', 1],
      ['insert into item (name) values (?)', 'kept'],
      ['set @v = ?', 'kept'],
      ['select get_lock(?, 0) as got', 'one'],
    ]),
  ],
]

export const readSettings: Mix = [
  [3, texts('where', 'select database() as d, current_user() as u')],
  [3, texts('variables', 'select @v as v, @w as w', "select coalesce(@v, 'none') as v")],
  [
    2,
    texts(
      'settings',
      'select @@time_zone as tz, @@sql_mode as mode, @@autocommit as ac',
      'select @@auto_increment_increment as step, @@sql_select_limit as lim, @@group_concat_max_len as len',
      'select @@character_set_client as cs, @@character_set_results as r',
      'select unix_timestamp(now()) < 100000 as old, @@foreign_key_checks as checks',
      'select id, name from item where id is null',
    ),
  ],
  [1, texts('styles', "select from_unixtime(0) as t, 1 / 3 as third, 'a' || 'b' as piped")],
  [1, valued('settings, values', fc.constant('select @@time_zone as tz, ? as given'), [['x']])],
]
