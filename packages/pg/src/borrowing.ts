import { BorrowedPrimary } from '@flyroute/core/adapter'
import { callbackOf, isSubmittable, type QueryArgument, textOn } from './driver-types.ts'
import { type Guarded, guardedOf } from './guarded.ts'
import { later, type Statement } from './statement.ts'

type Borrowed = BorrowedPrimary<QueryArgument, Guarded>

/** Runs statements on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #borrowed: Borrowed | undefined
  /** The type parsers of the connections that are used. */
  readonly #types: WeakMap<object, unknown> = new WeakMap()

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** A statement of `pool.query` on any connection there; what is part of a session on one of its own. */
  run(statement: Statement): unknown {
    const { scope, isPoolQuery } = statement
    const { guard, database, client } = this.#connection
    const hasIntent = guard.takeIntent()
    // The connection there has registered its own write by then.
    const withdraw = (): void => {
      if (hasIntent) scope?.request.endWrite(database.replication.name, 'unsent')
    }
    if (this.#borrowed === undefined && isPoolQuery) {
      const { values, callback } = statement
      const config = this.#complete(statement.config)
      const plain = typeof values === 'function' ? undefined : values
      const result = database.primary.query(config, plain, callbackOf(config, values, callback))
      withdraw()
      return result
    }
    const borrowed = this.#borrowed ?? this.#borrow()
    const run = ({ config, values, callback }: Statement): unknown => {
      const result = borrowed.connection?.query(this.#complete(config), values, callback)
      withdraw()
      return result
    }
    if (borrowed.connection !== undefined) return run(statement)
    borrowed.ready.catch(withdraw)
    const fixed = statement.fixed(database.driver)
    return later(fixed, borrowed.ready, () => run(fixed), client)
  }

  leave(): void {
    const borrowed = this.#borrowed
    if (borrowed === undefined) return
    this.#giveBack(borrowed)
  }

  #borrow(): Borrowed {
    const { guard, database, send } = this.#connection
    const { image, transaction } = guard.session
    if (transaction !== undefined) {
      guard.session.leavesTransaction()
      send('rollback', undefined, () => undefined)
    }
    const borrowed: Borrowed = new BorrowedPrimary(image, async () => {
      const primary = guardedOf(await database.primary.connect()) as Guarded
      primary.client.on('notification', this.#forward)
      return primary
    })
    this.#borrowed = borrowed
    guard.isDiverted = true
    borrowed.ready.then(
      ({ client }) => {
        this.#adopt(client)
        if (!guard.isLent) this.#leaveWhenIdle(borrowed, client)
      },
      () => this.#isOver(borrowed),
    )
    return borrowed
  }

  /** In a pool that is not ours the app is not seen to give its connection back: there the end of a transaction has to do. */
  #leaveWhenIdle(borrowed: Borrowed, client: Guarded['client']): void {
    const idle = (): void => {
      if (!borrowed.isFree) return
      client.off('drain', idle)
      this.#giveBack(borrowed)
    }
    client.on('drain', idle)
  }

  #giveBack(borrowed: Borrowed): void {
    borrowed.ready.then(({ client }) => this.#disown(client)).catch(() => undefined)
    borrowed.leave()
    this.#isOver(borrowed)
  }

  #isOver(borrowed: Borrowed): void {
    if (this.#borrowed !== borrowed) return
    this.#borrowed = undefined
    this.#connection.guard.isDiverted = false
  }

  /** To the app it is its own connection, whose notices it hears and whose rows it parses. */
  #adopt(client: Guarded['client']): void {
    this.#types.set(client, client._types)
    client._types = this.#connection.client._types
    client.on('notice', this.#forwardNotice)
    client.on('end', this.#dies)
  }

  #disown(client: Guarded['client']): void {
    client._types = this.#types.get(client)
    client.off('notice', this.#forwardNotice)
    client.off('end', this.#dies)
    client.off('notification', this.#forward)
  }

  /** The session is lost with its connection: to the app that is its own, and ends as if its server had ended it. */
  readonly #dies = (): void => {
    this.#connection.client.connection?.stream.destroy()
  }

  readonly #forwardNotice = (message: unknown): void => {
    this.#connection.client.emit('notice', message)
  }

  readonly #forward = (message: unknown): void => {
    this.#connection.client.emit('notification', message)
  }

  /** A named statement whose text only this server has is given its text again. */
  #complete(config: QueryArgument): QueryArgument {
    if (typeof config === 'string' || isSubmittable(config) || config.text !== undefined) return config
    const text = textOn(this.#connection.client, config)
    return text === undefined ? config : { ...config, text }
  }
}
