import type { Replication } from '@flyroute/core'
import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import pg from 'pg'
import { type Driver, openDatabase, type PgDatabase, type PrimaryPool } from './database.ts'
import {
  type Callback,
  type ClientClass,
  callbackOf,
  isSubmittable,
  type QueryArgument,
  textOf,
} from './driver-types.ts'
import { guardClient, type Side } from './guard.ts'
import type { FlyroutePoolOptions } from './options.ts'
import { readError } from './refusal.ts'
import { Watchdog } from './watchdog.ts'

/** A pool of node-postgres, and where its data comes from. */
export type FlyroutePool = pg.Pool & { readonly replication: Replication }

/** The pool's methods as they are called, below their overloads. */
interface BarePool {
  readonly totalCount: number
  connect(callback?: Callback): Promise<unknown> | undefined
  query(config: unknown, values?: unknown, callback?: unknown): unknown
  end(callback?: () => void): Promise<void> | undefined
  on(event: string, listener: (...args: never[]) => void): unknown
}

interface PoolClass {
  new (config?: object): BarePool
}

/**
 * A pool of node-postgres that is connected to the member next door. On a replica its clients refuse writes with a
 * `PrimaryRequiredError`; in the primary's region, and off Fly, it is the driver's pool and nothing else.
 *
 * It takes all options of `pg.Pool`, whose `connectionString`, `host` and so on are the primary endpoint, and
 * flyroute's own. Without any, the environment says where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 * @example
 * const pool = createPool()
 * const { rows } = await pool.query('select * from post order by id')
 */
export function createPool(options: FlyroutePoolOptions = {}): FlyroutePool {
  const database = openDatabase(pg, options, openPrimaryPool)
  return createGuardedPool(pg, database)
}

/** The pool to the member that is read from, for `createPool` and for the drop-in of the module. */
export function createGuardedPool(driver: Driver, database: PgDatabase): FlyroutePool {
  const { replication, classifier } = database
  const Client = guardClient(driver.Client as unknown as ClientClass, database, 'local')
  const Base = driver.Pool as unknown as PoolClass
  const watchdog = new Watchdog(replication)

  // Drizzle, among others, knows a pool by the name of its class: it has to end in Pool, minified or not.
  class GuardedPool extends Base {
    static override readonly name: string = 'FlyroutePool'
    readonly replication: Replication = replication

    constructor() {
      super({ ...database.localConfig, Client })
      // Without a listener, an idle connection that dies would end the process.
      this.on('error', () => undefined)
      watchdog.watch(this as never)
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const scope = currentScope()
      const isReplica = replication.topology.role === 'replica'
      if (isReplica && (replication.isUnavailable || goesToPrimary(scope)))
        return this.#connectToPrimary(scope, callback)
      if (callback === undefined)
        return super.connect()?.catch((error: unknown) => this.#connectElsewhere(error, scope))
      super.connect((error, client, release) => {
        // The pool calls back in whichever request has released the connection.
        runInScope(scope, () => {
          if (!error) return callback(error, client, release)
          this.#connectElsewhere(error, scope).then(
            (primary) => callback(undefined, primary, (primary as { release: (error?: unknown) => void }).release),
            (failure: unknown) => callback(failure, undefined, () => undefined),
          )
        })
      })
      return undefined
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (replication.topology.role === 'primary') return super.query(config, values, callback)
      const argument = config as QueryArgument | null | undefined
      const text =
        argument === null || argument === undefined || typeof argument === 'function' ? undefined : textOf(argument)
      if (text === undefined || isSubmittable(config)) return super.query(config, values, callback)
      const { access, reason } = classifier.classify(text)
      const scope = currentScope()
      try {
        // Refused here, it costs no connection: the pool would throw that away.
        if (access === 'write' || replication.isUnavailable || goesToPrimary(scope)) {
          if (replication.route(access, reason, scope) === 'primary') {
            return database.primaryPool().query(config, values, callback)
          }
        }
      } catch (error) {
        const deliver = callbackOf(argument as QueryArgument, values, callback)
        if (deliver === undefined) return Promise.reject(error)
        process.nextTick(deliver, error)
        return undefined
      }
      return super.query(config, values, callback)
    }

    override end(callback?: () => void): Promise<void> | undefined {
      watchdog.end()
      const ended = database.end()
      if (callback === undefined) return super.end()?.then(() => ended)
      super.end(() => void ended.then(callback))
      return undefined
    }

    #connectToPrimary(scope: Scope | undefined, callback?: Callback): Promise<unknown> | undefined {
      let client: Promise<unknown>
      try {
        replication.route('read', 'connect', scope)
        client = database.primaryPool().connect()
      } catch (error) {
        client = Promise.reject(error)
      }
      if (callback === undefined) return client
      client.then(
        (primary) => callback(undefined, primary, (primary as { release: (error?: unknown) => void }).release),
        (error: unknown) => callback(error, undefined, () => undefined),
      )
      return undefined
    }

    /** The member next door cannot be had. */
    async #connectElsewhere(error: unknown, scope: Scope | undefined): Promise<unknown> {
      if (readError(error) !== 'unavailable') throw error
      if (replication.expects === 'primary') {
        if (scope !== undefined) scope.activity.primaryUnreachable = error
        throw error
      }
      replication.failed(error)
      replication.toPrimary('unavailable', undefined, scope, error)
      return database.primaryPool().connect()
    }
  }

  function goesToPrimary(scope: Scope | undefined): boolean {
    return scope !== undefined && (scope.onPrimary || scope.activity.written.has(replication.name))
  }

  return new GuardedPool() as unknown as FlyroutePool
}

/** The bounded pool behind `runOnPrimary`, of the same guarded clients. */
export function openPrimaryPool(database: PgDatabase, config: object): PrimaryPool {
  const side: Side = 'primary'
  const Client = guardClient(database.driver.Client as unknown as ClientClass, database, side)
  const pool = new (database.driver.Pool as unknown as PoolClass)({ ...config, Client })
  pool.on('error', () => undefined)
  return pool as unknown as PrimaryPool
}
