import {
  briefColumns,
  type Observation,
  postgresQuestions,
  type Role,
  readBriefObservation,
  readPostgresObservation,
  refusesPostgresQuestion,
  unlessCancelled,
} from '@flyroute/core/adapter'
import type { BareClient } from './driver-types.ts'

/** Which pool a connection belongs to: the local one, or the one of `runOnPrimary`. */
export type Side = 'local' | 'primary'

/** Every value as the server wrote it: an app's own type parsers do not change what we read. */
export const rawText: { getTypeParser(): (value: string) => string } = { getTypeParser: () => (value) => value }

/** Asks servers what they are, with the fullest question that this database answers. */
export class Observer {
  readonly #expected: Role
  readonly #simulated: boolean
  readonly #refused: (error: unknown) => void
  #question = 0

  /**
   * @param expected what the settings say of the local server: for a server that does not even tell its role
   * @param simulated take the local server for a replica, whatever it says
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
      const columns = postgresQuestions[question]
      if (columns === undefined) return this.#read([], address, side)
      try {
        const { rows } = await unlessCancelled(() => query(`select ${columns}`))
        return this.#read(rows[0] as unknown[], address, side)
      } catch (error) {
        if (!refusesPostgresQuestion(error)) throw error
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
    const { rows } = await unlessCancelled(() => query(`select ${briefColumns}`))
    return readBriefObservation(rows[0] as unknown[], last)
  }

  #read(row: readonly unknown[], address: string, side: Side): Observation {
    const said = readPostgresObservation(row, side === 'primary' ? 'primary' : this.#expected, address)
    if (!this.#simulated || side === 'primary') return said
    // One server that plays both is two.
    return { ...said, instance: `${said.instance}#replica`, role: 'replica' }
  }
}
