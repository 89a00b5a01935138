import type { Replication } from '@flyroute/core'
import {
  type AskedPool,
  asksForConnection,
  currentScope,
  hideSecrets,
  insteadOfLocal,
  isOut,
  needsPrimary,
  neverSettles,
  runInScope,
  type Scope,
} from '@flyroute/core/adapter'
import mysql, { type Pool } from 'mysql2'
import { currentCaller } from './caller.ts'
import { guardConnection } from './connection.ts'
import { type MysqlDatabase, openDatabases } from './database.ts'
import type { BareConnection, BarePool } from './driver-types.ts'
import { hand, keepErrors } from './error-identity.ts'
import { guardedOf } from './guards.ts'
import { Lives } from './lives.ts'
import { asOptions, type FlyroutePoolOptions, resolve } from './options.ts'
import { openPrimaryPool } from './primary-pool.ts'
import { watchConnection } from './watchdog.ts'

/** A pool of mysql2, and where its data comes from. */
export type FlyroutePool = Pool & { readonly replication: Replication }

/**
 * A pool of mysql2, with callbacks, that is connected to the local server. On a replica its connections refuse writes
 * with a `PrimaryRequiredError`; in the primary's region, and off Fly, it is the driver's pool and nothing else.
 *
 * It takes all options of mysql2's `createPool` (or a URL), whose `uri`, `host` and so on are the primary endpoint, and
 * flyroute's own. Without any, the environment says where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 * @example
 * const pool = createPool()
 * pool.query('select * from post order by id', (error, rows) => …)
 */
export function createPool(options?: FlyroutePoolOptions | string): FlyroutePool {
  return openPool(openDatabases(openPrimaryPool).openAlone(resolve(asOptions(options))))
}

/** The driver's pool over a database of ours. */
export function openPool(database: MysqlDatabase): FlyroutePool {
  return guardPool(mysql.createPool(database.localConfig()), database)
}

function unavailable(): Error {
  return Object.assign(new Error('The replica does not answer'), { code: 'ETIMEDOUT' })
}

type Deliver = (error: unknown, connection?: BareConnection) => void

/**
 * Puts guards on all connections of a pool of the driver's, and lets them go where the scope says.
 *
 * @param side `node` for one of a cluster's, which sees to it by itself when one cannot be had
 */
