import { runInScope, type Scope } from '@flyroute/core/adapter'
import type { BareClient, Callback, Release } from './driver-types.ts'
import { guardOf, type Purpose } from './guarded.ts'
import { type Reply, replyTo } from './statement.ts'

const nothing: Release = () => undefined

/**
 * How a client gets to whoever asked the pool for one: in their own scope (a pool calls back in the scope of whoever has
 * given a client back), and with its guard told what it is wanted for.
 */
export function checkoutTo(callback: Callback | undefined, scope: Scope | undefined, purpose: Purpose): Reply {
  if (callback === undefined) {
    const { deliver, result } = replyTo(undefined, scope)
    return { deliver: (error, client) => handOver(deliver, purpose, error, client), result }
  }
  const deliver: Callback = (error, client) => runInScope(scope, () => handOver(callback, purpose, error, client))
  return { deliver, result: undefined }
}

function handOver(callback: Callback, purpose: Purpose, error: unknown, client: unknown): void {
  if (error) return callback(error, undefined, nothing)
  callback(undefined, client, guardOf(client as object)?.lend(purpose) ?? (client as BareClient).release)
}
