import { type Observation, type Role, visible } from '@flyroute/core/adapter'
import { readError } from './refusal.ts'

/** Runs a text on the connection that is meant, below every guard, and resolves with its rows as arrays. */
export type Ask = (sql: string) => Promise<readonly (readonly unknown[])[]>

/**
 * What a connection was made for: to read next door, to be the primary behind `runOnPrimary`, or as one of a cluster's nodes,
 * which are where the app says, whatever they are.
 */
export type Side = 'local' | 'primary' | 'node'

/** What a server has said of itself, as far as it does not change while it runs. */
export interface Greeting {
  readonly observation: Observation
  readonly flavour: Flavour
  /** It is set to refuse writes, as opposed to being known for a replica otherwise. */
  readonly isReadOnly: boolean
  /** The server's clock minus ours (ms). */
  readonly clockOffsetMs: number
}

/** How to ask, and what the answers mean. */
export interface Flavour {
  readonly kind: 'mysql' | 'mariadb' | 'modest'
  /** All that is known at once, when a connection is made. Columns as in `FullRow`. */
  readonly full: string
  /** What changes: columns as in `MovingRow`. */
  readonly moving: string
}

type MovingRow = readonly [
  readOnly: unknown,
  superReadOnly: unknown,
  engineReadOnly: unknown,
  logged: string | null,
  applied: string | null,
]
type FullRow = readonly [
  ...MovingRow,
  transactionReadOnly: unknown,
  server: string,
  source: string,
  gtids: unknown,
  now: string,
  uptime: string | null,
  replicating: string | null,
]

const mysqlMoving =
  'select @@global.read_only, @@global.super_read_only, @@global.innodb_read_only, @@global.gtid_executed, null'
const mysql: Flavour = {
  kind: 'mysql',
  moving: mysqlMoving,
  full: `${mysqlMoving}, @@session.transaction_read_only, @@server_uuid, @@server_uuid, @@global.gtid_mode like 'ON%',
    unix_timestamp(sysdate(6)),
    (select variable_value from performance_schema.global_status where variable_name = 'Uptime'), null`,
}

const mariadbMoving =
  'select @@global.read_only, 0, @@global.innodb_read_only, @@global.gtid_binlog_state, @@global.gtid_slave_pos'
const mariadb: Flavour = {
  kind: 'mariadb',
  moving: mariadbMoving,
  full: `${mariadbMoving}, @@session.tx_read_only, concat(@@server_id, '@', @@hostname, ':', @@port), @@server_id,
    @@global.log_bin or @@global.gtid_slave_pos <> '', unix_timestamp(sysdate(6)),
    (select variable_value from information_schema.global_status where variable_name = 'Uptime'),
    (select variable_value from information_schema.global_status where variable_name = 'Slave_running')`,
}

/** Where the server says no to all of that (a proxy, Vitess): the role at most. */
const modestMoving = 'select @@global.read_only, 0, 0, null, null'
const modest: Flavour = {
  kind: 'modest',
  moving: modestMoving,
  full: `${modestMoving}, 0, '', '', 0, unix_timestamp(), null, null`,
}

/** Does nothing anywhere; a server that keeps this user from writing says so before it looks for the table. */
const probe = 'delete from flyroute.flyroute where false'

/** How far apart (ms) two guesses may be at when one run of a server began: it counts whole seconds. */
const sameRunMs = 1_200

/** Asks servers what they are, with the fullest question that they answer. */
export class Observer {
  readonly #expected: Role
  readonly #simulated: boolean
  readonly #told: (problem: 'no-gtids' | 'accepts-writes' | 'modest', cause?: unknown) => void
  /** When the runs of servers began, by server. */
  readonly #runs: Map<string, number> = new Map()
  readonly #acceptsWrites: Map<string, boolean> = new Map()
  #withoutAnswers = false

  /**
   * @param expected the role that the settings say, for servers that say none
   * @param simulated take every server for a replica
   * @param told what is worth saying about a server
   */
  constructor(
    expected: Role,
    simulated: boolean,
    told: (problem: 'no-gtids' | 'accepts-writes' | 'modest', cause?: unknown) => void,
  ) {
    this.#expected = expected
    this.#simulated = simulated
    this.#told = told
  }

  /**
   * Asks all there is to know.
   *
   * @param hint what the server's handshake called its version
   * @param side which pool it belongs to, where the server itself says nothing
   */
  async greet(ask: Ask, hint: string | undefined, side: Side = 'local'): Promise<Greeting> {
    const ours = /mariadb/i.test(hint ?? '') ? [mariadb, mysql, modest] : [mysql, mariadb, modest]
    for (const flavour of this.#withoutAnswers ? [modest] : ours) {
      try {
        const sentAt = Date.now()
        const [row] = await ask(flavour.full)
        const clockOffsetMs = Number((row as FullRow)[9]) * 1_000 - (sentAt + Date.now()) / 2
        const observation = await this.#read(row as FullRow, flavour, ask, side)
        return { observation, flavour, isReadOnly: isReadOnly(row as FullRow), clockOffsetMs }
      } catch (error) {
        if (!isRefused(error)) throw error
        if (flavour === ours.at(-1)) break
        if (ours.indexOf(flavour) === 1) this.#told('modest', error)
      }
    }
    this.#withoutAnswers = true
    return {
      observation: this.#unknown(side),
      flavour: { ...modest, moving: '' },
      isReadOnly: false,
      clockOffsetMs: 0,
    }
  }

