import { currentScope, runInScope, type Scope } from '@flyroute/core/adapter'
import type { BareClient, Callback, Release } from './driver-types.ts'
import { guardedOf } from './guarded.ts'
import type { PoolQuery } from './pool-query.ts'
import { type Reply, replyTo } from './statement.ts'

const nothing: Release = () => undefined

/** Gets a client for a scope, and hands it to the callback, or why there is none. */
type Connect = (scope: Scope | undefined, deliver: Callback) => void

/**
 * What `connect` of a pool of ours does: for a statement of its own `query`, or for the app to use.
 *
 * @param query the statement that the pool's `query` has just asked for a client for
 */
export function checkOut(query: PoolQuery | undefined, callback: Callback | undefined, connect: Connect): unknown {
  if (query !== undefined && callback !== undefined) {
    connect(query.scope, (error, client) => handOver(callback, query, error, client))
    return undefined
  }
  const scope = currentScope()
  const { deliver, result } = replyInScope(callback, scope)
  connect(scope, (error, client) => {
    if (error || !scope?.request.isReplayed) handOver(deliver, undefined, error, client, scope)
    // Its request was answered with a replay while it waited.
    else (client as BareClient).release?.()
  })
  return result
}

/** In the scope of the caller that asked, since a pool calls back in the scope of the one that has given a client back. */
function replyInScope(callback: Callback | undefined, scope: Scope | undefined): Reply {
  if (callback === undefined) return replyTo(undefined, scope)
  return { deliver: (...args) => runInScope(scope, () => callback(...args)), result: undefined }
}

/** Hands a client over that the pool has given, or why there is none; it is told what it is wanted for, and by which request. */
function handOver(
  callback: Callback,
  query: PoolQuery | undefined,
  error: unknown,
  client: unknown,
  scope?: Scope,
): void {
  if (error) return callback(error, undefined, nothing)
  callback(undefined, client, guardedOf(client as object)?.lend(query, scope) ?? (client as BareClient).release)
}
