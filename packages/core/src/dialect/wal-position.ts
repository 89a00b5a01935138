import type { Position, ServerInstance } from '../position.ts'

/** Places in PostgreSQL's log: how to ask for them, as lists of columns that are all text, and what the answers mean. */

/** The timeline is in the name of the log file that is written now: at once after a promotion. */
export const primaryTimeline: string = 'substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)'

const clock = '(extract(epoch from clock_timestamp()) * 1000)::int8::text'

/** Where the log ends after a commit, and what is needed to tell whether that is the end of a record. A query of its own, after the commit. */
export const walPositionColumns: string = `pg_current_wal_flush_lsn()::text as flushed, pg_current_wal_insert_lsn()::text as inserted,
  current_setting('synchronous_commit') as setting, ${primaryTimeline} as timeline, ${clock} as time`

/** What a monotonic read on a replica has seen. */
export const replayedColumns: string = `pg_last_wal_replay_lsn()::text as at, null as timeline, ${clock} as time`

/**
 * One tiny record of our own after a commit, and where it ends: for a position that stands in the middle of another
 * session's. It is flushed when its transaction ends, and then no other one stands in its way. Ordinary users may.
 */
export const separatorColumns: string = `pg_logical_emit_message(true, 'flyroute', '')::text as at, ${primaryTimeline} as timeline, ${clock} as time`

const pageSize = 8_192n
/** What a page begins with. (The first one of a segment has a longer header; how long segments are is not asked for it.) */
const headerSize = 24n
/** Longer than most records: they hold a page at most, or a few small ones. */
const longRecord = 2n * pageSize

type Server = Pick<ServerInstance, 'cluster' | 'epoch'>

/**
 * The position of a commit from a row of `walPositionColumns`; `unreachable` where it stands at the edge of a page in the
 * middle of another session's record, so that a standby would reach it only when that has been written to its end.
 *
 * Without synchronous commit the log is not flushed yet: the insert position counts there, set back over the header
 * of a page that has only been begun.
 */
export function readWalPosition(
  row: readonly unknown[],
  server: Server,
  asynchronous: boolean,
): Position | Error | 'unreachable' {
  const [flushed, inserted, setting, timeline, time] = row as readonly (string | null)[]
  if (flushed == null || inserted == null) return new Error('The server has no position')
  const off = asynchronous || setting === 'off'
  if (!off && toAddress(flushed) % pageSize === 0n) return 'unreachable'
  return readRecordEnd([off ? withoutPageHeader(inserted) : flushed, timeline, time], server)
}

/** The position from a row of `replayedColumns` or `separatorColumns`: where a record ends. */
export function readRecordEnd(row: readonly unknown[], { cluster, epoch }: Server): Position | Error {
  const [at, timeline, time] = row as readonly (string | null)[]
  if (at == null) return new Error('The server has no position')
  return { cluster, epoch: timeline == null ? epoch : timelineOf(timeline), at, time: Number(time) }
}

/** The number of a timeline from its eight hexadecimal digits. */
export function timelineOf(hex: string): number {
  return Number.parseInt(hex, 16)
}

/** An insert position that stands after the header of a page that has only been begun, set back to where a record ends. */
export function withoutPageHeader(at: string): string {
  const address = toAddress(at)
  return address % pageSize === headerSize ? toText(address - headerSize) : at
}

/**
 * Whether a standby has replayed what it has received. The primary sends whole pages ahead of the end of a record: what lies at the
 * edge of a page may be the beginning of one, which is not replayed until its end is there, as long as that may take.
 */
export function isReplayed(at: string, received: string): boolean {
  const [replayed, end] = [toAddress(at), toAddress(received)]
  return replayed >= end || (end % pageSize === 0n && end - replayed < longRecord)
}

/** How many bytes lie between two places; none where the second one comes first. */
export function bytesBetween(at: string, end: string): number {
  return Math.max(0, Number(toAddress(end) - toAddress(at)))
}

function toAddress(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

function toText(address: bigint): string {
  return `${(address >> 32n).toString(16).toUpperCase()}/${(address & 0xffff_ffffn).toString(16).toUpperCase()}`
}
