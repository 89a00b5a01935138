import { currentScope, runInScope, withoutConnection } from '@flyroute/core/adapter'
import { guardClient } from './client.ts'
import { clientConfig, type PgDatabase } from './database.ts'
import type { Callback, ClientClass } from './driver-types.ts'
import { guardedOf } from './guarded.ts'
import type { FlyroutePoolOptions } from './options.ts'
import { entryOf } from './pooled-clients.ts'

/**
 * A guarded client that is not of a pool of ours, but of a library's own (Knex, Sequelize and MikroORM make such): it cannot
 * be another one where the replica cannot be had, and so it asks for the replay by itself. A class below it may be of a pool
 * of ours nevertheless.
 *
 * @param open finds what a client shares with others of its configuration
 */
export function standaloneClient(
  Base: ClientClass,
  open: (given: FlyroutePoolOptions | string | undefined) => PgDatabase,
): ClientClass {
  const Guarded = guardClient(Base, (given) => {
    const pooled = entryOf(given)
    if (pooled !== undefined) return pooled
    const database = open(given as FlyroutePoolOptions | string | undefined)
    return { database, side: 'local', isAlone: true, config: clientConfig(database, database.localConfig) }
  })
  return class FlyrouteClient extends Guarded {
    /** What it shares with others; undefined for one of a pool. */
    readonly #database: PgDatabase | undefined

    constructor(given?: unknown) {
      super(given)
      this.#database = entryOf(given) === undefined ? guardedOf(this)?.database : undefined
    }

    override connect(callback?: Callback): Promise<unknown> | undefined {
      const database = this.#database
      if (database === undefined) return super.connect(callback)
      const scope = currentScope()
      const interpret = (error: unknown): unknown => runInScope(scope, () => withoutConnection(database, scope, error))
      const connected = (): void => {
        database.use(this)
        const wire = this.connection ?? this
        wire.once('end', () => void database.leave(this).catch(() => undefined))
      }
      if (callback === undefined) {
        return super.connect()?.then(
          (value) => {
            connected()
            return value
          },
          (error: unknown) => {
            throw interpret(error)
          },
        )
      }
      void super.connect((error, client) => {
        if (error) return callback(interpret(error))
        connected()
        callback(error, client)
      })
      return undefined
    }
  }
}
