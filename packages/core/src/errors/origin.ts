import type { ReplayTarget } from '../replay/target.ts'
import type { Topology } from '../topology/topology.ts'

/**
 * What an error of ours was made with. It is kept under a symbol that all copies of the package share, and that neither JSON
 * nor a copy of an error's fields carries: what a client sends, and what an ORM copies, is never taken for an error of ours.
 */
export type Origin =
  | {
      readonly code: 'ERR_PRIMARY_REQUIRED'
      readonly reason: 'write' | 'refused' | 'stale' | 'unavailable' | 'distance'
      readonly detail: string | undefined
      readonly target: ReplayTarget
      readonly topology: Topology
    }
  | { readonly code: 'ERR_REPLAY_UNAVAILABLE' }

const brand = Symbol.for('flyroute.error.v1')

/** Marks an error as ours, for good. */
export function setOrigin(error: Error, origin: Origin): void {
  Object.defineProperty(error, brand, { value: Object.freeze(origin) })
}

/** What it was made with; undefined for whatever is none of ours. Never throws. */
export function originOf(error: object): Origin | undefined {
  try {
    return Reflect.get(error, brand) as Origin | undefined
  } catch {
    return undefined // a revoked proxy, or one whose handler throws
  }
}
