import { BorrowedPrimary } from '@flyroute/core/adapter'
import { callbackOf, isSubmittable, type QueryArgument } from './driver-types.ts'
import { type Guarded, guardedOf } from './guarded.ts'
import { later, type Statement } from './statement.ts'

type Borrowed = BorrowedPrimary<QueryArgument, Guarded>

/** Runs statements on a connection to the primary in place of one to a replica. */
export class Borrowing {
  readonly #connection: Guarded
  #borrowed: Borrowed | undefined

  constructor(connection: Guarded) {
    this.#connection = connection
  }

  /** A statement of `pool.query` on any connection there; what is part of a session on one of its own. */
  run(statement: Statement): unknown {
    const { values, callback, scope, isPoolQuery } = statement
    const { guard, database } = this.#connection
    const config = this.#complete(statement.config)
    const hasIntent = guard.takeIntent()
    // The connection there has registered its own write by then.
    const withdraw = (): void => {
      if (hasIntent) scope?.request.endWrite(database.replication.name, 'unsent')
    }
    if (this.#borrowed === undefined && isPoolQuery) {
      const plain = typeof values === 'function' ? undefined : values
      const result = database.primary.query(config, plain, callbackOf(config, values, callback))
      withdraw()
      return result
    }
    const borrowed = this.#borrowed ?? this.#borrow()
    const run = (): unknown => {
      const result = borrowed.connection?.query(config, values, callback)
      withdraw()
      return result
    }
    if (borrowed.connection !== undefined) return run()
    borrowed.ready.catch(withdraw)
    return later({ config, values, callback }, borrowed.ready, run, this.#connection.client)
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
    borrowed.ready.then(({ client }) => client.off('notification', this.#forward)).catch(() => undefined)
    borrowed.leave()
    this.#isOver(borrowed)
  }

  #isOver(borrowed: Borrowed): void {
    if (this.#borrowed !== borrowed) return
    this.#borrowed = undefined
    this.#connection.guard.isDiverted = false
  }

  readonly #forward = (message: unknown): void => {
    this.#connection.client.emit('notification', message)
  }

  /** A named statement whose text only this server has is given its text again. */
  #complete(config: QueryArgument): QueryArgument {
    if (typeof config === 'string' || isSubmittable(config) || config.text !== undefined) return config
    const { name = '', values } = config
    const text = this.#connection.client.connection?.parsedStatements?.[name]
    return text === undefined ? config : { ...config, text, values }
  }
}
