import type { Operation, Promises, Random, WorkloadOptions } from '../checker/index.ts'
import type { DatabaseNode } from '../clusters.ts'
import type { Load } from './load.ts'
import type { World, WorldOptions } from './world.ts'

/** Where faults happen, and what they need for it. */
export interface Stage<Node extends DatabaseNode = DatabaseNode> {
  readonly world: World<Node>
  readonly load: Load
  readonly random: Random
  readonly ord: Node
  readonly ams: Node
  readonly gru: Node
  /** Lets so many milliseconds pass, or fewer where time is scarce. */
  pause(ms: number): Promise<void>
}

/** What breaks while users are at work, and what they are promised all the same. */
export interface Scenario<Node extends DatabaseNode = DatabaseNode> {
  readonly name: string
  readonly world?: WorldOptions
  readonly workload?: Partial<WorkloadOptions>
  readonly promises?: Promises
  /** Nothing is left to break after this: it is not played twice in one world. */
  readonly isFinal?: boolean
  /** One round of faults, from which the world recovers. */
  readonly faults: (stage: Stage<Node>) => Promise<void>
}

/**
 * No primary, or no way to it: what needs one is answered 503 in our own words; of an answer that has begun, the rest is
 * missing.
 */
export const withoutPrimary = ({ status, late }: Operation): boolean =>
  status === 503 || (status === undefined && late === true)

/** An app died with the requests that it was serving. */
export const withoutApp = ({ status }: Operation): boolean => status === undefined || status === 502 || status === 503
