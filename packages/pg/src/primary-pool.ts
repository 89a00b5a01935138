import { hideSecrets, isDropped, neverSettles, noteUnreachable } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import { checkOut } from './checkout.ts'
import type { PgDatabase, PrimaryConnections } from './database.ts'
import { type Callback, type ClientClass, type PoolClass, type QueryArgument, textOf } from './driver-types.ts'
import { asPoolQuery, isExhausted, type PoolQuery } from './pool-query.ts'
import { pooledClients } from './pooled-clients.ts'
import { Dropped } from './signals.ts'

/** What a pool tells of its connections. */
const events = ['connect', 'acquire', 'release', 'remove', 'error'] as const

/** The bounded pool of `runOnPrimary`: of guarded clients too, so that what they write has its positions. */
export function openPrimaryPool(
  database: PgDatabase,
  config: PoolConfig,
  answerMs: number | undefined,
): PrimaryConnections {
  const Base = database.driver.Pool as unknown as PoolClass
  const purpose = { database, side: 'primary' as const, ...(answerMs === undefined ? {} : { answerMs }) }
  const clients = pooledClients(database.driver, config.Client as ClientClass | undefined, purpose)

  class PrimaryPool extends Base {
    /** The statement that the next check-out is for. */
    #next: PoolQuery | undefined

    constructor() {
      super({ ...config, ...clients })
      hideSecrets(this.options)
      // What the app does to each new connection (SET search_path …) is to be done to these as well.
      for (const event of events) {
        this.on(event, (...args: unknown[]) => {
          for (const pool of database.listeners) pool.emit(event, ...args)
        })
      }
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const query = this.#next
      this.#next = undefined
      const connecting = checkOut(query, callback, (scope, deliver) => {
        void super.connect((error, client) => {
          if (error) noteUnreachable(database, scope, error, isExhausted(error))
          deliver(error, client)
        })
      })
      return connecting as Promise<unknown> | undefined
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      const argument = config as QueryArgument
      const { query, result } = asPoolQuery(database, { config: argument, values, callback }, textOf(argument))
      const { scope, deliver } = query
      if (scope?.request.isReplayed) void neverSettles(database.replication.name)
      else if (!query.registersIntent(database)) process.nextTick(deliver, scope?.request.whyNoWrite)
      else {
        this.#next = query
        super.query(config, query.values, (error: unknown, value: unknown) => {
          query.withdrawIntent()
          if (!(error instanceof Dropped || isDropped(database, scope, error))) deliver(error, value)
        })
      }
      return result
    }
  }
  return new PrimaryPool() as unknown as PrimaryConnections
}
