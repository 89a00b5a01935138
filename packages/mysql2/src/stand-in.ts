import { runInScope } from '@flyroute/core/adapter'
import type { BareConnection, PreparedStatement } from './driver-types.ts'
import type { Guard } from './guard.ts'
import { guardOf } from './guards.ts'
import { noteUnreachable } from './outage.ts'
import type { Turn } from './turn.ts'

/**
 * A connection to the primary that stands in for one to a replica, where a request cannot be replayed: for a statement, for
 * a transaction that writes, or, with a prepared statement or a lock, until the app gives its connection back. What was
 * set for the session goes along.
 */
export class StandIn {
  readonly #guard: Guard
  readonly #connecting: Promise<BareConnection>
  readonly #over: () => void
  #connection: BareConnection | undefined
  #hasLeft = false
  /** How many commands have come and not ended. */
  #underWay = 0
  /** Something stays on the connection that the app may come back to. */
  #isBound = false
  /** The session was changed for our sake: nobody else is to get this connection. */
  #isChanged = false

  /**
   * @param first the turn that needs it; what its connection is in the middle of goes along
   * @param over called when nothing runs here any more
   */
  constructor(guard: Guard, first: Turn, over: () => void) {
    this.#guard = guard
    this.#over = over
    this.#connecting = this.#connect(first)
  }

  /** Runs a turn's command here; the turn is held until it has ended. */
  run(turn: Turn): void {
    turn.moves()
    this.#underWay++
    this.#connecting
      .then(async (primary) => {
        const { command, kind, analysis } = turn
        if (kind === 'execute' && needsPreparation(turn, primary)) {
          command.statement = await prepare(primary, this.#guard.textOf(command))
        }
        if (analysis.reason === 'advisory-lock') this.#isBound = true
        this.#send(turn, primary)
      })
      .catch((error: unknown) => {
        const { scope } = turn
        noteUnreachable(scope, error)
        this.leave()
        this.#over()
        turn.fail(error)
      })
  }

  /** Gives the connection back. One whose transaction nobody has ended is of no use to anybody else. */
  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const giveBack = (): void => {
      const connection = this.#connection
      if (connection === undefined) return
      const isUnfit = this.#isChanged || guardOf(connection)?.session.transaction !== undefined
      if (isUnfit) connection.destroy()
      else connection.release?.()
    }
    this.#connecting.then(giveBack, giveBack)
  }

  #send(turn: Turn, primary: BareConnection): void {
    const { command, kind, scope } = turn
    turn.release()
    // It may have begun on the replica, and been refused there.
    clearTimeout(command.queryTimeout ?? undefined)
    command.next = null
    let hasEnded = false
    const ended = (): void => {
      if (hasEnded) return
      hasEnded = true
      // The command tells its end before the guard of that connection knows whether a transaction is open now.
      process.nextTick(() => {
        this.#underWay--
        // A statement that the app has prepared stays where it is; what the driver prepares, it executes next.
        if (kind === 'prepare' && this.#guard.connection._commands.length === 0) this.#isBound = true
        this.#leaveWhenIdle(primary)
        turn.finish()
      })
    }
    const { onResult } = command
    if (onResult) {
      command.onResult = (...args) => {
        onResult(...args)
        ended()
      }
    }
    command.once('end', ended)
    runInScope(scope, () => primary.addCommand(command))
  }

  #leaveWhenIdle(primary: BareConnection): void {
    const isAwaited = this.#underWay > 0 || this.#guard.connection._commands.length > 0
    if (this.#isBound || isAwaited || guardOf(primary)?.session.transaction !== undefined) return
    this.leave()
    this.#over()
  }

  async #connect(first: Turn): Promise<BareConnection> {
    const { session, database } = this.#guard
    const { transaction } = session
    const begin = first.analysis.transaction === 'begin' ? [] : (transaction?.begin ?? [])
    if (transaction !== undefined) {
      session.transaction = undefined
      await first.ask('rollback').catch(() => undefined)
    }
    const connection = await database.connectToPrimary(first.scope)
    this.#connection = connection
    const settings = guardOf(connection)?.session.settings
    for (const sql of session.settings) {
      if (settings?.has(sql)) continue
      this.#isChanged = true
      await run(connection, sql)
    }
    for (const sql of begin) await run(connection, sql)
    return connection
  }
}

/** Whether an execution has nothing yet that it could execute there. Without a statement, the driver has told why it never will. */
function needsPreparation({ command: { statement }, isUnprepared }: Turn, primary: BareConnection): boolean {
  return statement === undefined ? isUnprepared : statement._connection !== primary
}

function run(connection: BareConnection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error) => (error ? reject(error) : resolve()))
  })
}

function prepare(connection: BareConnection, sql: string): Promise<PreparedStatement> {
  return new Promise((resolve, reject) => {
    connection.prepare({ sql }, (error, statement) => (error ? reject(error) : resolve(statement)))
  })
}
