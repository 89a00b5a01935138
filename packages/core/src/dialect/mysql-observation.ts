import { refusesMysqlLogin } from '../identity/login.ts'
import { visible } from './gtid.ts'
import { readMysqlError } from './mysql.ts'

/** What a MySQL or MariaDB server says of itself: how to ask, as lists of columns, and what the answers mean. */

/** How to ask one sort of server. */
export interface MysqlFlavour {
  readonly kind: 'mysql' | 'mariadb' | 'modest'
  /** All that is known at once, when a connection is made: `MysqlFullRow`. */
  readonly full: readonly string[]
  /** What changes: `MysqlMovingRow`. */
  readonly moving: readonly string[]
}

export type MysqlMovingRow = readonly [
  readOnly: unknown,
  superReadOnly: unknown,
  engineReadOnly: unknown,
  logged: string | null,
  applied: string | null,
]
export type MysqlFullRow = readonly [
  ...MysqlMovingRow,
  transactionReadOnly: unknown,
  server: string,
  source: string,
  gtids: unknown,
  now: string | number,
  uptime: string | null,
  replicating: string | null,
  logsTemporary: unknown,
  completion: unknown,
]

const mysqlMoving = [
  '@@global.read_only',
  '@@global.super_read_only',
  '@@global.innodb_read_only',
  '@@global.gtid_executed',
  'null',
]
const mariadbMoving = [
  '@@global.read_only',
  '0',
  '@@global.innodb_read_only',
  '@@global.gtid_binlog_state',
  '@@global.gtid_slave_pos',
]
const modestMoving = ['@@global.read_only', '0', '0', 'null', 'null']

/** The server's clock, in seconds and their fractions. */
export const mysqlClock = 'unix_timestamp(sysdate(6))'

export const mysqlFlavours: Readonly<Record<MysqlFlavour['kind'], MysqlFlavour>> = {
  mysql: {
    kind: 'mysql',
    moving: mysqlMoving,
    full: [
      ...mysqlMoving,
      '@@session.transaction_read_only',
      '@@server_uuid',
      '@@server_uuid',
      "@@global.gtid_mode like 'ON%'",
      mysqlClock,
      "(select variable_value from performance_schema.global_status where variable_name = 'Uptime')",
      'null',
      // Measured on 9.7: only in STATEMENT format, which is not the default.
      '0',
      '@@global.completion_type',
    ],
  },
  mariadb: {
    kind: 'mariadb',
    moving: mariadbMoving,
    full: [
      ...mariadbMoving,
      '@@session.tx_read_only',
      "concat(@@server_id, '@', @@hostname, ':', @@port)",
      '@@server_id',
      "@@global.log_bin or @@global.gtid_slave_pos <> ''",
      mysqlClock,
      "(select variable_value from information_schema.global_status where variable_name = 'Uptime')",
      "(select variable_value from information_schema.global_status where variable_name = 'Slave_running')",
      "@@global.log_bin and @@session.binlog_format <> 'ROW'",
      '@@global.completion_type',
    ],
  },
  // Where the server says no to all of that (a proxy, Vitess): the role at most.
  modest: {
    kind: 'modest',
    moving: modestMoving,
    full: [...modestMoving, '0', "''", "''", '0', 'unix_timestamp()', 'null', 'null', '0', 'null'],
  },
}

/** Does nothing anywhere; a server that keeps this user from writing says so before it looks for the table. */
export const writeProbe = 'delete from flyroute.flyroute where false'

/** How far apart (ms) two guesses may be at when one run of a server began: it counts whole seconds. */
const sameRunMs = 1_200

export function isReadOnlyRow([readOnly, superReadOnly, engineReadOnly]: readonly unknown[]): boolean {
  return isOn(readOnly) || isOn(superReadOnly) || isOn(engineReadOnly)
}

/** Whether a setting is on. MariaDB 12 has words for kinds of read-only. */
export function isOn(value: unknown): boolean {
  return typeof value === 'string' ? !/^(0|off|)$/i.test(value) : Boolean(value)
}

/** Where the server stands. A replica of MariaDB counts what it has applied and not yet logged. */
export function readGtids(
  [, , , logged, applied]: MysqlMovingRow,
  { kind }: Pick<MysqlFlavour, 'kind'>,
  isReplica: boolean,
): string {
  const all = (logged ?? '').replaceAll(/\s/g, '')
  return kind === 'mariadb' && isReplica ? visible(all, applied ?? '') : all
}

/**
 * A run of a server, told apart from all others.
 *
 * @param runs when the runs of servers began, by server; kept by the caller
 * @param side tells servers apart that have no name
 */
export function runOfMysql(
  [, , , , , , server, , , now, uptime]: MysqlFullRow,
  runs: Map<string, number>,
  side: string,
): string {
  if (server === '' || uptime === null || uptime === undefined) return `${side}:${server}`
  const begun = Number(now) * 1_000 - Number(uptime) * 1_000
  const known = runs.get(server)
  const same = known !== undefined && Math.abs(begun - known) < sameRunMs
  if (!same) runs.set(server, begun)
  return `${server}#${Math.round(same ? known : begun)}`
}

/** The server does not answer this question, as opposed to not answering at all, or not letting the login in. */
export function refusesMysqlQuestion(error: unknown): boolean {
  return isMysqlAnswer(error) && readMysqlError(error) !== 'unavailable' && !refusesMysqlLogin(error)
}

/** It is the server that says so, and not the driver or the network. */
export function isMysqlAnswer(error: unknown): boolean {
  return typeof (error as { errno?: unknown } | null)?.errno === 'number' && 'sqlState' in (error as object)
}
