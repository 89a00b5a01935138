import { setTimeout as sleep } from 'node:timers/promises'
import {
  asksForConnection,
  currentScope,
  insteadOfLocal,
  neverSettles,
  noteUnreachable,
  type Scope,
  type ServerInstance,
  Watchdog,
} from '@flyroute/core/adapter'
import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely'
import { Acquisition } from './acquisition.ts'
import { KyselyConnection } from './connection.ts'
import type { Owner } from './guarded.ts'
import type { KyselyDatabase } from './options.ts'
import { wasAsked } from './replication.ts'
import { Control, type ExecuteOptions, type RunControl } from './statement.ts'

/** For how long (ms) the word of one connection holds for others of its driver. */
const assumedMs = 1_000

/** How long (ms) connections to a server that hangs may keep the end of everything. */
const goodbyeMs = 2_000

type Compile = Parameters<NonNullable<Driver['savepoint']>>[2]

/** The drivers of one or two dialects as one: its connections know what they lead to, and where else they may go. */
export class FlyrouteDriver implements Driver, Owner {
  readonly database: KyselyDatabase
  readonly watchdog: Watchdog | undefined
  readonly #local: Driver
  readonly #primary: Driver | undefined
  readonly #isSingle: boolean
  readonly #initialised: Map<Driver, Promise<void>> = new Map()
  readonly #guarded: WeakMap<DatabaseConnection, KyselyConnection> = new WeakMap()
  /** What was last said on a connection of each driver. */
  readonly #identified: Map<Driver, { readonly at: number; readonly server: ServerInstance }> = new Map()
  #isLocalReady = false
  /** How many connections of the local driver are in use. */
  #lent = 0
  /** Connections that have to be cleaned up before they may be released. */
  readonly #leaving: Set<Promise<void>> = new Set()

  /**
   * @param primary the way to the primary, where `local` leads to a replica
   * @param isSingle there is one local connection only
   */
  constructor(database: KyselyDatabase, local: Driver, primary: Driver | undefined, isSingle: boolean) {
    this.database = database
    this.#local = local
    this.#primary = primary
    this.#isSingle = isSingle
    const { replication, source } = database
    // Who has one connection cannot ask on another one.
    if (replication.isBounded && !isSingle) {
      this.watchdog = new Watchdog(replication.prober, wasAsked)
    }
    source.attach({
      driver: async () => {
        await this.#init(local)
        return local
      },
      isTaken: () => isSingle && this.#lent > 0,
    })
  }

  async init(options?: ExecuteOptions): Promise<void> {
    try {
      await this.#init(this.#local, options)
      this.#isLocalReady = true
    } catch (error) {
      // What wants a connection goes elsewhere, until one can be had.
      const { facts, replication } = this.database
      if (replication.servers.expects === 'primary' || facts.readError(error) !== 'unavailable') throw error
    }
  }

