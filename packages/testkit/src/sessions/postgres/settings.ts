import fc from 'fast-check'
import { type Mix, sql, texts, valued } from '../choice.ts'
import type { Step } from '../step.ts'

const assignments = [
  'search_path to tenant_a',
  'search_path to tenant_b, public',
  "search_path = 'tenant_a', 'public'",
  "app.tenant to 'b'",
  "app.tenant = 'c'",
  "timezone to 'Asia/Tokyo'",
  "timezone to 'Mars/Phobos'",
  "time zone 'America/Lima'",
  "datestyle to 'SQL, DMY'",
  'intervalstyle to iso_8601',
  "statement_timeout to '4s'",
  'extra_float_digits to -3',
  'transform_null_equals to on',
  'session_replication_role to replica',
]
const names = ['search_path', 'app.tenant', 'timezone', 'datestyle', 'role', 'all', 'statement_timeout']
const pairs = [
  ['search_path', 'tenant_a'],
  ['search_path', 'tenant_b, public'],
  ['app.tenant', 'b'],
  ['timezone', 'Asia/Tokyo'],
  ['timezone', 'Mars/Phobos'],
  ['app.tenant', ''],
]
const isLocal = ['true', 'false', 'false']
const literals = pairs.map(([name, value]) => `'${name}', '${value}'`)
const expressions = [
  "'search_path', 'tenant_' || 'a'",
  "'app.tenant', (select min(name) from item)",
  "'app.tenant', coalesce(current_setting('app.tenant', true), '') || 'z'",
  "'app.' || 'tenant', upper('b')",
]
const buried = [
  "with s as (select set_config('search_path', 'tenant_a', false) as v) select v from s",
  "select id from item where id = 1 and set_config('app.tenant', 'w', false) is not null",
  "select case when true then set_config('app.tenant', 'k', false) end",
  "values (set_config('app.tenant', 'v', false))",
]

export const setConfig: fc.Arbitrary<Step> = texts(
  'set_config, literals',
  sql`select set_config(${literals}, ${isLocal})`,
)
export const set: fc.Arbitrary<Step> = texts('set', sql`set ${assignments}`, sql`set session ${assignments}`)
export const setLocal: fc.Arbitrary<Step> = texts(
  'set local',
  sql`set local ${assignments}`,
  'set local role clerk',
  'set local session authorization app',
)

export const settings: Mix = [
  [5, set],
  [4, setLocal],
  [2, texts('reset', sql`reset ${names}`, sql`set ${['search_path', 'timezone']} to default`)],
  [3, setConfig],
  [2, valued('set_config, values', sql`select set_config($1, $2, ${isLocal})`, pairs)],
  [1, texts('set_config, expressions', sql`select set_config(${expressions}, ${isLocal})`)],
  [1, texts('set_config, buried', ...buried)],
  [1, texts('set_config of rows', "select set_config('app.tenant', name, false) from item order by id")],
  [2, texts('role', 'set role clerk', 'set role none', 'reset role', "set role 'app'", 'set role nobody')],
  [
    1,
    texts(
      'session authorization',
      'set session authorization app',
      'set session authorization default',
      'reset session authorization',
      'set session authorization clerk',
    ),
  ],
  [1, texts('discard', 'discard all', 'discard plans', 'discard temp', 'discard sequences', 'deallocate all')],
  [
    1,
    texts(
      'session characteristics',
      'set session characteristics as transaction read only',
      'set session characteristics as transaction read write',
      'set session characteristics as transaction isolation level serializable',
      'set default_transaction_isolation to serializable',
      'set default_transaction_read_only to on',
      'set transaction_read_only to off',
    ),
  ],
]

export const readSettings: Mix = [
  [3, texts('read a setting', sql`show ${['search_path', 'timezone', 'datestyle', 'role', 'statement_timeout']}`)],
  [
    3,
    fc.oneof(
      texts('current_setting', "select current_setting('app.tenant', true) as tenant, current_setting('search_path')"),
      valued('current_setting', fc.constant('select current_setting($1, true) as value'), [
        ['app.tenant'],
        ['search_path'],
        ['timezone'],
        ['transaction_isolation'],
      ]),
    ),
  ],
  [2, texts('who and where', 'select current_user, session_user, current_schema(), current_schemas(false)::text')],
  [
    2,
    texts(
      'resolution',
      `select case when relpersistence = 't' then 'temporary' else relnamespace::regnamespace::text end as schema
       from pg_class where oid = to_regclass('item')`,
    ),
  ],
  [2, texts('styles', "select date '2020-02-03'::text, interval '1 day 2 hours'::text, (1.1::float8 / 3)::text")],
]
