import {
  lsn,
  type Observation,
  type Position,
  type Role,
  readPostgresError,
  type ServerInstance,
} from '@flyroute/core/adapter'
import type { Ask, Facts } from './facts.ts'

/** The timeline is in the name of the log file that is written now: at once after a promotion. */
const primaryTimeline = 'substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)'
const clock = '(extract(epoch from clock_timestamp()) * 1000)::int8'

/** As one value, whatever the app has set for the types of its columns. */
const inOne = (columns: string): string => `select json_build_array(${columns})::text as answer`

/**
 * What a server says of itself. On a standby the timeline is the newest of what its control file and (with the rights of
 * pg_monitor) its receiver know: never too new, which would be dangerous, sometimes too old, which costs a replay.
 */
const fullQuestion = inOne(`pg_is_in_recovery(),
  extract(epoch from pg_postmaster_start_time())::text,
  (select system_identifier::text from pg_control_system()),
  case when pg_is_in_recovery()
    then (select lpad(to_hex(greatest(c.timeline_id, r.min_recovery_end_timeline, (select max(received_tli) from pg_stat_wal_receiver))), 8, '0')
          from pg_control_checkpoint() c, pg_control_recovery() r)
    else ${primaryTimeline} end,
  case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text,
  case when pg_is_in_recovery() then pg_last_wal_receive_lsn() end::text,
  case when not pg_is_in_recovery() then null
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver) then 0
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end,
  case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end`)

/** Where a managed server refuses the functions of the first, its positions cannot be compared. */
const questions = [fullQuestion, inOne('pg_is_in_recovery()')] as const

const positionSql = inOne(
  `pg_current_wal_flush_lsn()::text, pg_current_wal_insert_lsn()::text, current_setting('synchronous_commit'), ${primaryTimeline}, ${clock}`,
)
const replayedSql = inOne(`pg_last_wal_replay_lsn()::text, ${clock}`)

/** One tiny record behind a position that stands in the middle of another one. Ordinary users may. */
const separatorSql = "select pg_logical_emit_message(true, 'flyroute', '')"

const pageSize = 8_192n
/** What a page begins with. */
const headerSize = 24n

/** PostgreSQL and what speaks its language. */
export function postgresFacts(): Facts {
  let known = 0
  return {
    language: 'postgres',
    algebra: lsn,
    readError: readPostgresError,
    isOfReadOnlyTransaction: (error) => !/recovery|hot standby/i.test(String((error as Error).message)),
    isAnswer(error) {
      const { severity, code } = (error ?? {}) as { severity?: unknown; code?: unknown }
      if (typeof severity !== 'string' || readPostgresError(error) === 'unavailable') return false
      // statement_completion_unknown, transaction_resolution_unknown
      return code !== '40003' && code !== '08007'
    },
    async observe(ask, expected) {
      for (let question = known; ; question++) {
        const sql = questions[question]
        if (sql === undefined) return readObservation([], expected)
        try {
          return readObservation(await answer(ask, sql), expected)
        } catch (error) {
          if (!this.isAnswer(error)) throw error
          known = Math.max(known, question + 1)
        }
      }
    },
    async position(ask, server, asynchronous) {
      if (server.cluster === '') throw new Error('The server does not tell its cluster')
      if (server.role === 'replica') {
        const [at, time] = await answer(ask, replayedSql)
        return { cluster: server.cluster, epoch: server.epoch, at: String(at), time: Number(time) }
      }
      const first = await takePosition(ask, server, asynchronous)
      if (first !== undefined) return first
      await ask(separatorSql)
      const second = await takePosition(ask, server, asynchronous)
      if (second === undefined) throw new Error('The position stays unreachable')
      return second
    },
  }
}

async function answer(ask: Ask, sql: string): Promise<readonly unknown[]> {
  const [row] = await ask(sql)
  return JSON.parse(String(row?.['answer'])) as unknown[]
}

function readObservation(row: readonly unknown[], expected: Role): Observation {
  const [recovering, started, cluster, timeline, at, received, lagSeconds, lagBytes] = row
  const id = typeof cluster === 'string' ? cluster : ''
  const told = recovering === undefined ? expected : recovering === true ? 'replica' : 'primary'
  return {
    instance: `${id}@${typeof started === 'string' ? started : told}`,
    role: told,
    cluster: id,
    epoch: typeof timeline === 'string' ? Number.parseInt(timeline, 16) : 0,
    at: typeof at === 'string' ? withoutPageHeader(at) : undefined,
    received: typeof received === 'string' ? received : undefined,
    lagSeconds: lagSeconds == null ? (told === 'primary' ? 0 : undefined) : Number(lagSeconds),
    lagBytes: lagBytes == null ? undefined : Number(lagBytes),
  }
}

/**
 * Undefined where the flushed log ends at the edge of a page, in the middle of somebody else's record. Without synchronous
 * commit the log is not flushed yet: there the insert position counts, set back over the header of a page just begun.
 */
async function takePosition(ask: Ask, server: ServerInstance, asynchronous: boolean): Promise<Position | undefined> {
  const [flushed, inserted, setting, timeline, time] = await answer(ask, positionSql)
  const isOff = asynchronous || setting === 'off'
  if (!isOff && toAddress(String(flushed)) % pageSize === 0n) return undefined
  const at = isOff ? withoutPageHeader(String(inserted)) : String(flushed)
  return { cluster: server.cluster, epoch: Number.parseInt(String(timeline), 16), at, time: Number(time) }
}

function withoutPageHeader(at: string): string {
  const address = toAddress(at)
  if (address % pageSize !== headerSize) return at
  const back = address - headerSize
  return `${(back >> 32n).toString(16).toUpperCase()}/${(back & 0xffff_ffffn).toString(16).toUpperCase()}`
}

function toAddress(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}
