import { runInScope, type Scope } from '@flyroute/core/adapter'
import type { BareClient, Callback, Release } from './driver-types.ts'
import { guardedOf } from './guarded.ts'
import type { PoolQuery } from './pool-query.ts'
import { type Reply, replyTo } from './statement.ts'

const nothing: Release = () => undefined

/**
 * How a client gets to the caller that asked the pool for one: in that caller's scope, since a pool calls back in the scope of the one that
 * has given a client back.
 */
export function checkoutTo(callback: Callback | undefined, scope: Scope | undefined): Reply {
  if (callback === undefined) {
    const { deliver, result } = replyTo(undefined, scope)
    return { deliver: (error, client) => checkOut(deliver, scope, error, client), result }
  }
  const deliver: Callback = (error, client) => runInScope(scope, () => checkOut(callback, scope, error, client))
  return { deliver, result: undefined }
}

/** Hands a client over to be used, unless its request was answered with a replay while it waited. */
function checkOut(callback: Callback, scope: Scope | undefined, error: unknown, client: unknown): void {
  if (error || !scope?.request.isReplayed) return handOver(callback, undefined, error, client, scope)
  ;(client as BareClient).release?.()
}

/** Hands a client over that the pool has given, or why there is none; it is told what it is wanted for, and by which request. */
export function handOver(
  callback: Callback,
  query: PoolQuery | undefined,
  error: unknown,
  client: unknown,
  scope?: Scope,
): void {
  if (error) return callback(error, undefined, nothing)
  callback(undefined, client, guardedOf(client as object)?.lend(query, scope) ?? (client as BareClient).release)
}
