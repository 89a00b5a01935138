import type { Dialect } from '@flyroute/core'
import { createClassifier, type SettingFacts } from '@flyroute/core/adapter'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'

// What a text sets of its session, and whether it needs one, is read from its words: nothing in a literal, a quoted name, a
// dollar quote or a comment is one of them.

const classifiers = {
  postgres: createClassifier({ dialect: 'postgres' }),
  mysql: createClassifier({ dialect: 'mysql' }),
}

const plain = {
  names: [],
  count: 1,
  isLocal: false,
  readOnly: undefined,
  isOfOne: false,
  discards: false,
  isDatabase: false,
} satisfies SettingFacts

/** What differs from a setting without a name for the session; undefined for none. */
const settings: readonly (readonly [keyof typeof classifiers, string, Partial<SettingFacts> | undefined])[] = [
  ['postgres', 'select 1', undefined],
  ['postgres', "set work_mem = '1MB'", { names: ['work_mem'] }],
  ['postgres', 'set session authorization joe', { names: ['authorization'] }],
  ['postgres', 'set time zone 3', { names: ['time'] }],
  ['postgres', "set app.tenant = 'a.b'", { names: ['app.tenant'] }],
  ['postgres', 'set App."Tenant" to off', { names: ['app.tenant'] }],
  ['postgres', 'set a.b.c = 1', { names: ['a.b.c'] }],
  ['postgres', 'set local app.tenant = 1', { names: ['app.tenant'], isLocal: true }],
  ['postgres', 'set local.tenant = 1', { names: ['local.tenant'] }],
  ['postgres', 'set session app.tenant = 1', { names: ['app.tenant'] }],
  ['postgres', 'set local a.b = 1; set a.c = 1', { count: 2, names: ['a.b', 'a.c'] }],
  ['postgres', 'set local a.b = 1; set local a.c = 1', { count: 2, names: ['a.b', 'a.c'], isLocal: true }],
  ['postgres', "select set_config('app.Tenant', 'x', false)", { names: ['app.tenant'] }],
  ['postgres', "select set_config('it''s.a', 'x', 'yes')", { names: ["it's.a"], isLocal: true }],
  ['postgres', 'select set_config($q$a.b$q$, $2, true)', { names: ['a.b'], isLocal: true }],
  ['postgres', 'select set_config($1::text, $2, $3)', { names: [1] }],
  ['postgres', "select set_config($3, 'x', true), set_config('a.b', $1, false)", { count: 2, names: [3, 'a.b'] }],
  ['postgres', "select set_config('a.b', 'x', null)", { names: ['a.b'] }],
  [
    'postgres',
    "select set_config('transaction_read_only', 'on', true)",
    { names: ['transaction_read_only'], isLocal: true, readOnly: true, isOfOne: true },
  ],
  [
    'postgres',
    "select set_config('default_transaction_read_only', 'on', false)",
    { names: ['default_transaction_read_only'], readOnly: true },
  ],
  [
    'postgres',
    "select set_config('default_transaction_read_only', $1, false)",
    { names: ['default_transaction_read_only'], readOnly: false },
  ],
  ['postgres', "select set_config('a.b', now(), false)", undefined],
  ['postgres', 'set default_transaction_read_only to on', { names: ['default_transaction_read_only'], readOnly: true }],
  [
    'postgres',
    "set default_transaction_read_only = 'f'",
    { names: ['default_transaction_read_only'], readOnly: false },
  ],
  [
    'postgres',
    'set default_transaction_read_only = default',
    { names: ['default_transaction_read_only'], readOnly: false },
  ],
  ['postgres', 'set transaction_read_only = on', { names: ['transaction_read_only'], readOnly: true, isOfOne: true }],
  ['postgres', 'reset default_transaction_read_only', { names: ['default_transaction_read_only'], readOnly: false }],
  ['postgres', 'reset all', { names: ['all'], readOnly: false }],
  ['postgres', 'reset app.tenant', { names: ['app.tenant'] }],
  ['postgres', 'set session characteristics as transaction read only', { names: ['characteristics'], readOnly: true }],
  [
    'postgres',
    'set session characteristics as transaction isolation level read committed, read write',
    { names: ['characteristics'], readOnly: false },
  ],
  [
    'postgres',
    'set session characteristics as transaction isolation level read committed',
    { names: ['characteristics'] },
  ],
  ['postgres', 'set transaction read only', undefined],
  ['postgres', 'set local transaction isolation level serializable', undefined],
  ['postgres', 'discard all', { discards: true }],
  ['postgres', 'discard plans', {}],
  ['postgres', 'deallocate all', {}],
  ['postgres', 'prepare a as select 1', {}],
  ['postgres', "prepare transaction 'a'", undefined],
  ['mysql', 'use shop', { names: ['use'], isDatabase: true }],
  ['mysql', 'set @a = 1', { names: ['@a'] }],
  ['mysql', "set names 'latin1'", { names: ['names'] }],
  ['mysql', 'set names latin1, @a = 1', { count: 2, names: ['names', '@a'] }],
  ['mysql', 'set character set latin1', {}],
  ['mysql', 'set role clerk', { names: ['role'] }],
  ['mysql', 'set transaction read only', undefined],
  ['mysql', 'set session transaction read only', { readOnly: true }],
  ['mysql', 'set local transaction isolation level read committed, read write', { count: 2, readOnly: false }],
  ['mysql', 'set @@session.transaction_read_only = 1', { names: ['transaction_read_only'], readOnly: true }],
  [
    'mysql',
    'set sql_mode = "x", `tx_read_only` = OFF',
    { count: 2, names: ['sql_mode', 'tx_read_only'], readOnly: false },
  ],
  ['mysql', 'set @transaction_read_only = 1', { names: ['@transaction_read_only'] }],
]

