import type { DatabaseNode } from '../clusters.ts'
import type { Scenario } from './scenario.ts'

/** A bug, planted into the app by one of its mutations, and a scenario in which the checker has to find it. */
export interface PlantedBug<Node extends DatabaseNode = DatabaseNode> {
  readonly mutation: string
  /** What the checker has to call it. */
  readonly rule: string
  readonly scenario: Scenario<Node>
  /**
   * How soon (ms) after a write's answer its user has to read the row for the bug to show. A round with few such reads, on a
   * busy machine, tells nothing. Default: every round tells.
   */
  readonly soonMs?: number
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
  'write-in-parallel': 0,
  'write-by-function': 0,
  'write-awaited-late': 0,
  'write-in-two': 0,
  'read-other': 0,
  'write-late': 0,
}

/** Every user reads what they write: a bug shows soon. */
export const oneRow = { ownRows: 1, sharing: 0 }

/** Both replicas stand still, again and again, while users go on: so no machine is too slow to read what is not there yet. */
export const halting: Scenario['faults'] = async ({ load, ams, gru }) => {
  for (let stops = 0; stops < 3; stops++) {
    await Promise.all([ams, gru].map((node) => node.pauseReplay()))
    await load.more(40)
    await Promise.all([ams, gru].map((node) => node.resumeReplay()))
  }
}

export const noWaiting: PlantedBug = {
  mutation: 'no-waiting',
  rule: 'read-your-writes',
  scenario: { name: 'replicas that halt', faults: halting },
}

export const loweredToken: PlantedBug = {
  mutation: 'token-lowered-by-an-overtaken-answer',
  rule: 'read-your-writes',
  scenario: {
    name: 'slow answers after quick ones',
    workload: { ...oneRow, parallel: 0.8, weights: { ...nothingElse, read: 5, write: 2, 'write-slowly': 3 } },
    async faults({ load, ams, gru }) {
      // So that what the slow answer tells has arrived, and what the quick one told has not.
      for (let stops = 0; stops < 8; stops++) {
        await Promise.all([ams, gru].map((node) => node.pauseReplay()))
        await load.more(40)
        await Promise.all([ams, gru].map((node) => node.resumeReplay()))
        await load.more(5)
      }
    },
  },
}

export const replayedAfterACommit: PlantedBug = {
  mutation: 'replayed-after-a-commit',
  rule: 'duplicated-write',
  scenario: {
    name: 'writes on the primary, and on the replica behind it',
    workload: { weights: { ...nothingElse, read: 1, write: 0, 'write-twice': 1 } },
    faults: ({ load }) => load.more(30),
  },
}

export const goesOnAfterItsReplay: PlantedBug = {
  mutation: 'goes-on-after-its-replay',
  rule: 'duplicated-write',
  scenario: {
    name: 'branches that go on by themselves',
    workload: { weights: { ...nothingElse, read: 1, write: 0, 'write-in-parallel': 1 } },
    // The branch opens a connection across an ocean first, which takes several ways: it arrives when the play has gone on for long.
    faults: ({ load }) => load.more(200),
  },
}

export const uncountedFunction: PlantedBug = {
  mutation: 'writes-of-functions-not-counted',
  rule: 'duplicated-write',
  scenario: {
    name: 'functions that write, and writes after them',
    workload: { weights: { ...nothingElse, read: 1, write: 0, 'write-by-function': 1 } },
    faults: ({ load }) => load.more(30),
  },
}
