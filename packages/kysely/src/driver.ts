import { type Classifier, currentScope, type DatabaseReplication, type Scope } from '@flyroute/core/adapter'
import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely'
import { GuardedConnection } from './connection.ts'
import type { Facts } from './facts/index.ts'
import type { DialectSource } from './replication.ts'

/** One database: what its connections share. */
export interface GuardedDatabase {
  readonly facts: Facts
  readonly replication: DatabaseReplication
  readonly classifier: Classifier
  readonly source: DialectSource
}

type Compile = Parameters<NonNullable<Driver['savepoint']>>[2]
type AcquireOptions = Parameters<Driver['acquireConnection']>[0]

/** The drivers of one or two dialects as one: its connections know what they lead to, and where else they may go. */
export class FlyrouteDriver implements Driver {
  readonly database: GuardedDatabase
  readonly #local: Driver
  readonly #primary: Driver | undefined
  readonly #initialised: Map<Driver, Promise<void>> = new Map()
  readonly #guarded: WeakMap<DatabaseConnection, GuardedConnection> = new WeakMap()

  /** @param primary the way to the primary, where `local` leads to a replica */
  constructor(database: GuardedDatabase, local: Driver, primary: Driver | undefined) {
    this.database = database
    this.#local = local
    this.#primary = primary
    database.source.attach(async () => {
      await this.#init(local)
      return local
    })
  }

  init(options?: AcquireOptions): Promise<void> {
    return this.#init(this.#local, options)
  }

  #init(driver: Driver, options?: AcquireOptions): Promise<void> {
    const known = this.#initialised.get(driver)
    if (known !== undefined) return known
    const begun = driver.init(options).catch((error: unknown) => {
      // Tried again by whoever comes next.
      this.#initialised.delete(driver)
      throw error
    })
    this.#initialised.set(driver, begun)
    return begun
  }

  async acquireConnection(options?: AcquireOptions): Promise<GuardedConnection> {
    const { replication } = this.database
    const scope = currentScope()
    if (replication.topology.role === 'replica' && (replication.isUnavailable || this.#goesToPrimary(scope))) {
      replication.route('read', 'connect', scope)
      return this.acquirePrimary(options)
    }
    let connection: GuardedConnection
    try {
      connection = this.#guard(this.#local, await this.#local.acquireConnection(options), 'local')
    } catch (error) {
      return this.#acquireElsewhere(error, scope, options)
    }
    if (connection.server !== undefined) return connection
    try {
      await connection.greet()
      return connection
    } catch (error) {
      await this.#local.releaseConnection(connection.inner)
      return this.#acquireElsewhere(error, scope, options)
    }
  }

  /** A connection to the primary, across the ocean; only where there is a dialect for it. */
  async acquirePrimary(options?: AcquireOptions): Promise<GuardedConnection> {
    const driver = this.#primary as Driver
    await this.#init(driver, options)
    const connection = this.#guard(driver, await driver.acquireConnection(options), 'primary')
    if (connection.server === undefined) {
      try {
        await connection.greet()
      } catch (error) {
        await driver.releaseConnection(connection.inner)
        throw error
      }
    }
    return connection
  }

  #goesToPrimary(scope: Scope | undefined): boolean {
    if (scope === undefined || this.#primary === undefined) return false
    return scope.onPrimary || scope.activity.written.has(this.database.replication.name)
  }

  /** The member next door cannot be had. */
  async #acquireElsewhere(
    error: unknown,
    scope: Scope | undefined,
    options: AcquireOptions,
  ): Promise<GuardedConnection> {
    const { replication, facts } = this.database
    if (facts.readError(error) !== 'unavailable') throw error
    if (replication.expects === 'primary') {
      if (scope !== undefined) scope.activity.primaryUnreachable = error
      throw error
    }
    replication.failed(error)
    replication.toPrimary('unavailable', undefined, scope, error)
    return this.acquirePrimary(options)
  }

  #guard(driver: Driver, inner: DatabaseConnection, side: 'local' | 'primary'): GuardedConnection {
    const known = this.#guarded.get(inner)
    if (known !== undefined) return known
    const guarded = new GuardedConnection(this, driver, inner, side)
    this.#guarded.set(inner, guarded)
    return guarded
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const { accessMode, isolationLevel } = settings
    const level = isolationLevel === undefined ? '' : ` isolation level ${isolationLevel}`
    await guarded(connection).begin(`start transaction${level} ${accessMode ?? ''}`, (on) =>
      on.driver.beginTransaction(on.inner, settings),
    )
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await guarded(connection).commit((on) => on.driver.commitTransaction(on.inner))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await guarded(connection).rollback((on) => on.driver.rollbackTransaction(on.inner))
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    await guarded(connection).withSavepoint((on) =>
      required(on.driver.savepoint).call(on.driver, on.inner, name, compile),
    )
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    guarded(connection).forgetsRefusal()
    await guarded(connection).withSavepoint((on) =>
      required(on.driver.rollbackToSavepoint).call(on.driver, on.inner, name, compile),
    )
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    await guarded(connection).withSavepoint((on) =>
      required(on.driver.releaseSavepoint).call(on.driver, on.inner, name, compile),
    )
  }

  async releaseConnection(connection: DatabaseConnection, options?: AcquireOptions): Promise<void> {
    const { driver, inner } = guarded(connection)
    await guarded(connection).leaves()
    await driver.releaseConnection(inner, options)
  }

  async destroy(options?: AcquireOptions): Promise<void> {
    await this.database.replication.end()
    await Promise.all(
      [...this.#initialised].map(async ([driver, initialised]) => {
        await initialised
        await driver.destroy(options)
      }),
    )
  }
}

/** Kysely hands back what it was given. */
function guarded(connection: DatabaseConnection): GuardedConnection {
  return connection as GuardedConnection
}

function required<T>(method: T | undefined): T {
  if (method === undefined) throw new Error('The wrapped dialect does not support savepoints')
  return method
}
