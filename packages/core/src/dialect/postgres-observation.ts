import type { Observation, Role } from '../position.ts'
import { readPostgresError } from './postgres.ts'
import { bytesLeft, hasAll } from './postgres-lag.ts'
import { primaryTimeline, timelineOf, withoutPageHeader } from './wal-position.ts'

/** What a PostgreSQL server says of itself: how to ask, as lists of columns that are all text, and what the answers mean. */

/**
 * All of it. On a standby the timeline is the newest of what its control file and (with the rights of pg_monitor) its receiver
 * know: never too new, which would be dangerous, sometimes too old, which costs a replay.
 */
const fullColumns = `pg_is_in_recovery()::text as recovering,
  extract(epoch from pg_postmaster_start_time())::text as started,
  (select system_identifier::text from pg_control_system()) as cluster,
  case when pg_is_in_recovery()
    then (select lpad(to_hex(greatest(c.timeline_id, r.min_recovery_end_timeline, (select max(received_tli) from pg_stat_wal_receiver))), 8, '0')
          from pg_control_checkpoint() c, pg_control_recovery() r)
    else ${primaryTimeline} end as timeline,
  case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text as at,
  case when pg_is_in_recovery() then pg_last_wal_receive_lsn() end::text as received,
  exists (select from pg_stat_wal_receiver)::text as streams,
  case when pg_is_in_recovery()
    then (select extract(epoch from clock_timestamp() - max(last_msg_receipt_time)) from pg_stat_wal_receiver) end::text as last_contact`

/**
 * From the fullest question to the most modest one. Where a managed server refuses the functions of the first, its
 * positions cannot be compared, and writes send their readers to the primary for a while instead.
 */
export const postgresQuestions: readonly string[] = [fullColumns, 'pg_is_in_recovery()::text as recovering']

/** What changes on a replica from one look to the next: who waits asks often, and this costs a fifth. */
export const briefColumns = `pg_is_in_recovery()::text as recovering, extract(epoch from pg_postmaster_start_time())::text as started,
  pg_last_wal_replay_lsn()::text as at, pg_last_wal_receive_lsn()::text as received`

type Row = readonly unknown[]

/**
 * @param row the answer to one of `postgresQuestions`; empty where the server answered none
 * @param expected the role, where the server does not tell
 * @param address tells servers apart that do not say when they were started; default: their role
 */
export function readPostgresObservation(row: Row, expected: Role, address?: string): Observation {
  const [recovering, started, cluster, timeline, at, received, streams, lastContact] = row as readonly (string | null)[]
  const told = recovering == null ? undefined : recovering === 'true' ? 'replica' : 'primary'
  const role = told ?? expected
  return {
    instance: instanceOf(cluster ?? '', started ?? address ?? role),
    role,
    cluster: cluster ?? '',
    epoch: timeline == null ? 0 : timelineOf(timeline),
    at: at == null ? undefined : withoutPageHeader(at),
    received: received ?? undefined,
    lagSeconds: told === 'primary' || (streams === 'true' && hasAll(at, received)) ? 0 : undefined,
    lagBytes: bytesLeft(at, received),
    // With the rights of pg_monitor. It may have come after this statement began.
    ...(lastContact == null ? {} : { lastContactSeconds: Math.max(0, Number(lastContact)) }),
  }
}

/** What it has said, brought up to date by an answer to `briefColumns`; undefined where it has to be asked in full. */
export function readBriefObservation(row: Row, last: Observation): Observation | undefined {
  const [recovering, started, at, received] = row as readonly (string | null)[]
  const isSame = recovering === 'true' && last.instance === instanceOf(last.cluster, started ?? '')
  if (!isSame || at == null) return undefined
  // Whether it is still connected to its primary is not asked.
  const lagSeconds = last.lagSeconds === 0 && hasAll(at, received) ? 0 : undefined
  const lagBytes = bytesLeft(at, received)
  return { ...last, at: withoutPageHeader(at), received: received ?? undefined, lagSeconds, lagBytes }
}

/** A run of a server, told apart from all others. */
function instanceOf(cluster: string, started: string): string {
  return `${cluster}@${started}`
}

/** Replay cancels now and then what looks at a catalog: that says nothing of the question, nor of the replica. */
export function unlessCancelled<T>(ask: () => Promise<T>): Promise<T> {
  return ask().catch((error: unknown) => {
    if (readPostgresError(error) === 'recovery-conflict') return ask()
    throw error
  })
}

/** The server does not know, or not allow, or not support a function (classes 42 and 0A): it never will. */
export function refusesPostgresQuestion(error: unknown): boolean {
  return /^(42|0A)/.test(String((error as { code?: unknown } | null)?.code))
}