test.each(settings)('%s: %s', (dialect, sql, facts) => {
  expect(classifiers[dialect].classify(sql).sets).toEqual(facts === undefined ? undefined : { ...plain, ...facts })
})

const forSession = [
  'listen news',
  'select pg_advisory_lock(42)',
  'select pg_catalog.pg_try_advisory_lock_shared(1, 2)',
  'select "pg_advisory_unlock"(42)',
  'insert into t select pg_advisory_lock(42)',
  'create temp table scratch (id int)',
  'create local temporary table scratch as select 1',
  'create or replace temp view scratch as select 1',
  'create temp table scratch (id int) on commit delete rows',
  'select 1 as one into temp scratch',
  'select 1 as one into global temporary table scratch',
  'prepare one as select 1',
  'prepare transaction as select 1',
  'declare rows cursor with hold for select 1',
  'do $$ begin perform pg_advisory_lock(42); end $$',
]

const forNone = [
  'select pg_advisory_xact_lock(42)',
  'select pg_advisory_unlock_all()',
  'select app.pg_advisory_lock(42)',
  'select pg_advisory_lock from locks',
  'create table temp (id int)',
  'create index temp on t (id)',
  'create temp table scratch (id int) on commit drop',
  'create temp table scratch on commit drop as select 1',
  'insert into temp values (1)',
  'with a as (select 1) insert into temp select * from a',
  'merge into temp using t on true when matched then do nothing',
  'declare rows cursor without hold for select 1',
  'declare rows cursor for select 1',
  "prepare transaction 'one'",
  'unlisten *',
  "select 'listen' as word",
  'create view locked as select pg_advisory_lock(42)',
  'create function f() returns int begin atomic select pg_advisory_lock(42); end',
  'set work_mem = 1',
]

test.each([...forSession.map((sql) => [sql, true] as const), ...forNone.map((sql) => [sql, false] as const)])(
  '%s needs a session: %s',
  (sql, needed) => {
    expect(classifiers.postgres.classify(sql).needsSession).toBe(needed)
  },
)

/** What would mean something, were it a word of the statement. */
const bait = fc.constantFrom(
  'listen news',
  'pg_advisory_lock(42)',
  'into temp',
  'create temp table t (id int)',
  'with hold',
  'on commit drop',
  'prepare one as select 1',
  'set local',
  'set a.b = 1',
  "set_config(''a.b'', ''1'', true)",
  'discard all',
  'transaction read only',
  'default_transaction_read_only = on',
  'use other',
  ';',
  "'",
  '--',
)

/** White space with comments in it. */
function gaps(dialect: Dialect): fc.Arbitrary<string> {
  const comments = [bait.map((text) => `/* ${text} */`), bait.map((text) => `-- ${text}\n`)]
  if (dialect === 'postgres') comments.push(bait.map((text) => `/* /* */ ${text} /* ${text} */ */`))
  if (dialect === 'mysql') comments.push(bait.map((text) => `# ${text}\n`))
  return fc.array(fc.oneof(...comments), { minLength: 1, maxLength: 2 }).map((all) => ` ${all.join(' ')} `)
}

/** A literal, or a quoted name. */
function literals(dialect: keyof typeof classifiers): fc.Arbitrary<string> {
  const quoted = bait.map((text) => `'${text.replaceAll("'", "''")}'`)
  return dialect === 'mysql'
    ? fc.oneof(
        quoted,
        bait.map((text) => `"${text}"`),
      )
    : fc.oneof(
        quoted,
        bait.map((text) => `$q$${text}$q$`),
        bait.map((text) => `E'\\'${text.replaceAll("'", "\\'")}'`),
      )
}

/** The statement with comments in all of its white space; what is quoted keeps its own. */
function withGaps(sql: string, gap: readonly string[]): string {
  let n = 0
  return sql.replaceAll(/'(?:[^']|'')*'|"[^"]*"|\$q?\$.*?\$q?\$| /gs, (found) =>
    found === ' ' ? (gap[n++ % gap.length] as string) : found,
  )
}

describe.each(['postgres', 'mysql'] as const)('%s', (dialect) => {
  const { classify } = createClassifier({ dialect, cacheSize: 2 })
  const samples = [
    ...settings.filter(([language]) => language === dialect).map(([, sql]) => sql),
    ...(dialect === 'postgres' ? [...forSession, ...forNone] : []),
  ]

  test('comments change nothing', () => {
    const given = fc.tuple(fc.constantFrom(...samples), fc.array(gaps(dialect), { minLength: 3, maxLength: 3 }))
    fc.assert(
      fc.property(given, ([sql, gap]) => {
        const facts = ({ sets, needsSession }: ReturnType<typeof classify>) => ({ sets, needsSession })
        expect(facts(classify(withGaps(`${sql} `, gap)))).toEqual(facts(classify(sql)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('nor does what is in a literal', () => {
    const name = dialect === 'postgres' ? 'application_name' : '@a'
    fc.assert(
      fc.property(literals(dialect), literals(dialect), (one, two) => {
        expect(classify(`set ${name} = ${one}`).sets).toEqual({ ...plain, names: [name] })
        expect(classify(`select ${one} as "a", ${two} from t`)).toMatchObject({ sets: undefined, needsSession: false })
      }),
      { numRuns: 500 },
    )
  })
})
