import type { Observation } from '../position.ts'
import type { AskRows } from './ask.ts'
import { gtids } from './gtid.ts'
import type { LagWatch, Look } from './lag-watch.ts'
import { readMysqlError } from './mysql.ts'
import type { MysqlFlavour } from './mysql-observation.ts'

/** How far a replica is behind; what the server does not tell is undefined. */
type Lag = Pick<Observation, 'lagBytes' | 'lagSeconds' | 'lastContactSeconds'>

/**
 * To the microsecond, where the user may read these two tables: what has been received, and when that was committed on the
 * primary which is being applied, and which was applied last; or was received last, where replication was started anew and has
 * applied nothing since. Zero is "never".
 */
const precise = `select c.received_transaction_set as received, @@global.gtid_executed as at, unix_timestamp(sysdate(6)) as now,
  (select unix_timestamp(min(nullif(applying_transaction_original_commit_timestamp, 0)))
    from performance_schema.replication_applier_status_by_worker) as applying,
  unix_timestamp(coalesce((select max(nullif(last_applied_transaction_original_commit_timestamp, 0))
    from performance_schema.replication_applier_status_by_worker),
    nullif(c.last_queued_transaction_original_commit_timestamp, 0))) as newest,
    unix_timestamp(nullif(greatest(c.last_heartbeat_timestamp, c.last_queued_transaction_end_queue_timestamp), 0)) as heard
  from performance_schema.replication_connection_status c where c.received_transaction_set <> ''`

/** To the second, where the user has REPLICATION CLIENT (MySQL), or REPLICA MONITOR (MariaDB): a row for each source. */
const status: Readonly<Record<MysqlFlavour['kind'], string>> = {
  mysql: 'show replica status',
  mariadb: 'show all slaves status',
  modest: 'show replica status',
}

/**
 * How far a replica is behind, as far as this user may know. Nothing is behind where nothing waits, however long the primary
 * has been idle.
 */
export async function mysqlLag(
  ask: AskRows,
  kind: MysqlFlavour['kind'],
  { instance, at }: Observation,
  watch: LagWatch,
): Promise<Lag> {
  if (at === undefined) return {}
  const exact = kind === 'mysql' ? await allowed(ask, precise) : []
  const rows = await allowed(ask, status[kind])
  const seconds =
    exact.length > 0
      ? [await watch.seconds(instance, async () => lookOf(await ask(precise)))]
      : rows.map((row) => wholeSecondsOf(row, at))
  const contact = most([...exact, ...rows].map(contactOf).filter((age) => age !== undefined))
  return {
    lagSeconds: most(seconds),
    lagBytes: most(rows.map((row) => bytesOf(row, at))),
    ...(contact === undefined ? {} : { lastContactSeconds: contact }),
  }
}

/** How long ago (seconds) the last event or heartbeat came from the source. */
function contactOf({ heard, now }: Row): number | undefined {
  return heard === null || heard === undefined ? undefined : Math.max(0, Number(now) - Number(heard))
}

/** The user may not, or the server cannot: then there are no rows. */
async function allowed(ask: AskRows, sql: string): ReturnType<AskRows> {
  try {
    return await ask(sql)
  } catch (error) {
    if (readMysqlError(error) === 'unavailable') throw error
    return []
  }
}

type Row = Readonly<Record<string, unknown>>

/** All sources together: the tables of workers are not asked for each of them. */
function lookOf(rows: readonly Row[]): Look | undefined {
  const [row] = rows
  if (row === undefined) return undefined
  const { at, now, applying, newest } = row
  return {
    at: withoutSpaces(at),
    received: rows.map(({ received }) => withoutSpaces(received)).reduce((a, b) => gtids.merge(a, b)),
    now: Number(now),
    newest: numberOf(newest),
    applying: numberOf(applying),
  }
}

function withoutSpaces(set: unknown): string {
  return String(set).replaceAll(/\s/g, '')
}

function numberOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value)
}

function wholeSecondsOf(row: Row, at: string): number | undefined {
  if (isApplied(row, at)) return 0
  // Null where replay stands still.
  const seconds = row['Seconds_Behind_Source'] ?? row['Seconds_Behind_Master']
  return numberOf(seconds)
}

/** Whether all that was received can be seen. */
function isApplied(row: Row, at: string): boolean {
  const received = row['Retrieved_Gtid_Set'] ?? row['Gtid_IO_Pos']
  return typeof received === 'string' && received !== '' && gtids.covers(at, received)
}

/** What lies between the two in the primary's log, as long as both are in the same file of it. */
function bytesOf(row: Row, at: string): number | undefined {
  if (isApplied(row, at)) return 0
  const of = (name: string): unknown => row[name.replace('*', 'Source')] ?? row[name.replace('*', 'Master')]
  if (of('*_Log_File') !== of('Relay_*_Log_File')) return undefined
  const [read, executed] = [of('Read_*_Log_Pos'), of('Exec_*_Log_Pos')]
  return read === undefined || executed === undefined ? undefined : Math.max(0, Number(read) - Number(executed))
}

/** The worst of all sources; unknown where one of them is. */
function most(values: readonly (number | undefined)[]): number | undefined {
  return values.length === 0 || values.includes(undefined) ? undefined : Math.max(...(values as number[]))
}
