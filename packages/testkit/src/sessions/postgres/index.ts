import fc from 'fast-check'
import { emphasized, type Mix, together } from '../choice.ts'
import type { SessionDialect } from '../dialect.ts'
import type { Session, Step } from '../step.ts'
import { methods, streams } from './methods.ts'
import { locks, remembered, temporaries } from './objects.ts'
import { readSettings, set, setConfig, setLocal, settings } from './settings.ts'
import { begin, transactions } from './transactions.ts'
import { caughtUp, contents, held, isUsed, reset, setUp } from './world.ts'
import { failures, functions, insert, reads, writes } from './writes.ts'

const plain: Mix = [
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
  ...streams,
]

const simple = [
  set,
  setLocal,
  begin,
  insert,
  ...[...transactions, ...readSettings, ...failures].map(([, step]) => step),
]
const several: Mix = [
  [3, together('several in one text', fc.oneof(...simple))],
  [1, together('several settings in one text', fc.oneof(set, setLocal, setConfig))],
  [1, together('anything in one text', fc.oneof(...plain.map(([, step]) => step)))],
]

/**
 * Sessions on Postgres; each has a theme, so that what belongs together often comes together.
 *
 * @param own what the driver has besides texts
 */
function sessionsOf(own: Mix): fc.Arbitrary<Session> {
  const all = [...plain, ...several, ...own]
  const themes: readonly Mix[] = [
    [...settings, ...readSettings, ...writes],
    [...transactions, ...settings, ...writes],
    [...temporaries, ...writes, ...transactions],
    [...locks, ...remembered, ...writes],
    [...functions, ...readSettings, ...writes],
    [...streams, ...own, ...remembered, ...writes],
    all,
  ]
  const stepsOf = (theme: Mix): fc.Arbitrary<Step[]> =>
    fc.array(emphasized(all, theme, 8), { minLength: 1, maxLength: 12, size: 'max' })
  return fc.record({
    steps: fc.oneof(...themes.map(stepsOf)),
    ending: fc.constantFrom('release', 'release', 'abandon', 'destroy'),
    swallows: fc.constantFrom(false, false, true),
  })
}

const asked = (text: string): Step => ({ kind: 'leftovers', text, form: 'text', values: [] })

const shared: Omit<SessionDialect, 'sessions'> = {
  blocks:
    /\b(lock table|truncate|create (table|view|function)|drop (table|view|function)|alter table|serializable)\b|\bhold\(|pg_advisory_(xact_)?lock/i,
  leaves:
    /\bset_config\((?!'[a-z_.]+', '[^']*', (true|false)\)$|\$1)|\bset_config\(.*\bfrom\b|select public\.|^do |^execute|temp/i,
  setUp,
  reset,
  contents,
  held,
  isUsed,
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

/** PostgreSQL; with what only pg's own clients have methods for, or where `hasMethods` is false without. */
export function postgresSessions({ hasMethods }: { hasMethods: boolean }): SessionDialect {
  return { ...shared, sessions: sessionsOf(hasMethods ? methods : []) }
}
