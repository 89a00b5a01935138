import {
  isMysqlAnswer,
  isOn,
  isReadOnlyRow,
  type MysqlFlavour,
  type MysqlFullRow,
  type MysqlMovingRow,
  mysqlFlavours,
  type Observation,
  type Role,
  readGtids,
  refusesMysqlQuestion,
  runOfMysql,
  writeProbe,
} from '@flyroute/core/adapter'
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
export type Flavour = MysqlFlavour

const { mysql, mariadb, modest } = mysqlFlavours

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
        const [row] = await ask(`select ${flavour.full.join()}`)
        const clockOffsetMs = Number((row as MysqlFullRow)[9]) * 1_000 - (sentAt + Date.now()) / 2
        const observation = await this.#read(row as MysqlFullRow, flavour, ask, side)
        return { observation, flavour, isReadOnly: isReadOnlyRow(row as MysqlFullRow), clockOffsetMs }
      } catch (error) {
        if (!refusesMysqlQuestion(error)) throw error
        if (flavour === ours.at(-1)) break
        if (ours.indexOf(flavour) === 1) this.#told('modest', error)
      }
    }
    this.#withoutAnswers = true
    return {
      observation: this.#unknown(side),
      flavour: { ...modest, moving: [] },
      isReadOnly: false,
      clockOffsetMs: 0,
    }
  }

  /** Asks what may have changed since. */
  async look(ask: Ask, greeting: Greeting, side: Side = 'local'): Promise<Greeting> {
    const { observation, flavour } = greeting
    if (flavour.moving.length === 0) return greeting
    const [row] = await ask(`select ${flavour.moving.join()}`)
    const moving = row as MysqlMovingRow
    // Promoted, or demoted: whatever was asked once is asked again.
    if (isReadOnlyRow(moving) !== greeting.isReadOnly) return this.greet(ask, flavour.kind, side)
    const at = this.#position(moving, flavour, observation.role, observation.at !== undefined)
    return { ...greeting, observation: { ...observation, at } }
  }

  async #read(row: MysqlFullRow, flavour: Flavour, ask: Ask, side: Side): Promise<Observation> {
    const [readOnly, superReadOnly, engineReadOnly, logged, applied] = row
    const [transactionReadOnly, server, source, gtids, , , replicating] = row.slice(5)
    const moving: MysqlMovingRow = [readOnly, superReadOnly, engineReadOnly, logged, applied]
    const isWalled = isReadOnlyRow(moving)
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
      instance: runOfMysql(row, this.#runs, side),
      role,
      cluster: '',
      epoch: 0,
      at: this.#position(moving, flavour, role, hasGtids),
      source: source === '' ? undefined : String(source).toLowerCase(),
      acceptsWrites,
    }
  }

  #position(moving: MysqlMovingRow, flavour: Flavour, role: Role, hasGtids: boolean): string | undefined {
    return hasGtids ? readGtids(moving, flavour, role === 'replica' && !this.#simulated) : undefined
  }

  /** Whether this user could write on a read-only server, asked of the server itself, once for each. */
  async #writesAllTheSame(
    [, superReadOnly, engineReadOnly]: MysqlMovingRow,
    server: string,
    ask: Ask,
  ): Promise<boolean> {
    if (isOn(superReadOnly) || isOn(engineReadOnly)) return false
    const known = this.#acceptsWrites.get(server)
    if (known !== undefined) return known
    const accepts = await ask(writeProbe).then(
      () => true,
      (error: unknown) => {
        if (!isMysqlAnswer(error)) throw error
        return readError(error) !== 'refusal'
      },
    )
    this.#acceptsWrites.set(server, accepts)
    return accepts
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
