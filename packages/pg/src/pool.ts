import type { Replication } from '@flyroute/core'
import {
  type AskedPool,
  asksForConnection,
  currentScope,
  goesToPrimary,
  hideSecrets,
  insteadOfLocal,
  isDropped,
  isOut,
  needsPrimary,
  neverSettles,
  runInScope,
  type Scope,
} from '@flyroute/core/adapter'
import pg from 'pg'
import { checkOut } from './checkout.ts'
import { openDatabases, type PgDatabase } from './database.ts'
import {
  type BareClient,
  type Callback,
  type ClientClass,
  type Driver,
  isSubmittable,
  type PoolClass,
  type QueryArgument,
  textOf,
} from './driver-types.ts'
import { type Guarded, guardedOf } from './guarded.ts'
import { asOptions, type FlyroutePoolOptions, resolve } from './options.ts'
import { asPoolQuery, isExhausted, isPlain, type PlainPoolQuery, PoolQuery } from './pool-query.ts'
import { pooledClients } from './pooled-clients.ts'
import { openPrimaryPool } from './primary-pool.ts'
import { Dropped, Rerun } from './signals.ts'
import { watchPool } from './watchdog.ts'

/** A pool of node-postgres, and where its data comes from. */
export type FlyroutePool = pg.Pool & { readonly replication: Replication }

/**
 * A pool of node-postgres that is connected to the local server. On a replica its clients refuse writes with a
 * `PrimaryRequiredError`; in the primary's region, and off Fly, it is the driver's pool and nothing else.
 *
 * It takes all options of `pg.Pool` (or a URL), whose `connectionString`, `host` and so on are the primary endpoint, and
 * flyroute's own. Without any, the environment says where the database is.
 *
 * @throws ConfigurationError that lists everything that is wrong
 * @example
 * const pool = createPool()
 * const { rows } = await pool.query('select * from post order by id')
 */
export function createPool(options?: FlyroutePoolOptions | string): FlyroutePool {
  const given = asOptions(options)
  const database = openDatabases(pg, openPrimaryPool).openAlone(resolve(given))
  const Pool = guardPool(pg, () => ({ database, Client: given.Client as ClientClass | undefined }))
  return new Pool() as unknown as FlyroutePool
}

/** What a pool is of. */
export interface Opened {
  readonly database: PgDatabase
  /** The app's own class of clients. */
  readonly Client: ClientClass | undefined
}

/**
 * The driver's pool class over a database of ours.
 *
 * @param open reads what a pool is constructed with
 */
