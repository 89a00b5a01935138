import { currentScope } from '@flyroute/core/adapter'
import type { PoolConfig } from 'pg'
import { checkoutTo } from './checkout.ts'
import { guardClient } from './client.ts'
import type { PgDatabase, PrimaryConnections } from './database.ts'
import type { Callback, ClientClass, PoolClass } from './driver-types.ts'
import type { Purpose } from './guarded.ts'
import { hideSecrets } from './options.ts'
import { noteUnreachable } from './outage.ts'
import { replyTo } from './statement.ts'

/** What a pool tells of its connections. */
const events = ['connect', 'acquire', 'release', 'remove', 'error'] as const

/** The bounded pool behind `runOnPrimary`: of guarded clients too, so that what they write has its positions. */
export function openPrimaryPool(
  database: PgDatabase,
  config: PoolConfig,
  answerMs: number | undefined,
): PrimaryConnections {
  const Base = database.driver.Pool as unknown as PoolClass
  const BaseClient = (config.Client ?? database.driver.Client) as unknown as ClientClass
  const Client = guardClient(BaseClient, (own) => ({
    database,
    side: 'primary',
    config: own as PoolConfig,
    ...(answerMs === undefined ? {} : { answerMs }),
  }))

  class PrimaryPool extends Base {
    #purpose: Purpose = 'client'

    constructor() {
      super({ ...config, Client })
      hideSecrets(this.options)
      // What the app does to each new connection (SET search_path …) is to be done to these as well.
      for (const event of events) {
        this.on(event, (...args: unknown[]) => {
          for (const pool of database.listeners) pool.emit(event, ...args)
        })
      }
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const scope = currentScope()
      const purpose = this.#purpose
      this.#purpose = 'client'
      const { deliver, result } = checkoutTo(callback, scope, purpose)
      void super.connect((error, client) => {
        if (error) noteUnreachable(scope, error)
        deliver(error, client)
      })
      return result as Promise<unknown> | undefined
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      const asked = (typeof values === 'function' ? values : callback) as Callback | undefined
      const { deliver, result } = replyTo(asked, currentScope())
      this.#purpose = 'statement'
      super.query(config, typeof values === 'function' ? undefined : values, deliver)
      return result
    }
  }
  return new PrimaryPool() as unknown as PrimaryConnections
}
