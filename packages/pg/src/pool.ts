import type { Replication } from '@flyroute/core'
import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import pg from 'pg'
import { checkoutTo, handOver } from './checkout.ts'
import { guardClient } from './client.ts'
import { clientConfig, openDatabase, type PgDatabase } from './database.ts'
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
import { Rerun } from './failure.ts'
import { type Guarded, guardOf } from './guarded.ts'
import { type FlyroutePoolOptions, hideSecrets } from './options.ts'
import { isExhausted, noteUnreachable } from './outage.ts'
import { isPlainSingle, type PlainSingle } from './plain-read.ts'
import { openPrimaryPool } from './primary-pool.ts'
import { readError } from './refusal.ts'
import { replyTo, Single } from './statement.ts'
import { Watchdog } from './watchdog.ts'

/** A pool of node-postgres, and where its data comes from. */
export type FlyroutePool = pg.Pool & { readonly replication: Replication }

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
  const Pool = guardPool(pg, () => ({ database, options }))
  return new Pool(options) as unknown as FlyroutePool
}

/**
 * The driver's pool class over a database of ours.
 *
 * @param open reads what a pool is constructed with
 */
export function guardPool(
  driver: Driver,
  open: (options: FlyroutePoolOptions | undefined) => { database: PgDatabase; options: FlyroutePoolOptions },
): PoolClass {
  const Base = driver.Pool as unknown as PoolClass

  // Only a class above it has it as its own, unless it was replaced.
  const driversOwn = Object.hasOwn(Base.prototype, 'query') ? undefined : Base.prototype.query

  return class GuardedPool extends Base {
    // Drizzle, among others, knows a pool by the name of its class: it has to end in Pool, minified or not.
    static override readonly name: string = 'FlyroutePool'
    declare readonly replication: Replication
    readonly #database: PgDatabase
    readonly #watchdog: Watchdog
    /** The statement that the next check-out is for: `query` sets it, and the driver's own `query` calls `connect` at once. */
    #single: Single | undefined

    constructor(given?: FlyroutePoolOptions) {
      const { database, options } = open(given)
      const BaseClient = (options.Client ?? driver.Client) as unknown as ClientClass
      const Client = guardClient(BaseClient, (own) => ({
        database,
        side: 'local',
        config: clientConfig(database, own),
      }))
      super({ ...database.localConfig(options), Client })
      hideSecrets(this.options)
      this.#database = database
      const { replication } = database
      Object.defineProperty(this, 'replication', { value: replication, enumerable: true })
      database.listeners.add(this)
      // Without a listener, an idle connection that dies would end the process.
      this.on('error', () => undefined)
      this.#watchdog = new Watchdog(replication)
      this.#watchdog.watch(this, (client) => guardOf(client)?.side === 'local')
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const single = this.#single
      this.#single = undefined
      if (single !== undefined && callback !== undefined) {
        this.#connectFor(single.scope, single, callback)
        return undefined
      }
      const scope = currentScope()
      const { deliver, result } = checkoutTo(callback, scope)
      this.#connectFor(scope, undefined, deliver)
      return result as Promise<unknown> | undefined
    }

    /** A connection next door, or to the primary where next door will not do. */
    #connectFor(scope: Scope | undefined, single: Single | undefined, deliver: Callback): void {
      const { replication } = this.#database
      if (replication.topology.role === 'replica' && (replication.prober.isUnavailable || this.#goesToPrimary(scope))) {
        return this.#handOverLater(single, deliver, this.#connectToPrimary(scope))
      }
      void super.connect((error, client) => {
        if (!error && single !== undefined) handOver(deliver, single, undefined, client)
        else if (!error) deliver(undefined, client)
        else this.#handOverElsewhere(error, scope, single, deliver)
      })
    }

    /** @param error why there is no connection next door */
    #handOverElsewhere(error: unknown, scope: Scope | undefined, single: Single | undefined, deliver: Callback): void {
      const connecting = runInScope(scope, () => this.#connectElsewhere(error, scope))
      this.#handOverLater(single, deliver, connecting)
    }

    #handOverLater(single: Single | undefined, deliver: Callback, connecting: Promise<unknown>): void {
      if (single === undefined) {
        connecting.then((client) => deliver(undefined, client), deliver)
        return
      }
      single.isElsewhere = true
      connecting.then(
        (client) => handOver(deliver, single, undefined, client),
        (error: unknown) => handOver(deliver, single, error, undefined),
      )
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      const argument = config as QueryArgument | null | undefined
      if (argument === null || argument === undefined || typeof argument === 'function') {
        return super.query(config, values, callback)
      }
      const { replication, classifier, primaryPool } = this.#database
      const scope = currentScope()
      const isPrimary = replication.topology.role === 'primary'
      if (isPrimary && scope === undefined) {
        this.#single = new Single(config, values, scope, undefined, nobody)
        return super.query(config, values, callback)
      }
      const plain = typeof values === 'function' ? undefined : values
      const asked = (plain === values ? callback : values) as Callback | undefined
      const { deliver, result } = replyTo(asked, scope, this.Promise)
      const text = isPrimary || isSubmittable(argument) ? undefined : textOf(argument)
      const analysis = typeof text === 'string' ? classifier.classify(text) : undefined
      if (analysis !== undefined) {
        try {
          // Refused here, it costs no connection.
          if (analysis.access === 'write' || replication.prober.isUnavailable || this.#goesToPrimary(scope)) {
            if (replication.router.route(analysis.access, analysis.reason, scope) === 'primary') {
              primaryPool().query(config, plain, deliver)
              return result
            }
          }
        } catch (error) {
          process.nextTick(deliver, error)
          return result
        }
      }
      const single = new Single(config, plain, scope, analysis, deliver)
      // What somebody has put in place of a method is called, and whoever reads the pool's log is told, as it would be without us.
      const isOurs = super.query === driversOwn && this.connect === GuardedPool.prototype.connect
      if (isOurs && this.options.log === undefined && isPlainSingle(single)) {
        this.#read(single)
        return result
      }
      this.#single = single
      super.query(config, plain, (error: unknown, value: unknown) => {
        if (error) this.#failed(single, error)
        else deliver(undefined, value)
      })
      return result
    }

    override end(callback?: () => void): Promise<void> | undefined {
      this.#watchdog.end()
      const ended = this.#database.end(this)
      if (callback === undefined) return super.end()?.then(() => ended)
      void super.end(() => void ended.then(callback))
      return undefined
    }

    /**
     * What the driver's `query` does, for a read about which little is to be decided: check out, send, give back. It needs no
     * listener of its own meanwhile: when the connection dies, the guard listens, and the statement is told.
     */
    #read(single: PlainSingle): void {
      void super.connect((error, client) => {
        if (!error) return this.#readOn(client as BareClient, single)
        this.#handOverElsewhere(error, single.scope, single, (failure, other) =>
          failure ? this.#failed(single, failure) : this.#runOn(other as BareClient, single),
        )
      })
    }

    #readOn(client: BareClient, single: PlainSingle): void {
      const guard = guardOf(client) as Guarded
      const answer = this.#answerTo(client, single, guard)
      try {
        if (guard.read(single, answer)) return
      } catch (error) {
        return answer(error)
      }
      guard.lend(single)
      this.#runOn(client, single)
    }

    /** On a connection that was lent for it. */
    #runOn(client: BareClient, single: PlainSingle): void {
      const answer = this.#answerTo(client, single, undefined)
      try {
        client.query(single.config, single.values, answer)
      } catch (error) {
        answer(error)
      }
    }

    /** @param guard judges errors, where the client's own `query` has not done so */
    #answerTo(client: BareClient, single: PlainSingle, guard: Guarded | undefined): Callback {
      // An error can come twice: of a value that cannot be sent, and of the connection behind it.
      let isOver = false
      return (error, value) => {
        if (isOver) return
        isOver = true
        const judged = error && guard !== undefined ? guard.judge(single, error) : error
        client.release?.(judged)
        if (judged) this.#failed(single, judged)
        else single.deliver(undefined, value)
      }
    }

    /** A single statement has failed. What a replica could not do is done on the primary, or asked of it. */
    #failed({ config, values, scope, analysis, deliver, isElsewhere }: Single, error: unknown): void {
      const { replication, primaryPool } = this.#database
      const runThere = (): void => {
        runInScope(scope, () => primaryPool().query(config, values, deliver))
      }
      if (error instanceof Rerun) return runThere()
      if (readError(error) !== 'unavailable') return deliver(error)
      if (isElsewhere || replication.topology.role === 'primary') {
        noteUnreachable(scope, error)
        return deliver(error)
      }
      replication.prober.reportUnreachable(error)
      // The connection broke: of a server that was promoted a moment ago, nobody knows what it has done of a write.
      if (analysis?.access !== 'read') return deliver(error)
      try {
        replication.router.toPrimary('unavailable', undefined, scope, error)
        runThere()
      } catch (required) {
        deliver(required)
      }
    }

    async #connectToPrimary(scope: Scope | undefined): Promise<unknown> {
      this.#database.replication.router.route('read', 'connect', scope)
      return this.#database.primaryPool().connect()
    }

    /** The member next door cannot be had. */
    async #connectElsewhere(error: unknown, scope: Scope | undefined): Promise<unknown> {
      const { replication } = this.#database
      const isOut = isExhausted(error)
      if (!isOut && readError(error) !== 'unavailable') throw error
      if (replication.servers.expects === 'primary') {
        noteUnreachable(scope, error)
        throw error
      }
      // All connections being out is the app's own affair, unless they are out because the replica hangs.
      if (isOut && (await answers(replication))) throw error
      replication.prober.reportUnreachable(error)
      replication.router.toPrimary('unavailable', undefined, scope, error)
      return this.#database.primaryPool().connect()
    }

    #goesToPrimary(scope: Scope | undefined): boolean {
      return scope !== undefined && (scope.onPrimary || scope.request.hasWritten(this.#database.replication.name))
    }
  }
}

/** The driver itself has given its promise, or taken the callback. */
const nobody: Callback = () => undefined

function answers(replication: PgDatabase['replication']): Promise<boolean> {
  return replication.prober.probe().then(
    () => true,
    () => false,
  )
}
