import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Classifier,
  currentScope,
  type DatabaseReplication,
  type DialectFacts,
  type Scope,
  type ServerInstance,
  Watchdog,
} from '@flyroute/core/adapter'
import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely'
import { GuardedConnection } from './connection.ts'
import { type DialectSource, wasAsked } from './replication.ts'
import { Wait } from './watchdog.ts'

/** For how long (ms) the word of one connection holds for others of its driver. */
const assumedMs = 1_000

/** How long (ms) connections to a server that hangs may keep the end of everything. */
const goodbyeMs = 2_000

/** One database: what its connections share. */
export interface GuardedDatabase {
  readonly facts: DialectFacts
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
  /** Looks after a replica that is one of several connections away; undefined for a primary. */
  readonly watchdog: Watchdog | undefined
  /** What was last said on a connection of each driver. */
  readonly #greetings: Map<Driver, { readonly at: number; readonly server: ServerInstance }> = new Map()
  #isLocalReady = false
  /** How many connections of the local driver are in use. */
  #lent = 0
  /** Connections that wait for a server that hangs, before they may be released. */
  readonly #leaving: Set<Promise<void>> = new Set()

  /**
   * @param primary the way to the primary, where `local` leads to a replica
   * @param isSingle there is one local connection only
   */
  constructor(database: GuardedDatabase, local: Driver, primary: Driver | undefined, isSingle: boolean) {
    this.database = database
    this.#local = local
    this.#primary = primary
    const { replication, source } = database
    // Who has one connection cannot ask on another one.
    if (replication.servers.expects === 'replica' && !isSingle)
      this.watchdog = new Watchdog(replication.prober, wasAsked)
    source.attach({
      driver: async () => {
        await this.#init(local)
        return local
      },
      isTaken: () => isSingle && this.#lent > 0,
    })
  }

