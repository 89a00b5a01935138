import { lsn, type Observation, type Position, type ReplicationSource } from '@flyroute/core/adapter'
import type { BareClient, ClientClass } from './driver-types.ts'

/** How long (ms) the dedicated connection is kept after its last question, and how long a question may take. */
const idleMs = 10_000
const answerMs = 2_000

/** The timeline is in the name of the log file that is written now: at once after a promotion. */
const primaryTimeline = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int"

/**
 * What a server says of itself. On a standby the timeline is the newest of what its control file and (with the rights
 * of pg_monitor) its receiver know: never too new, which would be dangerous, sometimes too old, which costs a replay.
 */
const observeSql = `
select pg_is_in_recovery() as recovering,
  extract(epoch from pg_postmaster_start_time())::text as started,
  case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text as at,
  case when pg_is_in_recovery() then pg_last_wal_receive_lsn() end::text as received,
  (select system_identifier::text from pg_control_system()) as cluster,
  case when pg_is_in_recovery()
    then (select greatest(c.timeline_id, r.min_recovery_end_timeline, (select max(received_tli) from pg_stat_wal_receiver))
          from pg_control_checkpoint() c, pg_control_recovery() r)
    else ${primaryTimeline} end as epoch,
  case when not pg_is_in_recovery() then null
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver) then 0
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8 as lag_seconds,
  case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end::float8 as lag_bytes`

/** Where the functions above are refused (some managed servers): the role and the replayed position alone. */
const modestSql = `
select pg_is_in_recovery() as recovering, null as started, null as cluster, null as received, 0 as epoch, null::float8 as lag_seconds, null::float8 as lag_bytes,
  case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end::text as at`

const roleSql = `
select pg_is_in_recovery() as recovering, null as started, null as cluster, null as received, 0 as epoch, null as at, null as lag_seconds, null as lag_bytes`

/** From the fullest question to the most modest one; a server keeps being asked the first that it answers. */
const questions = [observeSql, modestSql, roleSql] as const

interface ObservationRow {
  recovering: boolean
  started: string | null
  at: string | null
  received: string | null
  cluster: string | null
  epoch: number
  lag_seconds: number | null
  lag_bytes: number | null
}

/** Asks servers what they are, with the fullest question that this database answers. */
export class Observer {
  readonly #simulated: boolean
  readonly #modest: (error: unknown) => void
  #question = 0

  /**
   * @param simulated take every server for a replica
   * @param modest told when a question was refused and a more modest one is asked from now on
   */
  constructor(simulated: boolean, modest: (error: unknown) => void) {
    this.#simulated = simulated
    this.#modest = modest
  }

  /** @param query runs a text on the connection that is meant, below every guard */
  async ask(query: (sql: string) => Promise<{ rows: unknown[] }>, address: string): Promise<Observation> {
    for (;;) {
      const question = this.#question
      try {
        const { rows } = await query(questions[question] as string)
        return this.#read(rows[0] as ObservationRow, address)
      } catch (error) {
        const refused = typeof (error as { severity?: unknown }).severity === 'string'
        if (!refused || question === questions.length - 1) throw error
        this.#question = Math.max(this.#question, question + 1)
        this.#modest(error)
      }
    }
  }

  #read(row: ObservationRow, address: string): Observation {
    const cluster = row.cluster ?? ''
    return {
      instance: `${cluster}@${row.started ?? address}`,
      role: row.recovering || this.#simulated ? 'replica' : 'primary',
      cluster,
      epoch: Number(row.epoch ?? 0),
      at: row.at ?? undefined,
      received: row.received ?? undefined,
      lagSeconds: row.lag_seconds ?? (row.recovering ? undefined : 0),
      lagBytes: row.lag_bytes ?? undefined,
    }
  }
}

/** Where the log ends behind a commit, and what is needed to judge that. A query of its own, behind the commit. */
export const positionSql: string = `
select pg_current_wal_flush_lsn()::text, pg_current_wal_insert_lsn()::text, current_setting('synchronous_commit'),
  ${primaryTimeline}, (extract(epoch from clock_timestamp()) * 1000)::int8::text`

