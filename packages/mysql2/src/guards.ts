import type { BareConnection, Command, QueueEntry } from './driver-types.ts'
import { keepErrors } from './error-identity.ts'
import type { Guard } from './guard.ts'

/** Where a connection has its guard. */
const key = Symbol('flyroute')

type Guarded = BareConnection & { [key]: Guard }

/**
 * Prototypes of guarded connections, by those of the driver's: one for all connections of a class, as properties of their own
 * would make each of them a shape of its own, and slow for everybody who touches them.
 */
const prototypes = new WeakMap<object, object>()

/** Puts a guard between a connection and its queue. */
export function install(connection: BareConnection, guard: Guard): Guard {
  const base = Object.getPrototypeOf(connection) as BareConnection
  let prototype = prototypes.get(base)
  if (prototype === undefined) {
    prototype = guardedPrototype(base)
    prototypes.set(base, prototype)
  }
  Object.setPrototypeOf(connection, prototype)
  ;(connection as Guarded)[key] = guard
  return guard
}

/** The guard of a connection; undefined for one of the driver's own. */
export function guardOf(connection: object): Guard | undefined {
  return (connection as Partial<Guarded>)[key]
}

function add(this: Guarded, command: Command): unknown {
  return this[key].add(command)
}

function guardedPrototype(base: BareConnection): object {
  return Object.create(base, {
    addCommand: {
      get: () => add,
      set(this: Guarded, enqueue: (entry: QueueEntry) => unknown) {
        this[key].setQueue(enqueue)
      },
    },
    promise: {
      value(this: Guarded, Implementation?: unknown): object {
        return base.promise.call(this, keepErrors(this.config, Implementation))
      },
    },
  }) as object
}