  async init(options?: AcquireOptions): Promise<void> {
    try {
      await this.#init(this.#local, options)
      this.#isLocalReady = true
    } catch (error) {
      // Whoever wants a connection goes elsewhere, until it can be had.
      const { facts, replication } = this.database
      if (replication.servers.expects === 'primary' || facts.readError(error) !== 'unavailable') throw error
    }
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

  acquireConnection(options?: AcquireOptions): Promise<GuardedConnection> {
    const { replication } = this.database
    const scope = currentScope()
    if (replication.topology.role === 'replica' && (replication.prober.isUnavailable || this.#goesToPrimary(scope))) {
      return this.#acquireAtOnce(scope, options)
    }
    return this.#isLocalReady
      ? new Acquisition(this, this.#local, scope, options).promise
      : this.#acquireFirst(scope, options)
  }

  async #acquireFirst(scope: Scope | undefined, options: AcquireOptions): Promise<GuardedConnection> {
    try {
      await this.#init(this.#local, options)
    } catch (error) {
      return this.acquireElsewhere(error, scope, options)
    }
    this.#isLocalReady = true
    return new Acquisition(this, this.#local, scope, options).promise
  }

  /** Has a connection say what it is. */
  async greets(connection: GuardedConnection): Promise<void> {
    const at = performance.now()
    await connection.greet()
    this.#greetings.set(connection.driver, { at, server: connection.server as ServerInstance })
  }

  /**
   * Takes a connection for what another one of its driver has just said: many dialects make a new object each time for the
   * connections of their pools, and would be asked behind every statement. Who has to see something in particular is not content
   * with that.
   */
  assumes(connection: GuardedConnection, scope: Scope | undefined): boolean {
    const said = this.#greetings.get(connection.driver)
    const { replication } = this.database
    if (said === undefined || performance.now() - said.at > assumedMs) return false
    if (!replication.servers.isCurrent(said.server) || replication.freshness.need(scope) !== undefined) return false
    connection.server = said.server
    connection.isAssumed = true
    return true
  }

  /** The local driver has given a connection. */
  lends(inner: DatabaseConnection): GuardedConnection {
    this.#lent++
    return this.#guard(this.#local, inner, 'local')
  }

  /** Without a look next door. */
  async #acquireAtOnce(scope: Scope | undefined, options: AcquireOptions): Promise<GuardedConnection> {
    this.database.replication.router.route('read', 'connect', scope)
    return this.acquirePrimary(options)
  }

  /** A connection to the primary, across the ocean; only where there is a dialect for it. */
  async acquirePrimary(options?: AcquireOptions): Promise<GuardedConnection> {
    const driver = this.#primary as Driver
    try {
      await this.#init(driver, options)
      const connection = this.#guard(driver, await driver.acquireConnection(options), 'primary')
      if ((connection.server === undefined || connection.isAssumed) && !this.assumes(connection, undefined)) {
        try {
          await this.greets(connection)
        } catch (error) {
          await driver.releaseConnection(connection.inner)
          throw error
        }
      }
      return connection
    } catch (error) {
      this.#notesOutage(error, currentScope())
      throw error
    }
  }

  /** The door answers as much, should the app's answer be a failure. */
  #notesOutage(error: unknown, scope: Scope | undefined): void {
    if (scope !== undefined && this.database.facts.readError(error) === 'unavailable') {
      scope.request.primaryUnreachable = error
    }
  }

  #goesToPrimary(scope: Scope | undefined): boolean {
    if (scope === undefined || this.#primary === undefined) return false
    return scope.onPrimary || scope.request.hasWritten(this.database.replication.name)
  }

  /** The member next door cannot be had. */
  async acquireElsewhere(
    error: unknown,
    scope: Scope | undefined,
    options: AcquireOptions,
  ): Promise<GuardedConnection> {
    const { replication, facts } = this.database
    if (facts.readError(error) !== 'unavailable') throw error
    if (replication.servers.expects === 'primary') {
      this.#notesOutage(error, scope)
      throw error
    }
    replication.prober.reportUnreachable(error)
    replication.router.toPrimary('unavailable', undefined, scope, error)
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

  releaseConnection(connection: DatabaseConnection, options?: AcquireOptions): Promise<void> {
    const leaving = guarded(connection)
    const { driver, inner, side, abandoned } = leaving
    if (side === 'local') this.#lent--
    const first = leaving.leaves()
    if (first === undefined) return driver.releaseConnection(inner, options)
    const left = first.then(() => driver.releaseConnection(inner, options))
    if (abandoned === undefined) return left
    // Nobody waits for a server that hangs.
    const gone = left.catch(() => undefined).finally(() => this.#leaving.delete(gone))
    this.#leaving.add(gone)
    return Promise.resolve()
  }

  async destroy(options?: AcquireOptions): Promise<void> {
    this.watchdog?.end()
    await this.database.replication.end()
    const destroyed = Promise.all(
      [...this.#initialised].map(async ([driver, initialised]) => {
        await initialised
        await driver.destroy(options)
      }),
    )
    if (this.#leaving.size === 0) await destroyed
    // What hangs is not waited for longer than it would be in its time.
    else await Promise.race([destroyed, sleep(goodbyeMs, undefined, { ref: false })])
  }
}

/**
 * Somebody who wants a connection to the member next door: to be given one that has said what it is, or to be served elsewhere as
 * soon as it is clear that there will be none. An object, since it is made for each statement: no closure holds what it needs.
 */
class Acquisition extends Wait<GuardedConnection> {
  override readonly patience = 0
  readonly #owner: FlyrouteDriver
  readonly #scope: Scope | undefined
  readonly #options: AcquireOptions

  constructor(owner: FlyrouteDriver, local: Driver, scope: Scope | undefined, options: AcquireOptions) {
    super(owner.watchdog)
    this.#owner = owner
    this.#scope = scope
    this.#options = options
    local.acquireConnection(options).then(
      (inner) => this.#comes(owner.lends(inner)),
      (error: unknown) => this.cut(error),
    )
  }

  /** There will be none. */
  cut(error: unknown): void {
    this.over()?.(this.#owner.acquireElsewhere(error, this.#scope, this.#options))
  }

  #comes(connection: GuardedConnection): void {
    if ((connection.server === undefined || connection.isAssumed) && !this.#owner.assumes(connection, this.#scope)) {
      void this.#greet(connection)
    } else this.#ends(connection)
  }

  async #greet(connection: GuardedConnection): Promise<void> {
    try {
      await this.#owner.greets(connection)
    } catch (error) {
      this.cut(error)
    }
    this.#ends(connection)
  }

  #ends(connection: GuardedConnection): void {
    const resolve = this.over()
    if (resolve !== undefined) return resolve(connection)
    // It comes too late, or is none that could be used.
    this.#owner.releaseConnection(connection).catch(() => undefined)
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
