import type { StatementMemory } from '@flyroute/core/adapter'
import { type BareConnection, type Command, hasStatement, type PrepareOptions, textOf } from './driver-types.ts'
import type { GuardedCommand } from './guarded-command.ts'

/** What the driver has prepared on a connection; and that its `execute` is two commands, the preparation and the execution. */
export class PreparedStatements {
  readonly #connection: BareConnection
  readonly #memory: StatementMemory
  /** Texts of reads that the driver has prepared here and not closed since: it puts its own key together anew for each look. */
  readonly #reads: Set<string> = new Set()
  /** The preparation that came last, until its execution comes. */
  #preparing: GuardedCommand | undefined

  constructor(connection: BareConnection, memory: StatementMemory) {
    this.#connection = connection
    this.#memory = memory
  }

  /** A prepared statement may be closed, as the driver does before it forgets one; or the session is reset. */
  forget(): void {
    this.#reads.clear()
  }

  /**
   * Whether the driver has the statement and will ask the server nothing: a read that is executed once more. Then the execution
   * alone is looked at.
   */
  has(command: Command): boolean {
    const { sql, nestTables, rowsAsArray } = command.options as PrepareOptions
    // With options of its own for the rows, the driver prepares the same text once more.
    const isUsual = nestTables === undefined && rowsAsArray === undefined
    if (isUsual && this.#reads.has(sql)) return true
    if (!hasStatement(this.#connection, command)) return false
    if (this.#memory.classify(textOf(command, this.#connection)).access !== 'read') return false
    if (isUsual) this.#reads.add(sql)
    return true
  }

  /**
   * Has the driver look up what it has prepared, at once: a detour through the queue would have the same end, and one kind of
   * entry more would make the driver's calls megamorphic.
   */
  lookUp(command: Command): Command {
    const connection = this.#connection
    if (!command.execute(undefined, connection)) connection._command = command
    return command
  }

  /** Tells a preparation from its execution, which come one after the other, made of the same options. */
  pair(guarded: GuardedCommand): void {
    if (guarded.kind === 'prepare') this.#preparing = guarded
    if (guarded.kind !== 'execute') return
    const preparing = this.#preparing
    this.#preparing = undefined
    if (preparing !== undefined && preparing.command.options === guarded.command._executeOptions) {
      preparing.execution = guarded
      guarded.preparation = preparing
    }
  }
}