export function guardPool(
  driver: Driver,
  open: (options: FlyroutePoolOptions | string | undefined) => Opened,
): PoolClass {
  const Base = driver.Pool as unknown as PoolClass

  // Only a class above it has it as its own, unless it was replaced.
  const driversOwn = Object.hasOwn(Base.prototype, 'query') ? undefined : Base.prototype.query

  return class GuardedPool extends Base {
    // Drizzle, among others, knows a pool by the name of its class: it has to end in Pool, minified or not.
    static override readonly name: string = 'FlyroutePool'
    declare readonly replication: Replication
    readonly #database: PgDatabase
    /** The statement that the next check-out is for: `query` sets it, and the driver's own `query` calls `connect` at once. */
    #next: PoolQuery | undefined
    readonly #asked: AskedPool

    constructor(given?: FlyroutePoolOptions | string) {
      const { database, Client } = open(given)
      super({ ...database.localConfig, ...pooledClients(driver, Client, { database, side: 'local' }) })
      hideSecrets(this.options)
      this.#database = database
      const { replication } = database
      Object.defineProperty(this, 'replication', { value: replication, enumerable: true })
      this.#asked = {
        isCold: () => this.idleCount === 0 && this.totalCount < this.options.max,
        warm: () =>
          new Promise((resolve) => {
            void super.connect((_, client) => resolve((client as BareClient | undefined)?.release?.()))
          }),
      }
      database.listeners.add(this)
      database.use(this)
      // Without a listener, an idle connection that dies would end the process.
      this.on('error', () => undefined)
      if (replication.isBounded) {
        watchPool(this, database.watchdog, (client) => guardedOf(client)?.guard.side === 'local')
      }
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const query = this.#next
      this.#next = undefined
      if (query === undefined && this.ending) return super.connect(callback)
      const connecting = checkOut(query, callback, (scope, deliver) => this.#connectFor(scope, deliver))
      return connecting as Promise<unknown> | undefined
    }

    /** A connection to the local server, or to the primary where that will not do. */
    #connectFor(scope: Scope | undefined, deliver: Callback): void {
      const { replication } = this.#database
      if (scope?.request.isReplayed) return void neverSettles(replication.name)
      try {
        asksForConnection(replication, scope, this.#asked)
      } catch (refusal) {
        // Later, as a pool does.
        return process.nextTick(deliver, refusal)
      }
      if (this.#isElsewhere(scope)) {
        return this.#connectToPrimary(scope, deliver, () => replication.router.route('read', 'connect', scope))
      }
      void super.connect((error, client) => {
        if (error) this.#connectElsewhere(error, scope, deliver)
        else deliver(undefined, client)
      })
    }

    /** @param error why there is no connection to the local server */
    #connectElsewhere(error: unknown, scope: Scope | undefined, deliver: Callback): void {
      const ask = (): unknown => insteadOfLocal(this.#database, scope, error, isExhausted(error))
      this.#connectToPrimary(scope, deliver, ask)
    }

    /** @param ask whether it may: throws what the caller is told if not */
    #connectToPrimary(scope: Scope | undefined, deliver: Callback, ask: () => unknown): void {
      const connecting = runInScope(scope, async () => {
        await ask()
        return this.#database.primary.connect()
      })
      connecting.then((client) => deliver(undefined, client), deliver)
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      const argument = config as QueryArgument | null | undefined
      if (argument === null || argument === undefined || typeof argument === 'function' || this.ending) {
        return super.query(config, values, callback)
      }
      const { replication } = this.#database
      const scope = currentScope()
      const isPrimary = replication.topology.role === 'primary'
      if (isPrimary && scope === undefined) {
        this.#next = new PoolQuery(argument, values, scope, undefined, delivered)
        return super.query(config, values, callback)
      }
      const text = isSubmittable(argument) ? undefined : textOf(argument)
      const { query, result } = asPoolQuery(this.#database, { config: argument, values, callback }, text, this.Promise)
      this.#run(query, isPrimary)
      return result
    }

    #run(query: PoolQuery, isPrimary: boolean): void {
      const { config, values, scope, analysis, deliver } = query
      const { replication } = this.#database
      if (scope?.request.isReplayed) return void neverSettles(replication.name)
      try {
        if (analysis !== undefined && goesToPrimary(this.#database, analysis, query.text, scope)) {
          return void this.#database.primary.query(config, values, deliver)
        }
      } catch (error) {
        return process.nextTick(deliver, error)
      }
      if (isPrimary && !query.registersIntent(this.#database)) {
        return process.nextTick(deliver, scope?.request.whyNoWrite)
      }
      // What other code has put in place of a method is called, and the pool's log says what it would say without us.
      const isOurs = super.query === driversOwn && this.connect === GuardedPool.prototype.connect
      if (!isPrimary && isOurs && this.options.log === undefined && isPlain(query)) return this.#read(query)
      this.#next = query
      super.query(config, values, (error: unknown, value: unknown) => {
        query.withdrawIntent()
        if (error) this.#failed(query, error)
        else deliver(undefined, value)
      })
    }

    override end(callback?: (...args: unknown[]) => void): Promise<void> | undefined {
      const database = this.#database
      database.listeners.delete(this)
      void database.held.reclaim()
      // Watched to the end: a server that hangs does not say goodbye.
      const leave = (): Promise<void> => database.leave(this)
      if (callback === undefined) return super.end()?.then(leave)
      // A second end is an error, and the driver says so.
      void super.end((...args) => void leave().then(() => callback(...args)))
      return undefined
    }

    /**
     * What the driver's `query` does, for a read about which little is to be decided: check out, send, give back. It needs no
     * listener of its own meanwhile: when the connection dies, the guard listens, and the statement is told.
     */
    #read(query: PlainPoolQuery): void {
      void super.connect((error, client) => {
        if (!error) return this.#readOn(client as BareClient, query)
        this.#connectElsewhere(error, query.scope, (failure, other) =>
          failure ? this.#failed(query, failure) : this.#runOn(other as BareClient, query),
        )
      })
    }

    #readOn(client: BareClient, query: PlainPoolQuery): void {
      const connection = guardedOf(client) as Guarded
      const answer = this.#answerTo(client, query, connection)
      try {
        if (connection.sendPlain(query, answer)) return
      } catch (error) {
        return answer(error)
      }
      this.#runOn(client, query)
    }

    #runOn(client: BareClient, query: PlainPoolQuery): void {
      guardedOf(client)?.lend(query)
      const answer = this.#answerTo(client, query, undefined)
      try {
        client.query(query.config, query.values, answer)
      } catch (error) {
        answer(error)
      }
    }

    /** @param connection interprets errors, where the client's own `query` has not done so */
    #answerTo(client: BareClient, query: PlainPoolQuery, connection: Guarded | undefined): Callback {
      // An error can come twice: of a value that cannot be sent, and of the connection after that.
      let isOver = false
      return (error, value) => {
        if (isOver) return
        isOver = true
        const verdict = error && connection !== undefined ? connection.interpretPlain(query, error) : error
        client.release?.(verdict)
        if (verdict) this.#failed(query, verdict)
        else query.deliver(undefined, value)
      }
    }

    /** A statement of `query` has failed: what a replica could not do is done on the primary. */
    #failed(query: PoolQuery, error: unknown): void {
      const { config, values, scope, deliver, sentOn, analysis } = query
      if (error instanceof Dropped) return
      // A connection that dies tells the pool before its statement.
      const isRaw = sentOn !== undefined && analysis !== undefined && !(error instanceof Rerun)
      const verdict = isRaw ? sentOn.interpretPlain(query as PlainPoolQuery, error) : error
      if (verdict instanceof Rerun) runInScope(scope, () => this.#database.primary.query(config, values, deliver))
      else if (!(verdict instanceof Dropped || isDropped(this.#database, scope, verdict))) deliver(verdict)
    }

    #isElsewhere(scope: Scope | undefined): boolean {
      const { replication } = this.#database
      return isOut(replication) || needsPrimary(replication, scope)
    }
  }
}

/** The driver itself has given its promise, or taken the callback. */
const delivered: Callback = () => undefined