  #init(driver: Driver, options?: ExecuteOptions): Promise<void> {
    const known = this.#initialised.get(driver)
    if (known !== undefined) return known
    const begun = driver.init(options).catch((error: unknown) => {
      // The next one tries again.
      this.#initialised.delete(driver)
      throw error
    })
    this.#initialised.set(driver, begun)
    return begun
  }

  // --- connections --------------------------------------------------------------------------------------------------

  acquireConnection(options?: ExecuteOptions): Promise<KyselyConnection> {
    const { replication } = this.database
    const scope = currentScope()
    if (scope?.request.isReplayed) return this.drops(scope)
    asksForConnection(replication, scope)
    if (replication.topology.role === 'replica' && (replication.prober.isUnavailable || this.#goesToPrimary(scope))) {
      return this.#acquireAtOnce(scope, options)
    }
    return this.#isLocalReady
      ? new Acquisition(this, this.#local, scope, options).promise
      : this.#acquireFirst(scope, options)
  }

  drops(scope: Scope | undefined): Promise<never> {
    const refusal = scope?.request.refusal
    // With its only connection, everything would wait for ever.
    return this.#isSingle && refusal !== undefined
      ? Promise.reject(refusal)
      : neverSettles(this.database.replication.name)
  }

  async #acquireFirst(scope: Scope | undefined, options: ExecuteOptions): Promise<KyselyConnection> {
    try {
      await this.#init(this.#local, options)
    } catch (error) {
      return this.acquireElsewhere(error, scope, options)
    }
    this.#isLocalReady = true
    return new Acquisition(this, this.#local, scope, options).promise
  }

  /** Without a try of the local server. */
  async #acquireAtOnce(scope: Scope | undefined, options: ExecuteOptions): Promise<KyselyConnection> {
    this.database.replication.router.route('read', 'connect', scope)
    return this.lends(await this.acquirePrimary(options), scope)
  }

  /** There is no connection to the local server. */
  async acquireElsewhere(error: unknown, scope: Scope | undefined, options: ExecuteOptions): Promise<KyselyConnection> {
    await insteadOfLocal(this.database, scope, error)
    if (scope?.request.isReplayed) return this.drops(scope)
    return this.lends(await this.acquirePrimary(options), scope)
  }

  async acquirePrimary(options?: ExecuteOptions): Promise<KyselyConnection> {
    const driver = this.#primary as Driver
    try {
      await this.#init(driver, options)
      const connection = this.#guard(driver, await driver.acquireConnection(options), 'primary')
      try {
        if (this.mustIdentify(connection, undefined)) await this.identifies(connection)
      } catch (error) {
        this.giveBack(connection, false)
        throw error
      }
      return connection
    } catch (error) {
      noteUnreachable(this.database, currentScope(), error)
      throw error
    }
  }

  /** Hands a connection over to the app. */
  lends(connection: KyselyConnection, scope: Scope | undefined): KyselyConnection | Promise<never> {
    if (scope?.request.isReplayed) {
      this.giveBack(connection, false)
      return this.drops(scope)
    }
    connection.isHeldBy(scope)
    return connection
  }

  #goesToPrimary(scope: Scope | undefined): boolean {
    if (scope === undefined || this.#primary === undefined) return false
    return scope.onPrimary || scope.request.hasWritten(this.database.replication.name)
  }

  /** The local driver has given a connection. */
  guardLocal(inner: DatabaseConnection): KyselyConnection {
    this.#lent++
    return this.#guard(this.#local, inner, 'local')
  }

  #guard(driver: Driver, inner: DatabaseConnection, side: 'local' | 'primary'): KyselyConnection {
    const known = this.#guarded.get(inner)
    if (known !== undefined) return known
    const guarded = new KyselyConnection(this, driver, inner, side)
    this.#guarded.set(inner, guarded)
    return guarded
  }

  /**
   * Whether a connection has to say what it is. It is taken for what another one of its driver has just said: many dialects make a
   * new object each time for the connections of their pools, and would be asked after every statement. What has to see something
   * in particular is not content with that.
   */
  mustIdentify(connection: KyselyConnection, scope: Scope | undefined): boolean {
    const { guard } = connection
    if (guard.server !== undefined && !connection.isAssumed) return false
    if (scope === undefined && guard.isOnlyServer) return false
    const said = this.#identified.get(connection.driver)
    const { replication } = this.database
    if (said === undefined || performance.now() - said.at > assumedMs) return true
    if (!replication.servers.isCurrent(said.server) || replication.freshness.need(scope) !== undefined) return true
    guard.identified(said.server)
    connection.isAssumed = true
    return false
  }

  async identifies(connection: KyselyConnection): Promise<void> {
    const at = performance.now()
    const { guard, driver } = connection
    const { facts } = this.database
    try {
      await guard.identify()
    } catch (error) {
      // In a transaction that its last user has left aborted it says no more; it is what it was taken for.
      if (connection.isAssumed && facts.isAnswer(error) && facts.readError(error) === undefined) return
      throw error
    }
    connection.isAssumed = false
    this.#identified.set(driver, { at, server: guard.server as ServerInstance })
  }

  releaseConnection(connection: DatabaseConnection, options?: ExecuteOptions): Promise<void> {
    const leaving = guarded(connection)
    const settled = leaving.settles()
    return settled === undefined ? this.#leaves(leaving, options) : settled.then(() => this.#leaves(leaving, options))
  }

  #leaves(connection: KyselyConnection, options: ExecuteOptions): Promise<void> {
    return connection.guard.isReclaimed ? Promise.resolve() : this.#release(connection, false, options)
  }

  giveBack(connection: KyselyConnection, isUnfit: boolean): void {
    this.#release(connection, isUnfit).catch(() => undefined)
  }

  #release(connection: KyselyConnection, isUnfit: boolean, options?: ExecuteOptions): Promise<void> {
    const { driver, inner, guard } = connection
    if (guard.side === 'local') this.#lent--
    const first = connection.leaves(isUnfit)
    if (first === undefined) return driver.releaseConnection(inner, options)
    const left = first.then((isDiscarded) => {
      if (isDiscarded) this.#forgets(connection)
      return driver.releaseConnection(inner, options)
    })
    // The app does not wait for a server that hangs.
    const gone = left.catch(() => undefined).finally(() => this.#leaving.delete(gone))
    this.#leaving.add(gone)
    return Promise.resolve()
  }

  /** Where its driver could not be had to close it, it says anew what it is. */
  #forgets({ driver, inner }: KyselyConnection): void {
    this.#guarded.delete(inner)
    this.#identified.delete(driver)
  }

  async destroy(options?: ExecuteOptions): Promise<void> {
    const { replication, source, held } = this.database
    // postgres.js never ends where a connection comes back later.
    await held.reclaim()
    this.watchdog?.end()
    await replication.end()
    await inGoodTime(Promise.all(this.#leaving))
    const destroyed = Promise.all(
      [...this.#initialised].map(async ([driver, initialised]) => {
        await initialised
        await driver.destroy(options)
      }),
    )
    if (this.#leaving.size === 0 && !source.isAsking) await destroyed
    // What hangs is not waited for longer than it would be in its time.
    else await inGoodTime(destroyed)
  }

  // --- transactions: by the methods of the driver whose connection it is -----------------------------------------------

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const { accessMode = '', isolationLevel } = settings
    const level = isolationLevel === undefined ? '' : `isolation level ${isolationLevel} `
    const isPlain = accessMode === '' && level === ''
    await controls(connection, isPlain ? 'begin' : `start transaction ${level}${accessMode}`, (driver, on) =>
      driver.beginTransaction(on, settings),
    )
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return controls(connection, 'commit', (driver, on) => driver.commitTransaction(on))
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return controls(connection, 'rollback', (driver, on) => driver.rollbackTransaction(on))
  }

  savepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    return controls(connection, 'savepoint s', (driver, on) => required(driver, 'savepoint')(on, name, compile))
  }

  rollbackToSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    return controls(connection, 'rollback to s', (driver, on) =>
      required(driver, 'rollbackToSavepoint')(on, name, compile),
    )
  }

  releaseSavepoint(connection: DatabaseConnection, name: string, compile: Compile): Promise<void> {
    return controls(connection, 'release savepoint s', (driver, on) =>
      required(driver, 'releaseSavepoint')(on, name, compile),
    )
  }
}

async function inGoodTime(ending: Promise<unknown>): Promise<void> {
  await Promise.race([ending, sleep(goodbyeMs, undefined, { ref: false })])
}

async function controls(connection: DatabaseConnection, sql: string, run: RunControl): Promise<void> {
  const on = guarded(connection)
  await on.execute(new Control(sql, run, on.below))
}

/** Kysely hands back what it was given. */
function guarded(connection: DatabaseConnection): KyselyConnection {
  return connection as KyselyConnection
}

function required<K extends 'savepoint' | 'rollbackToSavepoint' | 'releaseSavepoint'>(
  driver: Driver,
  method: K,
): NonNullable<Driver[K]> {
  const own = driver[method]
  // As Kysely says it, which looks for the method on the driver that it was given.
  if (own === undefined) throw new Error(`The \`${method}\` method is not supported by this driver`)
  return own.bind(driver) as NonNullable<Driver[K]>
}
