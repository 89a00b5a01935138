import type { DatabaseNode } from '../clusters.ts'
import type { Scenario } from './scenario.ts'

/** A bug, planted into the app by one of its mutations, and a scenario in which the checker has to find it. */
export interface PlantedBug<Node extends DatabaseNode = DatabaseNode> {
  readonly mutation: string
  /** What the checker has to call it. */
  readonly rule: string
  readonly scenario: Scenario<Node>
}

/** For a workload that says by itself which requests there are. */
export const nothingElse = {
  'read-list': 0,
  append: 0,
  'write-by-get': 0,
  transaction: 0,
  'transaction-by-get': 0,
  'write-asynchronously': 0,
  'write-slowly': 0,
  'write-on-primary': 0,
  'write-twice': 0,
  'write-late': 0,
}

/** Every user reads what they write: a bug shows soon. */
export const oneRow = { ownRows: 1, sharing: 0 }

export const replayedAfterACommit: PlantedBug = {
  mutation: 'replayed-after-a-commit',
  rule: 'duplicated-write',
  scenario: {
    name: 'writes on the primary, and on the replica behind it',
    workload: { weights: { ...nothingElse, read: 1, write: 0, 'write-twice': 1 } },
    faults: ({ load }) => load.more(30),
  },
}