export function guardPool(driverPool: Pool, database: MysqlDatabase, side: 'local' | 'node' = 'local'): FlyroutePool {
  const { replication } = database
  const pool = driverPool as unknown as BarePool
  hideSecrets(pool.config.connectionConfig)
  // Looked up at each call: a tracing library may put another method in the place of one of these.
  const base = Object.getPrototypeOf(pool) as BarePool
  /** Those in the driver's queue: it passes them through its own method once more when a connection dies. */
  const queued = new Set<Deliver>()
  let asking: Deliver | undefined
  const bounds = side === 'local' ? database.localLives : undefined
  const lives = bounds === undefined ? undefined : new Lives(bounds)

  const connected = (connection: BareConnection | undefined): void => {
    if (connection === undefined || guardedOf(connection) !== undefined) return
    guardConnection(connection, database, side)
    if (side === 'local' && replication.isBounded) watchConnection(database.watchdog, connection)
    lives?.begins(connection)
  }

  // In place of listeners, which the app would find among its own.
  const emit: BarePool['emit'] = (event, ...args: unknown[]) => {
    if (event === 'connection') connected(args[0] as BareConnection | undefined)
    else if (event === 'enqueue' && asking !== undefined) queued.add(asking)
    else if (event === 'release') lives?.rests(args[0] as BareConnection)
    else if (event === 'acquire') lives?.wakes(args[0] as BareConnection)
    return base.emit.call(pool, event, ...args)
  }

  /** The driver asks for a connection for one statement of its own `query` or `execute`, which gives it back by itself. */
  let isForStatement = false
  const forStatement =
    (name: 'query' | 'execute'): BarePool['query'] =>
    (sql, values, callback) => {
      isForStatement = true
      try {
        return base[name].call(pool, sql, values, callback)
      } finally {
        isForStatement = false
      }
    }

  const warmable: AskedPool = {
    isCold() {
      const { connectionLimit } = pool.config
      if (side === 'node' || pool._freeConnections.length > 0) return false
      return !connectionLimit || pool._allConnections.length < connectionLimit
    },
    warm: () =>
      new Promise((resolve) => {
        base.getConnection.call(pool, (_, connection) => {
          if (connection === undefined) return resolve(undefined)
          // With its first statement it says what it is.
          connection.query('do 0', () => resolve(pool.releaseConnection(connection)))
        })
      }),
  }

  const getConnection: BarePool['getConnection'] = (asked) => {
    const isWithoutLocal = side === 'local' && isOut(replication)
    if (queued.size > 0 && queued.has(asked)) {
      if (!isWithoutLocal) return base.getConnection.call(pool, asked)
      // It has waited for a connection that died, and the next one would not be had either: nor would it for those that wait after it.
      const next = pool._connectionQueue.shift()
      if (next !== undefined) process.nextTick(() => pool.getConnection(next))
      return asked(unavailable())
    }
    const scope = currentScope()
    if (scope?.request.isReplayed) return void neverSettles(replication.name)
    try {
      asksForConnection(replication, scope, warmable)
    } catch (refusal) {
      return currentCaller().runInAsyncScope(process.nextTick, undefined, hand, refusal, asked)
    }
    const callback = isForStatement || scope === undefined ? asked : checkOut(asked, scope)
    const isElsewhere = !pool._closed && (isWithoutLocal || needsPrimary(replication, scope))
    // One that is idle is handed over as it is, and where it was asked for.
    if (!isElsewhere && pool._freeConnections.length > 0) return base.getConnection.call(pool, callback)
    const caller = currentCaller()
    const handOver = (connecting: Promise<BareConnection>): void => {
      connecting.then(
        (connection) => caller.runInAsyncScope(process.nextTick, undefined, callback, null, connection),
        (error: unknown) => caller.runInAsyncScope(process.nextTick, undefined, hand, error, callback),
      )
    }
    if (isElsewhere) return handOver(connectToPrimary(scope))
    const deliver: Deliver = (error, connection) => {
      queued.delete(deliver)
      if (error) handOver(connectElsewhere(error, scope))
      else caller.runInAsyncScope(callback, undefined, null, connection)
    }
    asking = deliver
    // A socket answers in the scope that it was opened in: that of one request among many.
    runInScope(undefined, () => base.getConnection.call(pool, deliver))
    asking = undefined
  }

  const releaseConnection: BarePool['releaseConnection'] = (connection) => {
    const { _pool: owner } = connection
    if (owner === pool) {
      if (guardedOf(connection)?.givenBack() === false || lives?.isOver(connection)) connection.destroy()
      else base.releaseConnection.call(pool, connection)
    } else if (owner) owner.releaseConnection(connection)
    else base.releaseConnection.call(pool, connection)
  }

  const promise: BarePool['promise'] = (Implementation) =>
    Object.defineProperty(
      base.promise.call(pool, keepErrors(pool.config.connectionConfig, Implementation)),
      'replication',
      {
        value: replication,
        enumerable: true,
      },
    )

  const end: BarePool['end'] = (callback) => {
    database.pools.delete(pool)
    // Ahead of the driver's own goodbye, which waits behind what is under way.
    void database.held.reclaim()
    base.end.call(pool, (error?: Error) => {
      // Watched to the end: a server that hangs does not say goodbye.
      const left = database.leave(pool)
      if (callback) left.then(() => callback(error), callback)
      else if (error) throw error
    })
  }

  /** For the app to use: until it is given back, its request has it. */
  function checkOut(deliver: Deliver, scope: Scope): Deliver {
    return (error, connection) => {
      if (connection === undefined) return deliver(error)
      if (scope.request.isReplayed) {
        connection.release?.()
        return void neverSettles(replication.name)
      }
      guardedOf(connection)?.isUsedBy(scope)
      deliver(null, connection)
    }
  }

  async function connectToPrimary(scope: Scope | undefined): Promise<BareConnection> {
    replication.router.route('read', 'connect', scope)
    return database.primary.connect(scope)
  }

  /** The local server cannot be had. */
  async function connectElsewhere(error: unknown, scope: Scope | undefined): Promise<BareConnection> {
    if (side === 'node') throw error
    await insteadOfLocal(database, scope, error)
    return database.primary.connect(scope)
  }

  Object.setPrototypeOf(pool, prototypeFor(base))
  const own: Methods = {
    query: forStatement('query'),
    execute: forStatement('execute'),
    getConnection,
    releaseConnection,
    promise,
    end,
    emit,
  }
  Object.defineProperty(pool, methods, { value: own })
  database.pools.add(pool)
  database.use(pool)
  Object.defineProperty(pool, 'replication', { value: replication, enumerable: true })
  return pool as unknown as FlyroutePool
}

/** Where a pool has what is ours of its methods. */
const methods: unique symbol = Symbol('flyroute')

type Methods = Pick<BarePool, 'query' | 'execute' | 'getConnection' | 'releaseConnection' | 'promise' | 'end' | 'emit'>
type WithMethods = BarePool & { readonly [methods]: Methods }

/** Prototypes of guarded pools, by those of the driver's: what an app or a library puts on a pool comes before ours. */
const prototypes = new WeakMap<object, object>()

function prototypeFor(base: BarePool): object {
  let prototype = prototypes.get(base)
  if (prototype === undefined) {
    const ours: Methods & ThisType<WithMethods> = {
      query(sql, values, callback) {
        return this[methods].query(sql, values, callback)
      },
      execute(sql, values, callback) {
        return this[methods].execute(sql, values, callback)
      },
      getConnection(callback) {
        this[methods].getConnection(callback)
      },
      releaseConnection(connection) {
        this[methods].releaseConnection(connection)
      },
      promise(Implementation) {
        return this[methods].promise(Implementation)
      },
      end(callback) {
        this[methods].end(callback)
      },
      emit(event, ...args: unknown[]) {
        return this[methods].emit(event, ...args)
      },
    }
    prototype = Object.assign(Object.create(base) as object, ours)
    prototypes.set(base, prototype)
  }
  return prototype
}
