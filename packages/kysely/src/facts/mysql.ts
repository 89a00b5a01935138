import { gtids, isOfReadOnlyTransaction, type Observation, readMysqlError, visible } from '@flyroute/core/adapter'
import type { Ask, Facts } from './facts.ts'

interface Flavour {
  readonly isMariadb: boolean
  readonly sql: string
}

const clock = 'cast(unix_timestamp(sysdate(6)) * 1000 as unsigned) as now'

/** From the one that MySQL answers to the one that everything does. */
const flavours: readonly Flavour[] = [
  {
    isMariadb: false,
    sql: `select @@global.read_only or @@global.innodb_read_only as ro, @@server_uuid as server, @@server_uuid as source,
      @@global.gtid_executed as logged, '' as applied, @@global.gtid_mode like 'ON%' as gtids, ${clock}`,
  },
  {
    isMariadb: true,
    sql: `select @@global.read_only or @@global.innodb_read_only as ro, concat(@@server_id, '@', @@hostname, ':', @@port) as server,
      @@server_id as source, @@global.gtid_binlog_state as logged, @@global.gtid_slave_pos as applied,
      @@global.log_bin or @@global.gtid_slave_pos <> '' as gtids, ${clock}`,
  },
  {
    isMariadb: false,
    sql: `select @@global.read_only as ro, '' as server, '' as source, '' as logged, '' as applied, 0 as gtids, ${clock}`,
  },
]

/** MySQL and MariaDB. */
export function mysqlFacts(): Facts {
  let known = 0
  const look = async (ask: Ask): Promise<{ observation: Observation; now: number }> => {
    for (let flavour = known; ; flavour++) {
      const { isMariadb, sql } = flavours[flavour] as Flavour
      try {
        const [row] = await ask(sql)
        return { observation: readObservation(row ?? {}, isMariadb), now: Number(row?.['now']) }
      } catch (error) {
        if (!isAnswer(error) || flavour === flavours.length - 1) throw error
        known = Math.max(known, flavour + 1)
      }
    }
  }
  return {
    language: 'mysql',
    algebra: gtids,
    readError: readMysqlError,
    isOfReadOnlyTransaction,
    isAnswer,
    observe: async (ask) => (await look(ask)).observation,
    async position(ask) {
      const { observation, now } = await look(ask)
      if (observation.at === undefined) throw new Error('The server keeps no GTIDs')
      return { cluster: '', epoch: 0, at: observation.at, time: now }
    },
  }
}

function readObservation(row: Record<string, unknown>, isMariadb: boolean): Observation {
  const role = isOn(row['ro']) ? 'replica' : 'primary'
  const logged = String(row['logged']).replaceAll(/\s/g, '')
  const at = isMariadb && role === 'replica' ? visible(logged, String(row['applied'])) : logged
  const source = String(row['source']).toLowerCase()
  return {
    instance: String(row['server']) || role,
    role,
    cluster: '',
    epoch: 0,
    at: isOn(row['gtids']) ? at : undefined,
    source: source === '' ? undefined : source,
  }
}

function isOn(value: unknown): boolean {
  return typeof value === 'string' ? !/^(0|off|)$/i.test(value) : Boolean(value)
}

function isAnswer(error: unknown): boolean {
  const isError = typeof (error as { errno?: unknown } | null)?.errno === 'number' && 'sqlState' in (error as object)
  return isError && readMysqlError(error) !== 'unavailable'
}
