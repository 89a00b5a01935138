import type { Scope } from '@flyroute/core/adapter'
import type { BareConnection, Command, QueueEntry } from './driver-types.ts'
import { keepErrors } from './error-identity.ts'
import type { Guarded } from './guarded.ts'

/** Where a connection has its guard. */
const key = Symbol('flyroute')

/** A guarded connection, as its queue sees it. */
export interface GuardedQueue extends Guarded {
  /** What the connection's `addCommand` does. */
  add(command: Command): unknown
  /** The driver puts another function in the place of its queue. */
  setQueue(enqueue: (entry: QueueEntry) => unknown): void
  /** A request has checked it out, or sends something on it. */
  isUsedBy(scope: Scope): void
  /** It was made by a pool. */
  readonly isOfPool: boolean
  /** The connection ends, or is lost: told before those who listen to it. */
  isOver(): void
  /** Has something done then. Returns what takes that back. */
  whenOver(act: () => void): () => void
  /** The app gives the connection back; false where it is not to be used again. */
  givenBack(): boolean
}

type WithGuard = BareConnection & { [key]: GuardedQueue }

/**
 * Prototypes of guarded connections, by those of the driver's: one for all connections of a class, as properties of their own
 * would make each of them a shape of its own, and all code that touches them slow.
 */
const prototypes = new WeakMap<object, object>()

/** Puts a guard between a connection and its queue. */
export function install(connection: BareConnection, guard: GuardedQueue): GuardedQueue {
  const base = Object.getPrototypeOf(connection) as BareConnection
  let prototype = prototypes.get(base)
  if (prototype === undefined) {
    prototype = guardedPrototype(base)
    prototypes.set(base, prototype)
  }
  Object.setPrototypeOf(connection, prototype)
  // Hidden from who prints a connection: much hangs on it.
  Object.defineProperty(connection, key, { value: guard, enumerable: false })
  return guard
}

/** The guard of a connection; undefined for one of the driver's own. */
export function guardedOf(connection: object): GuardedQueue | undefined {
  return (connection as Partial<WithGuard>)[key]
}

function add(this: WithGuard, command: Command): unknown {
  return this[key].add(command)
}

function guardedPrototype(base: BareConnection): object {
  return Object.create(base, {
    addCommand: {
      get: () => add,
      set(this: WithGuard, enqueue: (entry: QueueEntry) => unknown) {
        this[key].setQueue(enqueue)
      },
    },
    // In place of listeners, which the app would find among its own.
    emit: {
      value(this: WithGuard, event: string | symbol, ...args: unknown[]): boolean {
        if (event === 'error' || event === 'end') {
          this[key].isOver()
          // The pool listens once: a connection that dies twice would end the process.
          if (event === 'error' && this[key].isOfPool && this.listenerCount('error') === 0) return false
        }
        return base.emit.call(this, event, ...args)
      },
      writable: true,
    },
    promise: {
      value(this: WithGuard, Implementation?: unknown): object {
        return base.promise.call(this, keepErrors(this.config, Implementation))
      },
    },
  }) as object
}
