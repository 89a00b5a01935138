import { BorrowedPrimary, type PrimaryConnection } from '@flyroute/core/adapter'
import { type BareClient, callbackOf, isSubmittable, type QueryArgument, type Release, textOn } from './driver-types.ts'
import { type Guarded, guardedOf } from './guarded.ts'
import { later, type Statement } from './statement.ts'

/** A connection of the bounded pool to the primary. To the app it is its own, whose notices it hears and whose rows it parses. */
class Primary implements PrimaryConnection<QueryArgument> {
  readonly client: BareClient
  readonly guard: Guarded['guard']
  readonly #own: BareClient
  readonly #isQuietHere: () => boolean
  #types: unknown
  #isAdopted = false

  /** @param own the app's own connection, in whose place it is used */
  constructor({ client, guard }: Guarded, own: Guarded) {
    this.client = client
    this.guard = guard
    this.#own = own.client
    this.#isQuietHere = () => own.guard.wire.isQuiet
    client.on('notification', this.#forwardNotification)
  }

  /** Its session is made: from now on it is the app's. */
  adopt(): void {
    const { client } = this
    this.#isAdopted = true
    this.#types = client._types
    client._types = this.#own._types
    client.on('notice', this.#forwardNotice)
    client.on('drain', this.#forwardDrain)
  }

  async runAgain(statement: QueryArgument): Promise<unknown> {
    return this.client.query(statement)
  }

  giveBack(isUnfit: boolean): void {
    const { client } = this
    if (this.#isAdopted) client._types = this.#types
    client.off('notice', this.#forwardNotice)
    client.off('drain', this.#forwardDrain)
    client.off('notification', this.#forwardNotification)
    const give = (): void => {
      client.off('drain', give)
      client.off('end', give)
      ;(client.release as Release)(isUnfit ? true : undefined)
    }
    if (!isUnfit || this.guard.wire.isQuiet) return give()
    // What was sent and not waited for is answered before its connection is closed.
    client.on('drain', give)
    client.on('end', give)
  }

  readonly #forwardNotice = (message: unknown): void => {
    this.#own.emit('notice', message)
  }

  readonly #forwardDrain = (): void => {
    if (this.#isQuietHere()) this.#own.emit('drain')
  }

  readonly #forwardNotification = (message: unknown): void => {
    this.#own.emit('notification', message)
  }
}

type Borrowed = BorrowedPrimary<QueryArgument, Primary>

/** Runs statements on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  get #borrowed(): Borrowed | undefined {
    return this.#connection.guard.loan as Borrowed | undefined
  }

  /** A statement of `pool.query` on any connection there; what is part of a session on one of its own. */
  run(statement: Statement): unknown {
    const { guard, database, client } = this.#connection
    const withdraw = guard.takeIntent()
    if (this.#borrowed === undefined && statement.isPoolQuery) {
      const { values, callback } = statement
      const config = this.#complete(statement.config)
      const plain = typeof values === 'function' ? undefined : values
      const result = database.primary.query(config, plain, callbackOf(config, values, callback))
      withdraw?.()
      return result
    }
    const borrowed = this.#borrowed ?? this.#borrow()
    const run = ({ config, values, callback }: Statement): unknown => {
      const result = borrowed.connection?.client.query(this.#complete(config), values, callback)
      withdraw?.()
      return result
    }
    if (borrowed.connection !== undefined) return run(statement)
    borrowed.ready.catch(() => withdraw?.())
    const fixed = statement.fixed(database.driver)
    return later(fixed, borrowed.ready, () => run(fixed), client)
  }

  #borrow(): Borrowed {
    const { guard, database, send } = this.#connection
    if (guard.session.transaction !== undefined) send('rollback', undefined, () => undefined)
    const borrowed: Borrowed = new BorrowedPrimary(
      guard,
      async () => new Primary(guardedOf(await database.primary.connect()) as Guarded, this.#connection),
    )
    borrowed.ready.then(
      (primary) => {
        primary.adopt()
        if (!guard.isLent) leaveWhenIdle(borrowed, primary, send)
      },
      () => undefined,
    )
    return borrowed
  }

  /** A named statement whose text only this server has is given its text again. */
  #complete(config: QueryArgument): QueryArgument {
    if (typeof config === 'string' || isSubmittable(config) || config.text !== undefined) return config
    const text = textOn(this.#connection.client, config)
    return text === undefined ? config : { ...config, text }
  }
}

/**
 * In a pool that is not ours the app is not seen to give its connection back: there the end of a transaction has to do, once what was
 * set there is set here as well.
 */
function leaveWhenIdle(borrowed: Borrowed, { client, guard }: Primary, send: Guarded['send']): void {
  const run = (statement: QueryArgument): Promise<unknown> =>
    new Promise((resolve, reject) => {
      send(statement, undefined, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)))
    })
  const idle = (): void => {
    if (borrowed.isFree) {
      client.off('drain', idle)
      borrowed.leave()
    } else {
      void borrowed.bringsHome(run)?.then(() => {
        if (guard.wire.isQuiet) idle()
      })
    }
  }
  client.on('drain', idle)
}
