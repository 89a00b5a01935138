import type { Guard } from './guard.ts'

/** The guards of connections, for the pools that lend them. */
const guards = new WeakMap<object, Guard>()

/** Remembers whose guard it is. */
export function setGuard(connection: object, guard: Guard): Guard {
  guards.set(connection, guard)
  return guard
}

/** The guard of a connection; undefined for one of the driver's own. */
export function guardOf(connection: object): Guard | undefined {
  return guards.get(connection)
}
