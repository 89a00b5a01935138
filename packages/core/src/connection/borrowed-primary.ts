import type { ConnectionGuard, Loan } from './guard.ts'
import type { Session } from './session.ts'
import type { Setting } from './setting.ts'

/** A connection to the primary, as far as core has a say in it. */
export interface PrimaryConnection<S> {
  readonly guard: ConnectionGuard<S>
  /** Runs a statement that was run elsewhere before, for us: its caller has had their answer. */
  runAgain(statement: S): Promise<unknown>
  /** @param isUnfit it must not be used again: it is closed */
  giveBack(isUnfit: boolean): void
}

/**
 * A connection to the primary that is used in place of one to a replica, where a request cannot be replayed. The session goes
 * along: it is made again from settings of known values, and so is a transaction in which nothing was read yet.
 *
 * It stays until the app gives its own connection back: temporary tables, locks, `lastval()` and settings then mean what they
 * mean on one server. Where that cannot be seen (a pool that is not ours), it stays for as long as a transaction is open or anything
 * is left there that is not here; what was set there is set here as well.
 */
export class BorrowedPrimary<S, C extends PrimaryConnection<S>> implements Loan {
  /** Resolves when the session has been made again there. */
  readonly ready: Promise<C>
  readonly #guard: ConnectionGuard<S>
  #connection: C | undefined
  #isReady = false
  #hasLeft = false
  /** What its session was before: it is not given to others with what was set for, or by, this user of it. */
  #changesBefore = 0
  /** Settings of earlier users of it whose fate is not known; they were undone with a transaction. */
  #unsureBefore = 0
  /** What was set there is being set here too; or cannot be, so that all stays there. */
  #isBringing = false

  /**
   * The transaction of the replica is given up: the adapter has it rolled back there.
   *
   * @param guard of the connection that it takes the place of
   * @param borrow gets the connection
   * @param begins the statement that is to run there begins its transaction by itself
   */
  constructor(guard: ConnectionGuard<S>, borrow: () => Promise<C>, begins = false) {
    this.#guard = guard
    const { settings, begin } = guard.session.image
    guard.session.leavesTransaction()
    guard.loan = this
    this.ready = this.#make(settings, begins ? [] : begin, borrow)
    this.ready.then(
      ({ guard: there }) => {
        this.#isReady = true
        if (guard.loan === this) there.inPlaceOf = guard
      },
      () => this.leave(true),
    )
  }

  /** The connection, once its session is made. */
  get connection(): C | undefined {
    return this.#isReady ? this.#connection : undefined
  }

  /** Whether it could be given back without the app noticing: no transaction is open on it, and its session has nothing that is not here. */
  get isFree(): boolean {
    return this.#news?.length === 0
  }

  /** What was set there and not here, in its order; undefined where more than that is there. */
  get #news(): readonly Setting<S>[] | undefined {
    const there = this.#connection?.guard.session
    if (there === undefined || !isOver(there) || there.unsure !== this.#unsureBefore) return undefined
    return this.#guard.session.misses(there)
  }

  /**
   * Sets here what was set there, so that it can be left. What follows goes on there meanwhile, and for good where something cannot be
   * set here.
   *
   * @param run has a statement of ours run on the connection in whose place this one is
   * @returns undefined where there is nothing that could be brought
   */
  bringsHome(run: (statement: S) => Promise<unknown>): Promise<void> | undefined {
    const news = this.#isBringing || this.#hasLeft ? undefined : this.#news
    if (news === undefined || news.length === 0) return undefined
    this.#isBringing = true
    return this.#bring(news, run)
  }

  async #bring(news: readonly Setting<S>[], run: (statement: S) => Promise<unknown>): Promise<void> {
    for (const setting of news) {
      try {
        await run(setting.statement)
      } catch {
        return
      }
      this.#guard.session.learns(setting)
    }
    this.#isBringing = false
  }

  /** Nothing more of the session comes here. */
  detach(): void {
    if (this.#guard.loan === this) this.#guard.loan = undefined
    if (this.#connection !== undefined) this.#connection.guard.inPlaceOf = undefined
  }

  /** Gives the connection back. One whose session is not as it was is closed. */
  leave(isUnfit = false): void {
    this.detach()
    if (this.#hasLeft) return
    this.#hasLeft = true
    const giveBack = (): void => this.#connection?.giveBack(isUnfit || this.#isChanged || this.#isInUse)
    this.ready.then(giveBack, giveBack)
  }

  /** Whether anything is open on it, or left in its session. */
  get #isInUse(): boolean {
    const there = this.#connection?.guard.session
    return there === undefined || !isOver(there)
  }

  get #isChanged(): boolean {
    return this.#connection?.guard.session.changes !== this.#changesBefore
  }

  async #make(settings: readonly Setting<S>[], begin: readonly S[], borrow: () => Promise<C>): Promise<C> {
    const connection = await borrow()
    this.#connection = connection
    const { session } = connection.guard
    this.#changesBefore = session.changes
    this.#unsureBefore = session.unsure
    for (const { statement } of session.lacks(settings)) await connection.runAgain(statement)
    for (const statement of begin) await connection.runAgain(statement)
    return connection
  }
}

function isOver<S>({ transaction, residue }: Session<S>): boolean {
  return transaction === undefined && residue === undefined
}
