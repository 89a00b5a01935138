import fc from 'fast-check'
import { emphasized, type Mix, together } from '../choice.ts'
import type { SessionDialect } from '../dialect.ts'
import type { Session, Step } from '../step.ts'
import { locks, remembered, temporaries } from './objects.ts'
import { readSettings, set, setLocal, settings } from './settings.ts'
import { begin, transactions } from './transactions.ts'
import { caughtUp, contents, reset, setUp } from './world.ts'
import { failures, functions, insert, reads, writes } from './writes.ts'

const several: Mix = [
  [
    3,
    together(
      'several in one text',
      fc
        .oneof(set, setLocal, begin, insert, ...[...transactions, ...readSettings, ...failures].map(([, step]) => step))
        .filter(({ form }) => form === 'text'),
    ),
  ],
]

const all: Mix = [
  ...settings,
  ...readSettings,
  ...transactions,
  ...temporaries,
  ...locks,
  ...remembered,
  ...writes,
  ...functions,
  ...reads,
  ...failures,
  ...several,
]

const themes: readonly Mix[] = [
  [...settings, ...readSettings, ...writes],
  [...transactions, ...settings, ...writes],
  [...temporaries, ...writes, ...transactions],
  [...locks, ...remembered, ...writes],
  [...functions, ...readSettings, ...writes],
  all,
]

function stepsOf(theme: Mix): fc.Arbitrary<Step[]> {
  return fc.array(emphasized(all, theme, 8), { minLength: 1, maxLength: 12, size: 'max' })
}

/** Sessions on Postgres; each has a theme, so that what belongs together often comes together. */
const sessions: fc.Arbitrary<Session> = fc.record({
  steps: fc.oneof(...themes.map(stepsOf)),
  ending: fc.constantFrom('release', 'release', 'release', 'destroy'),
  swallows: fc.constantFrom(false, false, true),
})

const asked = (text: string): Step => ({ kind: 'leftovers', text, form: 'text', values: [] })

/** PostgreSQL. */
export const postgresSessions: SessionDialect = {
  sessions,
  blocks:
    /\b(lock table|truncate|create (table|view|function)|drop (table|view|function)|alter table|serializable)\b|\bhold\(|pg_advisory_(xact_)?lock/i,
  setUp,
  reset,
  contents,
  caughtUp,
  leftovers: [
    asked(`
      select name || ' = ' || setting as line from pg_settings
        where source = 'session' and name not like 'transaction%'
      union all select 'app.tenant = ' || coalesce(nullif(current_setting('app.tenant', true), ''), '(none)')
      union all select 'user = ' || current_user || ', ' || session_user
      union all select 'temporary ' || relname from pg_class where relnamespace = pg_my_temp_schema() and relkind in ('r', 'v', 'S')
      union all select 'prepared ' || name from pg_prepared_statements where from_sql
      union all select 'cursor ' || name from pg_cursors where is_holdable
      union all select 'listens to ' || c from pg_listening_channels() c
      union all select 'advisory lock ' || classid || ' ' || objid from pg_locks
        where locktype = 'advisory' and pid = pg_backend_pid()
      order by 1`),
  ],
}