/** What a monotonic read on a replica has seen. */
export const replayedSql = `
select pg_last_wal_replay_lsn()::text, pg_last_wal_replay_lsn()::text, 'on', null, (extract(epoch from clock_timestamp()) * 1000)::int8::text`

/** One tiny record behind a position that stands in the middle of another one. Ordinary users may. */
export const separatorSql = "select pg_logical_emit_message(true, 'flyroute', '')"

const pageSize = 8_192n
const segmentSize = 16n * 1_024n * 1_024n

/**
 * The position of a commit from a row of `positionSql`; `unreachable` where it stands at the edge of a page in the
 * middle of somebody else's record, so that a standby would reach it only when that has been written to its end.
 *
 * Without synchronous commit the log is not flushed yet: the insert position counts there, set back over the header
 * of a page that has only been begun.
 */
export function readPosition(
  row: readonly unknown[],
  cluster: string,
  epoch: number,
  asynchronous: boolean,
): Position | 'unreachable' {
  const [flushed, inserted, setting, timeline, time] = row as [string, string, string, number | null, string]
  const off = asynchronous || setting === 'off'
  const address = toAddress(off ? inserted : flushed)
  if (!off && address % pageSize === 0n) return 'unreachable'
  const at = off ? withoutPageHeader(address) : address
  return { cluster, epoch: timeline ?? epoch, at: toText(at), time: Number(time) }
}

function withoutPageHeader(address: bigint): bigint {
  if (address % segmentSize === 40n) return address - 40n
  return address % pageSize === 24n ? address - 24n : address
}

function toAddress(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

function toText(address: bigint): string {
  return `${(address >> 32n).toString(16).toUpperCase()}/${(address & 0xffff_ffffn).toString(16).toUpperCase()}`
}

/**
 * The connection that asks the member next door where it stands: one of its own, so that a pool whose connections all
 * hang does not silence it; opened when it is needed, and never what keeps a process alive.
 */
export class PgReplicationSource implements ReplicationSource {
  readonly algebra: typeof lsn = lsn
  readonly #Client: ClientClass
  readonly #config: object
  readonly #observer: Observer
  #client: Promise<BareClient> | undefined
  #idle: NodeJS.Timeout | undefined
  #ended = false

  constructor(Client: ClientClass, config: object, observer: Observer) {
    this.#Client = Client
    this.#config = {
      ...config,
      application_name: 'flyroute',
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    }
    this.#observer = observer
  }

  async observe(): Promise<Observation> {
    if (this.#ended) throw new Error('The pool has ended')
    clearTimeout(this.#idle)
    this.#client ??= this.#open()
    const opened = this.#client
    try {
      const client = await opened
      client.ref?.()
      const observation = await this.#observer.ask(
        (sql) => client.query(sql) as Promise<{ rows: unknown[] }>,
        addressOf(client),
      )
      client.unref?.()
      this.#idle = setTimeout(() => this.#close(opened), idleMs)
      this.#idle.unref()
      return observation
    } catch (error) {
      this.#close(opened)
      throw error
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#idle)
    if (this.#client !== undefined) await this.#close(this.#client)
  }

  async #open(): Promise<BareClient> {
    const client = new this.#Client(this.#config)
    // Its loss is noticed at the next question.
    client.on('error', () => undefined)
    client.once('end', () => {
      this.#client = undefined
    })
    await client.connect()
    return client
  }

  async #close(opened: Promise<BareClient>): Promise<void> {
    if (this.#client === opened) this.#client = undefined
    await opened.then((client) => client.end()).catch(() => undefined)
  }
}

/** Tells servers apart that do not say when they were started. */
export function addressOf(client: BareClient): string {
  const { host, port } = client as BareClient & { host?: string; port?: number }
  return `${host ?? ''}:${port ?? ''}`
}
