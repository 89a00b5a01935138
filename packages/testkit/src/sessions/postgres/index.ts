import type { Mix } from '../choice.ts'
import type { SessionDialect } from '../dialect.ts'
import { asked, mixOf, type StepKinds, sessionsOf } from '../mix.ts'
import { methods, streams } from './methods.ts'
import { locks, remembered, temporaries } from './objects.ts'
import { readSettings, set, setConfig, setLocal, settings } from './settings.ts'
import { begin, transactions } from './transactions.ts'
import { caughtUp, contents, held, isUsed, reset, setUp } from './world.ts'
import { failures, functions, insert, reads, writes } from './writes.ts'

const kinds: StepKinds = {
  settings,
  readSettings,
  transactions,
  temporaries,
  locks,
  remembered,
  writes,
  functions,
  reads,
  failures,
  streams,
}
const mix = mixOf(kinds, { simple: [set, setLocal, begin, insert], settings: [set, setLocal, setConfig] })

/** @param own what the driver has besides texts */
function sessions(own: Mix): SessionDialect['sessions'] {
  const themes: readonly Mix[] = [
    [...settings, ...readSettings, ...writes],
    [...transactions, ...settings, ...writes],
    [...temporaries, ...writes, ...transactions],
    [...locks, ...remembered, ...writes],
    [...functions, ...readSettings, ...writes],
    [...streams, ...own, ...remembered, ...writes],
  ]
  return sessionsOf([...mix, ...own], themes)
}

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
  return { ...shared, sessions: sessions(hasMethods ? methods : []) }
}
