import type { Admins } from '../admin.ts'
import type { Mix } from '../choice.ts'
import type { SessionDialect } from '../dialect.ts'
import { asked, mixOf, type StepKinds, sessionsOf } from '../mix.ts'
import type { Step } from '../step.ts'
import { locks, remembered, temporaries } from './objects.ts'
import { methods, readSettings, set, settings, setVariable, use } from './settings.ts'
import { begin, transactions } from './transactions.ts'
import { contents, held, reset, setUp } from './world.ts'
import { failures, functions, insert, reads, streams, writes } from './writes.ts'

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
const mix = mixOf(kinds, { simple: [set, setVariable, begin, insert], settings: [set, setVariable, use] })

function sessions({ hasMethods }: { hasMethods: boolean }): SessionDialect['sessions'] {
  const own = hasMethods ? methods : []
  const themes: readonly Mix[] = [
    [...settings, ...own, ...readSettings, ...writes],
    [...transactions, ...settings, ...writes],
    [...temporaries, ...writes, ...transactions],
    [...locks, ...remembered, ...writes],
    [...streams, ...remembered, ...settings, ...writes],
    [...functions, ...readSettings, ...writes],
  ]
  return sessionsOf([...mix, ...own], themes, withoutCountsBehindMethods)
}

/** What they count behind a method that is no statement is another thing here, and `docs/mysql.md` says so. */
function withoutCountsBehindMethods(steps: readonly Step[]): Step[] {
  const isMethod = (step: Step | undefined): boolean =>
    step?.form === 'method' && ['changeUser', 'reset', 'ping'].includes(step.text)
  return steps.filter((step, at) => !(isMethod(steps[at - 1]) && /row_count|found_rows/.test(step.text)))
}

const settingNames = [
  'time_zone',
  'sql_mode',
  'autocommit',
  'group_concat_max_len',
  'sql_select_limit',
  'sql_safe_updates',
  'auto_increment_increment',
  'div_precision_increment',
  'character_set_client',
]
const asksFor = (lock: string): string =>
  `select if(is_used_lock('${lock}') = connection_id(), 'lock ${lock}', 'no lock ${lock}') as line`

const leftovers = [
  asked(
    [
      ...settingNames.map((name) => `select concat('${name} = ', @@${name}) as line`),
      "select concat('@v = ', coalesce(convert(@v using utf8mb4), 'null'))",
      "select concat('user = ', current_user(), ', ', coalesce(database(), 'none'))",
    ].join(' union all '),
  ),
  asked(`${asksFor('one')} union all ${asksFor('two')}`),
]

/** The GTIDs among these that the replica has given itself. */
function ownDamage(gtids: readonly string[]): string | undefined {
  return gtids.length === 0 ? undefined : `the replica has logged a transaction of its own: ${gtids.join(', ')}`
}

async function mariadbDamage({ replica }: Admins): Promise<string | undefined> {
  const [server, ...gtids] = (
    await replica.line("select concat_ws(',', @@server_id, @@gtid_binlog_pos) as line")
  ).split(',')
  return ownDamage(gtids.filter((gtid) => gtid.split('-')[1] === server))
}

async function mysqlDamage({ replica }: Admins): Promise<string | undefined> {
  const [server = '', ...gtids] = (
    await replica.line("select concat_ws(',', @@server_uuid, @@gtid_executed) as line")
  ).split(/,\s*/)
  return ownDamage(gtids.filter((gtid) => gtid.startsWith(server)))
}

async function mariadbRepair({ primary, replica }: Admins): Promise<void> {
  const position = await primary.line('select @@gtid_binlog_pos as line')
  for (const sql of ['stop slave', 'reset master', `set global gtid_slave_pos = '${position}'`, 'start slave'])
    await replica.lines(sql)
}

/** @param wait a function of two parameters, a position and seconds, that answers 0 when the position was reached */
function caughtUpBy(position: string, wait: string): SessionDialect['caughtUp'] {
  return async ({ primary, replica }) => {
    const end = await primary.line(`select ${position} as line`)
    const answer = await replica.line(`select concat('answer ', ${wait}('${end}', 7)) as line`)
    if (answer !== 'answer 0') throw new Error(`The replica did not reach ${end} in 7 s`)
  }
}

const blocks = /\b(lock tables|truncate|create table|drop table|alter table|handler|get_lock|last_insert_id)\b/i
const leaves = /@v|temporary|^call |^execute|^select app\./i
const shared = {
  blocks,
  leaves,
  first: asked('select count(*) as n from app.item'),
  reset,
  contents,
  held,
  leftovers,
}

/** MariaDB; without what only mysql2's own connections have methods for, where `hasMethods` is false. */
export function mariadbSessions(options: { hasMethods: boolean }): SessionDialect {
  return {
    ...shared,
    sessions: sessions(options),
    setUp,
    caughtUp: caughtUpBy('@@gtid_binlog_pos', 'master_gtid_wait'),
    damage: mariadbDamage,
    repair: mariadbRepair,
  }
}

/** MySQL. */
export function mysqlSessions(options: { hasMethods: boolean }): SessionDialect {
  return {
    ...shared,
    sessions: sessions(options),
    async setUp(primary) {
      // Else a table's next AUTO_INCREMENT is the one of a day ago, on connections that are made from now on and on this one.
      await primary.lines('set global information_schema_stats_expiry = 0')
      await primary.lines('set session information_schema_stats_expiry = 0')
      await setUp(primary)
    },
    caughtUp: caughtUpBy('@@global.gtid_executed', 'wait_for_executed_gtid_set'),
    damage: mysqlDamage,
  }
}
