import { BorrowedPrimary, noteUnreachable, type PrimaryConnection, runInScope } from '@flyroute/core/adapter'
import type { BareConnection, PreparedStatement } from './driver-types.ts'
import type { Guarded } from './guarded.ts'
import type { GuardedCommand } from './guarded-command.ts'
import { guardedOf } from './guards.ts'
import { type Repeatable, runAgain } from './repeatable.ts'

/** A connection of the bounded pool to the primary. */
class Primary implements PrimaryConnection<Repeatable> {
  readonly connection: BareConnection
  readonly guard: Guarded['guard']

  constructor(connection: BareConnection) {
    this.connection = connection
    this.guard = (guardedOf(connection) as Guarded).guard
  }

  runAgain(statement: Repeatable): Promise<unknown> {
    return runAgain(this.connection, statement)
  }

  giveBack(isUnfit: boolean): void {
    if (isUnfit) this.connection.destroy()
    else this.connection.release?.()
  }
}

type Borrowed = BorrowedPrimary<Repeatable, Primary>

/** Runs commands on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #borrowed: Borrowed | undefined
  /** How many commands have come and not ended. */
  #underWay = 0

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** The command's turn here is held until it has ended there. */
  run(guarded: GuardedCommand): void {
    const { guard, database } = this.#connection
    const hasIntent = guard.takeIntent()
    const borrowed = this.#borrowed ?? this.#borrow(guarded)
    guarded.moves()
    this.#underWay++
    borrowed.ready
      .then(async ({ connection }) => {
        const { command, kind } = guarded
        if (kind === 'execute' && needsPreparation(guarded, connection)) {
          command.statement = await prepare(connection, this.#connection.textOf(command))
        }
        this.#send(guarded, borrowed, connection)
      })
      .catch((error: unknown) => {
        noteUnreachable(database, guarded.scope, error)
        this.#giveBack(borrowed, true)
        guarded.fail(error)
      })
      .finally(() => {
        if (hasIntent) guarded.scope?.request.endWrite(database.replication.name, 'unsent')
      })
  }

  leave(): void {
    if (this.#borrowed !== undefined) this.#giveBack(this.#borrowed)
  }

  #borrow(guarded: GuardedCommand): Borrowed {
    const { guard, database } = this.#connection
    const { image, transaction } = guard.session
    const rollsBack = transaction !== undefined && !guarded.isOver
    guard.session.leavesTransaction()
    const borrowed: Borrowed = new BorrowedPrimary(image, async () => {
      if (rollsBack) {
        await guarded.ask('rollback').catch(() => undefined)
        this.#connection.wire.status = 'idle'
      }
      return new Primary(await database.primary.connect(guarded.scope))
    })
    this.#borrowed = borrowed
    guard.isDiverted = true
    return borrowed
  }

  #send(guarded: GuardedCommand, borrowed: Borrowed, primary: BareConnection): void {
    const { command, scope } = guarded
    guarded.release()
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
        this.#leaveWhenFree(borrowed)
        guarded.finish()
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

  /** In a pool that is not ours the app is not seen to give its connection back: there the end of a transaction has to do. */
  #leaveWhenFree(borrowed: Borrowed): void {
    const isAwaited = this.#underWay > 0 || this.#connection.connection._commands.length > 0
    if (!this.#connection.isPooled && !isAwaited && borrowed.isFree) this.#giveBack(borrowed)
  }

  #giveBack(borrowed: Borrowed, isUnfit = false): void {
    borrowed.leave(isUnfit)
    if (this.#borrowed !== borrowed) return
    this.#borrowed = undefined
    this.#connection.guard.isDiverted = false
  }
}

/** Whether an execution has nothing yet that it could execute there. Without a statement, the driver has told why it never will. */
function needsPreparation({ command: { statement }, isUnprepared }: GuardedCommand, primary: BareConnection): boolean {
  return statement === undefined ? isUnprepared : statement._connection !== primary
}

function prepare(connection: BareConnection, sql: string): Promise<PreparedStatement> {
  return new Promise((resolve, reject) => {
    connection.prepare({ sql }, (error, statement) => (error ? reject(error) : resolve(statement)))
  })
}