  /** Asks what may have changed since. */
  async look(ask: Ask, greeting: Greeting, side: Side = 'local'): Promise<Greeting> {
    const { observation, flavour } = greeting
    if (flavour.moving === '') return greeting
    const [row] = await ask(flavour.moving)
    const moving = row as MovingRow
    // Promoted, or demoted: whatever was asked once is asked again.
    if (isReadOnly(moving) !== greeting.isReadOnly) return this.greet(ask, flavour.kind, side)
    const at = this.#position(moving, flavour, observation.role, observation.at !== undefined)
    return { ...greeting, observation: { ...observation, at } }
  }

  async #read(row: FullRow, flavour: Flavour, ask: Ask, side: Side): Promise<Observation> {
    const [readOnly, superReadOnly, engineReadOnly, logged, applied] = row
    const [transactionReadOnly, server, source, gtids, now, uptime, replicating] = row.slice(5)
    const moving: MovingRow = [readOnly, superReadOnly, engineReadOnly, logged, applied]
    const isWalled = isReadOnly(moving)
    // One that replicates and is not read-only takes whatever it is given, as does one that is not sure of its sessions.
    const isOpen = !isWalled && (replicating === 'ON' || (isOn(transactionReadOnly) && this.#expected === 'replica'))
    const isSimulated = this.#simulated && side === 'local'
    const role: Role = isWalled || isOpen || isSimulated ? 'replica' : 'primary'
    const hasGtids = isOn(gtids)
    if (!hasGtids && flavour.kind !== 'modest') this.#told('no-gtids')
    const acceptsWrites =
      role === 'replica' && !isSimulated && (isOpen || (await this.#writesAllTheSame(moving, String(server), ask)))
    if (acceptsWrites) this.#told('accepts-writes')
    return {
      instance: this.#runOf(String(server), Number(now) * 1_000, uptime, side),
      role,
      cluster: '',
      epoch: 0,
      at: this.#position(moving, flavour, role, hasGtids),
      source: source === '' ? undefined : String(source).toLowerCase(),
      acceptsWrites,
    }
  }

  #position([, , , logged, applied]: MovingRow, flavour: Flavour, role: Role, hasGtids: boolean): string | undefined {
    if (!hasGtids) return undefined
    const all = (logged ?? '').replaceAll(/\s/g, '')
    return flavour.kind === 'mariadb' && role === 'replica' && !this.#simulated ? visible(all, applied ?? '') : all
  }

  /** Whether this user could write on a read-only server, asked of the server itself, once for each. */
  async #writesAllTheSame([, superReadOnly, engineReadOnly]: MovingRow, server: string, ask: Ask): Promise<boolean> {
    if (isOn(superReadOnly) || isOn(engineReadOnly)) return false
    const known = this.#acceptsWrites.get(server)
    if (known !== undefined) return known
    const accepts = await ask(probe).then(
      () => true,
      (error: unknown) => {
        if (!isAnswerOf(error)) throw error
        return readError(error) !== 'refusal'
      },
    )
    this.#acceptsWrites.set(server, accepts)
    return accepts
  }

  #runOf(server: string, now: number, uptime: unknown, side: Side): string {
    if (server === '' || uptime === null || uptime === undefined) return `${side}:${server}`
    const begun = now - Number(uptime) * 1_000
    const known = this.#runs.get(server)
    const same = known !== undefined && Math.abs(begun - known) < sameRunMs
    if (!same) this.#runs.set(server, begun)
    return `${server}#${Math.round(same ? known : begun)}`
  }

  #unknown(side: Side): Observation {
    const role = side === 'primary' ? 'primary' : this.#expected
    return {
      instance: side,
      role: this.#simulated && side === 'local' ? 'replica' : role,
      cluster: '',
      epoch: 0,
      at: undefined,
    }
  }
}

function isReadOnly([readOnly, superReadOnly, engineReadOnly]: readonly unknown[]): boolean {
  return isOn(readOnly) || isOn(superReadOnly) || isOn(engineReadOnly)
}

/** MariaDB 12 has words for kinds of read-only. */
function isOn(value: unknown): boolean {
  return typeof value === 'string' ? !/^(0|off|)$/i.test(value) : Boolean(value)
}

/** The server does not answer this question, as opposed to not answering at all. */
function isRefused(error: unknown): boolean {
  return isAnswerOf(error) && readError(error) !== 'unavailable'
}

function isAnswerOf(error: unknown): boolean {
  return typeof (error as { errno?: unknown } | null)?.errno === 'number' && 'sqlState' in (error as object)
}
