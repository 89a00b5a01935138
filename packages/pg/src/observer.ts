import type { Observation, Role } from '@flyroute/core/adapter'
import type { BareClient } from './driver-types.ts'
import { readError } from './refusal.ts'
import { primaryTimeline, timelineOf, withoutPageHeader } from './wal-position.ts'

/** Which pool a connection belongs to: the one next door, or the one behind `runOnPrimary`. */
export type Side = 'local' | 'primary'

/** Every value as the server wrote it: an app's own type parsers do not change what we read. */
export const rawText: { getTypeParser(): (value: string) => string } = { getTypeParser: () => (value) => value }

/**
 * What a server says of itself, as text. On a standby the timeline is the newest of what its control file and (with the
 * rights of pg_monitor) its receiver know: never too new, which would be dangerous, sometimes too old, which costs a replay.
 */
const fullQuestion = `
select pg_is_in_recovery()::text,
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
    else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 'Infinity') end::text,
  case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end::text`

/**
 * From the fullest question to the most modest one. Where a managed server refuses the functions of the first, its
 * positions cannot be compared, and writes send their readers to the primary for a while instead.
 */
const questions = [fullQuestion, 'select pg_is_in_recovery()::text'] as const

/** What changes on a replica from one look to the next: who waits asks often, and this costs a fifth. */
const briefQuestion = `
select pg_is_in_recovery()::text, extract(epoch from pg_postmaster_start_time())::text,
  pg_last_wal_replay_lsn()::text, pg_last_wal_receive_lsn()::text`

/** Asks servers what they are, with the fullest question that this database answers. */
export class Observer {
  readonly #expected: Role
  readonly #simulated: boolean
  readonly #refused: (error: unknown) => void
  #question = 0

  /**
   * @param expected what the settings say of the member next door: for a server that does not even tell its role
   * @param simulated take the server next door for a replica, whatever it says
   * @param refused told when a question was refused and a more modest one is asked from now on
   */
  constructor(expected: Role, simulated: boolean, refused: (error: unknown) => void) {
    this.#expected = expected
    this.#simulated = simulated
    this.#refused = refused
  }

  /** @param query runs a text on the connection that is meant, below every guard, and resolves with arrays of text */
  async ask(
    query: (sql: string) => Promise<{ rows: unknown[] }>,
    client: Pick<BareClient, 'host' | 'port'>,
    side: Side,
  ): Promise<Observation> {
    // Tells servers apart that do not say when they were started.
    const address = `${client.host ?? ''}:${client.port ?? ''}`
    for (let question = this.#question; ; question++) {
      const sql = questions[question]
      if (sql === undefined) return this.#read([], address, side)
      try {
        const { rows } = await unlessCancelled(() => query(sql))
        return this.#read(rows[0] as (string | null)[], address, side)
      } catch (error) {
        if (!isRefusal(error)) throw error
        this.#question = Math.max(this.#question, question + 1)
        this.#refused(error)
      }
    }
  }

  /**
   * Asks a replica again, on the same connection, how far it has come by now.
   *
   * @param last what it said of itself a moment ago
   * @returns undefined where it has to be asked in full
   */
  async askAgain(
    query: (sql: string) => Promise<{ rows: unknown[] }>,
    last: Observation,
  ): Promise<Observation | undefined> {
    if (last.role !== 'replica' || last.at === undefined || this.#simulated || this.#question > 0) return undefined
    const { rows } = await unlessCancelled(() => query(briefQuestion))
    const [recovering, started, at, received] = rows[0] as (string | null)[]
    const isSame = recovering === 'true' && last.instance === instanceOf(last.cluster, started ?? '')
    return isSame && at != null ? { ...last, at: withoutPageHeader(at), received: received ?? undefined } : undefined
  }

  #read(row: readonly (string | null)[], address: string, side: Side): Observation {
    const [recovering, started, cluster, timeline, at, received, lagSeconds, lagBytes] = row
    const told = recovering == null ? undefined : recovering === 'true' ? 'replica' : 'primary'
    const role = told ?? (side === 'primary' ? 'primary' : this.#expected)
    const plays = this.#simulated && side === 'local'
    return {
      // One server that plays both is two.
      instance: `${instanceOf(cluster ?? '', started ?? address)}${plays ? '#replica' : ''}`,
      role: plays ? 'replica' : role,
      cluster: cluster ?? '',
      epoch: timeline == null ? 0 : timelineOf(timeline),
      at: at == null ? undefined : withoutPageHeader(at),
      received: received ?? undefined,
      lagSeconds: lagSeconds == null ? (told === 'primary' ? 0 : undefined) : Number(lagSeconds),
      lagBytes: lagBytes == null ? undefined : Number(lagBytes),
    }
  }
}

/** A run of a server, told apart from all others. */
function instanceOf(cluster: string, started: string): string {
  return `${cluster}@${started}`
}

/** Replay cancels now and then what looks at a catalog: that says nothing of the question, nor of the replica. */
function unlessCancelled<T>(ask: () => Promise<T>): Promise<T> {
  return ask().catch((error: unknown) => {
    if (readError(error) === 'recovery-conflict') return ask()
    throw error
  })
}

/** The server does not know, or not allow, or not support a function (classes 42 and 0A): it never will. */
function isRefusal(error: unknown): boolean {
  return /^(42|0A)/.test(String((error as { code?: unknown }).code))
}
