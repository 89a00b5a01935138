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

/** A borrowed connection, and what is under way on it. */
interface Loan {
  readonly borrowed: Borrowed
  /** How many commands have come and not ended. */
  underWay: number
  /** Nothing more comes: it is given back when those have ended. */
  isLeft: boolean
  /** Hears no longer of its end. */
  forget: () => void
}

/** Runs commands on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #loan: Loan | undefined

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** The command's turn here is held until it has ended there. */
  run(guarded: GuardedCommand): void {
    const { guard, database } = this.#connection
    const hasIntent = guard.takeIntent()
    const loan = this.#loan ?? this.#borrow(guarded)
    guarded.moves()
    loan.underWay++
    loan.borrowed.ready
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
        this.#giveBack(loan, true)
        guarded.fail(error)
      })
      .finally(() => {
        if (hasIntent) guarded.scope?.request.endWrite(database.replication.name, 'unsent')
      })
  }

  /** Gives it back. @param isUnfit it is closed, with whatever is under way */
  leave(isUnfit = false): void {
    if (this.#loan !== undefined) this.#giveBack(this.#loan, isUnfit)
  }

  #borrow(guarded: GuardedCommand): Loan {
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
    const loan: Loan = { borrowed, underWay: 0, isLeft: false, forget: () => undefined }
    this.#loan = loan
    borrowed.ready.then(
      ({ connection }) => {
        if (!loan.isLeft) loan.forget = guardedOf(connection)?.whenOver(() => this.#dies(loan)) ?? loan.forget
      },
      () => undefined,
    )
    guard.isDiverted = true
    return loan
  }

  /** The session is lost with its connection: to the app that is its own, and ends as if its server had ended it. */
  #dies(loan: Loan): void {
    if (this.#loan === loan && !loan.isLeft) this.#connection.connection.stream.push(null)
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
        this.#leaveWhenFree(loan)
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
    command.once('end', () => {
      // An answer may be held beyond that, while its position is asked for; one that was dropped has no callback.
      if (command.onResult === undefined) ended()
    })
    runInScope(scope, () => primary.addCommand(command))
  }

  /** In a pool that is not ours the app is not seen to give its connection back: there the end of a transaction has to do. */
  #leaveWhenFree(loan: Loan): void {
    if (loan.underWay > 0) return
    const { connection, isPooled } = this.#connection
    const isOver = !isPooled && connection._commands.length === 0 && loan.borrowed.isFree
    if (loan.isLeft || isOver) this.#giveBack(loan)
  }

  /** Closing it for the sake of its session waits for what is under way: that would never end. */
  #giveBack(loan: Loan, isUnfit = false): void {
    loan.isLeft = true
    loan.forget()
    if (loan.underWay === 0 || isUnfit) loan.borrowed.leave(isUnfit)
    if (this.#loan !== loan) return
    this.#loan = undefined
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
