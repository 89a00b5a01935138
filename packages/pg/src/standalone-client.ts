import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import type { Callback, ClientClass } from './driver-types.ts'
import { guardedOf } from './guarded.ts'
import { noteUnreachable } from './outage.ts'
import { readError } from './refusal.ts'

/**
 * A guarded client that is not of a pool of ours, but of somebody's own (Knex, Sequelize and MikroORM make such): it cannot
 * be another one where the replica cannot be had, and so it asks for the replay by itself.
 */
export function standaloneClient(Guarded: ClientClass): ClientClass {
  return class FlyrouteClient extends Guarded {
    override connect(callback?: Callback): Promise<unknown> | undefined {
      const scope = currentScope()
      const judge = (error: unknown): unknown => runInScope(scope, () => judgeUnreachable(this, error, scope))
      if (callback === undefined) {
        return super.connect()?.catch((error: unknown) => {
          throw judge(error)
        })
      }
      void super.connect((error, client) => (error ? callback(judge(error)) : callback(error, client)))
      return undefined
    }
  }
}

/** What the error of a connection that cannot be had is to the app: the driver's own, or the one that asks for a replay. */
function judgeUnreachable(client: object, error: unknown, scope: Scope | undefined): unknown {
  const replication = guardedOf(client)?.database.replication
  if (replication === undefined || readError(error) !== 'unavailable') return error
  if (replication.servers.expects === 'primary') {
    noteUnreachable(scope, error)
    return error
  }
  replication.prober.reportUnreachable(error)
  if (scope === undefined || scope.onPrimary || scope.request.whyNotReplayable() !== undefined) return error
  try {
    replication.router.toPrimary('unavailable', undefined, scope, error)
    return error
  } catch (required) {
    return required
  }
}
