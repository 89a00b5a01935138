import fc from 'fast-check'
import type { ConformanceCluster, ConformanceNode } from '../../conformance/adapter.ts'
import { emphasized, type Mix, together } from '../choice.ts'
import type { SessionDialect } from '../dialect.ts'
import type { Session, Step } from '../step.ts'
import { locks, remembered, temporaries } from './objects.ts'
import { methods, readSettings, set, settings, setVariable } from './settings.ts'
import { begin, transactions } from './transactions.ts'
import { contents, reset, setUp } from './world.ts'
import { failures, functions, insert, reads, writes } from './writes.ts'

function sessionsOf({ hasMethods }: { hasMethods: boolean }): fc.Arbitrary<Session> {
  const plain = [
    set,
    setVariable,
    begin,
    insert,
    ...[...transactions, ...readSettings, ...failures].map(([, step]) => step),
  ]
  const several: Mix = [
    [
      3,
      together(
        'several in one text',
        fc.oneof(...plain).filter(({ form }) => form === 'text'),
      ),
    ],
  ]
  const own = hasMethods ? methods : []
  const all: Mix = [
    ...settings,
    ...own,
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
    [...settings, ...own, ...readSettings, ...writes],
    [...transactions, ...settings, ...writes],
    [...temporaries, ...writes, ...transactions],
    [...locks, ...remembered, ...writes],
    [...functions, ...readSettings, ...writes],
    all,
  ]
  const stepsOf = (theme: Mix): fc.Arbitrary<Step[]> =>
    fc.array(emphasized(all, theme, 8), { minLength: 1, maxLength: 12, size: 'max' })
  return fc.record({
    steps: fc.oneof(...themes.map(stepsOf)),
    ending: fc.constantFrom('release', 'release', 'release', 'destroy'),
    swallows: fc.constantFrom(false, false, true),
  })
}

const asked = (text: string): Step => ({ kind: 'leftovers', text, form: 'text', values: [] })
const variables = [
  'time_zone',
  'sql_mode',
  'autocommit',
  'group_concat_max_len',
  'sql_select_limit',
  'sql_safe_updates',
]
const more = ['auto_increment_increment', 'div_precision_increment', 'character_set_client', 'foreign_key_checks']

const leftovers = [
  ...[...variables, ...more].map((name) => asked(`select concat('${name} = ', @@${name}) as line`)),
  asked("select concat('@v = ', coalesce(@v, 'null')) as line"),
  asked("select concat('user = ', current_user(), ', ', coalesce(database(), 'none')) as line"),
  asked("select if(is_used_lock('one') = connection_id(), 'lock one', 'no lock one') as line"),
  asked("select if(is_used_lock('two') = connection_id(), 'lock two', 'no lock two') as line"),
]

async function mariadbDamage({ replicas }: ConformanceCluster): Promise<string | undefined> {
  for (const replica of replicas) {
    const [row] = await replica.query<{ at: string; id: number }>('select @@gtid_binlog_pos as at, @@server_id as id')
    const own = (row?.at ?? '').split(',').filter((gtid) => gtid.split('-')[1] === String(row?.id))
    if (own.length > 0) return `the replica has logged a transaction of its own: ${own.join(', ')}`
  }
  return undefined
}

async function mariadbRepair({ primary, replicas }: ConformanceCluster): Promise<void> {
  const [row] = await primary.query<{ at: string }>('select @@gtid_binlog_pos as at')
  for (const replica of replicas) {
    await replica.query('stop slave')
    await replica.query('reset master')
    await replica.query(`set global gtid_slave_pos = '${row?.at ?? ''}'`)
    await replica.query('start slave')
  }
}

async function mysqlDamage({ replicas }: ConformanceCluster): Promise<string | undefined> {
  for (const replica of replicas) {
    const own = await ownTransactions(replica)
    if (own !== '') return `the replica has logged a transaction of its own: ${own}`
  }
  return undefined
}

async function ownTransactions(node: ConformanceNode): Promise<string> {
  const [row] = await node.query<{ uuid: string; done: string }>(
    'select @@server_uuid as uuid, @@gtid_executed as done',
  )
  return (row?.done ?? '')
    .split(/,\s*/)
    .filter((set) => set.startsWith(row?.uuid ?? '-'))
    .join(', ')
}

const shared = { first: asked('select count(*) as n from app.item'), setUp, reset, contents, leftovers }

/** MariaDB; without what only mysql2's own connections have methods for, where `hasMethods` is false. */
export function mariadbSessions(options: { hasMethods: boolean }): SessionDialect {
  return { ...shared, sessions: sessionsOf(options), damage: mariadbDamage, repair: mariadbRepair }
}

/** MySQL. */
export function mysqlSessions(options: { hasMethods: boolean }): SessionDialect {
  return {
    ...shared,
    sessions: sessionsOf(options),
    async setUp(primary) {
      // Else a table's next AUTO_INCREMENT is the one of a day ago.
      await primary.query('set global information_schema_stats_expiry = 0')
      await setUp(primary)
    },
    damage: mysqlDamage,
  }
}
