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

/** A borrowed connection, and what is under way on it. */
class Loan extends BorrowedPrimary<Repeatable, Primary> {
  /** How many commands have come and not ended. */
  underWay = 0
  /** Nothing more comes: it is given back when those have ended. */
  isLeft = false

  /** Closing it for the sake of its session waits for what is under way: that would never end. */
  override leave(isUnfit = false): void {
    this.isLeft = true
    this.detach()
    if (this.underWay === 0 || isUnfit) super.leave(isUnfit)
  }
}

/** Runs commands on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #hearsRelease = false

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  get #loan(): Loan | undefined {
    return this.#connection.guard.loan as Loan | undefined
  }

  /** The command's turn here is held until it has ended there. */
  run(guarded: GuardedCommand): void {
    const { guard, database } = this.#connection
    const withdraw = guard.takeIntent()
    const loan = this.#loan ?? this.#borrow(guarded)
    guarded.moves()
    loan.underWay++
    loan.ready
      .then(async ({ connection }) => {
        const { command, kind } = guarded
        // The connection in between may be lost before what prepares it has ended: its turn has come too soon then.
        await guarded.preparation?.endsElsewhere
        if (kind === 'execute' && needsPreparation(guarded, connection)) {
          command.statement = await prepare(connection, this.#connection.textOf(command))
        }
        this.#send(guarded, loan, connection)
      })
      .catch((error: unknown) => {
        noteUnreachable(database, guarded.scope, error)
        loan.underWay--
        loan.leave(true)
        guarded.fail(error)
      })
      .finally(withdraw)
  }

  #borrow(guarded: GuardedCommand): Loan {
    const { guard, database, wire } = this.#connection
    this.#hearsEnd()
    const rollsBack = guard.session.transaction !== undefined && !guarded.isOver
    return new Loan(guard, async () => {
      if (rollsBack) {
        await guarded.ask('rollback and no chain').catch(() => undefined)
        wire.status = 'idle'
      }
      return new Primary(await database.primary.connect(guarded.scope))
    })
  }

  /** Where the connection here is lost, its pool has let it go, and does not hear any more that the app gives it back. */
  #hearsEnd(): void {
    const { connection, isOfPool, isPooled } = this.#connection
    if (!isOfPool || isPooled || this.#hearsRelease) return
    this.#hearsRelease = true
    const { release, destroy } = connection
    connection.release = () => {
      this.#loan?.leave()
      release?.call(connection)
    }
    connection.destroy = () => {
      this.#loan?.leave(true)
      destroy.call(connection)
    }
  }

  #send(guarded: GuardedCommand, loan: Loan, primary: BareConnection): void {
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
        loan.underWay--
        const isBrought = this.#mayLeave(loan) ? loan.bringsHome((again) => askAgain(guarded, again)) : undefined
        const over = (): void => {
          this.#leaveWhenFree(loan)
          guarded.finish()
        }
        if (isBrought === undefined) over()
        else void isBrought.then(over)
      })
    }
    const { onResult } = command
    if (onResult) {
      command.onResult = (...args) => {
        onResult(...args)
        ended()
      }
    }
    command.once('end', () => {
      // An answer may be held beyond that, while its position is asked for; one that was dropped has no callback.
      if (command.onResult === undefined) ended()
    })
    runInScope(scope, () => primary.addCommand(command))
  }

  /** In a pool that is not ours the app is not seen to give its connection back: there the end of a transaction has to do. */
  #leaveWhenFree(loan: Loan): void {
    if (loan.underWay > 0) return
    if (loan.isLeft || (this.#mayLeave(loan) && loan.isFree)) loan.leave()
  }

  /** Nothing waits that would go on there. */
  #mayLeave(loan: Loan): boolean {
    const { connection, isPooled } = this.#connection
    return loan.underWay === 0 && !isPooled && connection._commands.length === 0
  }
}

/** Makes a setting again in the turn of the command that has ended elsewhere. */
function askAgain(guarded: GuardedCommand, again: Repeatable): Promise<unknown> {
  if ('sql' in again && again.isExecution !== true) return guarded.ask(again.sql)
  return Promise.reject(new Error('It can be set there only'))
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
