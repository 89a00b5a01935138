import { runInScope, type Scope } from '@flyroute/core/adapter'
import type { BareClient, Callback, Release } from './driver-types.ts'
import { guardOf } from './guarded.ts'
import { type Reply, replyTo, type Single } from './statement.ts'

const nothing: Release = () => undefined

/**
 * How a client gets to whoever asked the pool for one: in their own scope, since a pool calls back in the scope of whoever
 * has given a client back.
 */
export function checkoutTo(callback: Callback | undefined, scope: Scope | undefined): Reply {
  if (callback === undefined) {
    const { deliver, result } = replyTo(undefined, scope)
    return { deliver: (error, client) => handOver(deliver, undefined, error, client), result }
  }
  const deliver: Callback = (error, client) => runInScope(scope, () => handOver(callback, undefined, error, client))
  return { deliver, result: undefined }
}

/** Hands a client over that the pool has given, or why there is none; its guard is told what it is wanted for. */
export function handOver(callback: Callback, single: Single | undefined, error: unknown, client: unknown): void {
  if (error) return callback(error, undefined, nothing)
  callback(undefined, client, guardOf(client as object)?.lend(single) ?? (client as BareClient).release)
}
