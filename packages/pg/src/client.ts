import { currentScope, runInScope } from '@flyroute/core/adapter'
import { type ConnectionOptions, PgConnection } from './connection.ts'
import type { Callback, ClientClass } from './driver-types.ts'
import { setGuarded } from './guarded.ts'
import { keepPassword } from './options.ts'

/** What a client is made for, and with which of the driver's options. */
export interface ClientEntry extends Pick<ConnectionOptions, 'database' | 'side' | 'answerMs'> {
  readonly config: { readonly connectionTimeoutMillis?: number | undefined; readonly password?: unknown }
}

/**
 * The driver's client class, guarded at the one method that everything above goes through: `query`. Pools, ORMs, streams
 * and transactions all end there.
 *
 * @param enter reads what a client is constructed with
 */
export function guardClient(Base: ClientClass, enter: (config: unknown) => ClientEntry): ClientClass {
  return class FlyrouteClient extends Base {
    readonly #guarded: PgConnection

    constructor(config?: unknown) {
      const { config: own, ...entry } = enter(config)
      super(own)
      keepPassword(this, own)
      this.#guarded = new PgConnection(this, {
        ...entry,
        Query: Base.Query,
        questionMs: own.connectionTimeoutMillis ?? 0,
        send: (query, values, callback) => super.query(query, values, callback),
      })
      setGuarded(this, this.#guarded)
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const scope = currentScope()
      // A connection outlives the request that needed it first: its events belong to nobody.
      return runInScope(undefined, () => {
        if (callback === undefined) {
          return super.connect()?.then(async (value) => {
            await this.#identify()
            return value
          })
        }
        // A pool that is not ours sends its first statement from here.
        const deliver: Callback = (error, client) => runInScope(scope, () => callback(error, client))
        void super.connect((error, client) => {
          if (error) return deliver(error)
          this.#identify().then(() => deliver(null, client), deliver)
        })
        return undefined
      })
    }

    override query(config: unknown, values?: unknown, callback?: unknown): unknown {
      if (config === null || config === undefined) return super.query(config, values, callback)
      return this.#guarded.query(config, values, callback)
    }

    // Both in place of a listener, which would be called, or moved aside for others, with each statement.
    override _handleReadyForQuery(message: { status: 'I' | 'T' | 'E' } | undefined): void {
      // A connection that is not of the driver may say it without a message.
      if (message) this.#guarded.wire.isReady(message.status)
      super._handleReadyForQuery?.(message)
    }

    override _handleErrorEvent(error: Error): void {
      this.#guarded.dies()
      super._handleErrorEvent?.(error)
    }

    override end(callback?: () => void): Promise<void> | undefined {
      this.#guarded.leave()
      return super.end(callback)
    }

    async #identify(): Promise<void> {
      try {
        await this.#guarded.guard.identify()
        this.#guarded.isEstablished()
      } catch (error) {
        // Nobody will ever use it: the pool has not got it yet.
        void super.end(() => undefined)
        throw error
      }
    }
  }
}
