import { failBack } from '@flyroute/core/adapter'
import type { ConnectionConfig } from './driver-types.ts'

/** The first version of mysql2 whose promises reject with the error itself. */
const faithful = [3, 22, 6] as const

/** The error that is being handed to the driver, while it is. */
let delivering: unknown

/**
 * Hands an error to the driver. Versions before 3.22.6 reject their promises with a copy that has nothing but the code, the
 * message and the server's own fields: `keepErrors` puts the error in its place.
 */
export function hand(error: unknown, deliver: (error: unknown) => void): void {
  delivering = error
  try {
    failBack(() => deliver(error))
  } finally {
    delivering = undefined
  }
}

/** The promises that a pool or a connection is to make: the driver's own, or those that keep an error what it is. */
export function keepErrors({ connectAttributes }: ConnectionConfig, Implementation: unknown): unknown {
  if (isFaithful(connectAttributes?._client_version)) return Implementation
  const Base = (Implementation ?? Promise) as PromiseConstructor
  return class<T> extends Base<T> {
    static override get [Symbol.species](): PromiseConstructor {
      return Base
    }

    constructor(executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason?: unknown) => void) => void) {
      super((resolve, reject) => executor(resolve, (reason) => reject(isCopy(reason) ? delivering : reason)))
    }
  }
}

function isCopy(reason: unknown): boolean {
  if (delivering === undefined || reason === delivering) return false
  return (reason as { code?: unknown } | null)?.code === (delivering as { code?: unknown }).code
}

function isFaithful(version: string | undefined): boolean {
  const parts = (version ?? '').split('.').map((part) => Number.parseInt(part, 10))
  for (const [index, least] of faithful.entries()) {
    const part = parts[index] ?? 0
    if (part !== least) return part > least
  }
  return true
}
