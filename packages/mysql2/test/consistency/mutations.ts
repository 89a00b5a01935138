import { zombie } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { Snapshot } from './scenarios/snapshot.ts'

/** A bug, planted into the app (see app/mutations.ts), and a scenario in which the checker has to find it. */
export interface PlantedBug {
  readonly mutation: string
  /** What the checker has to call it. */
  readonly rule: string
  readonly scenario: Scenario
}

const nothingElse = {
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
const oneRow = { ownRows: 1, sharing: 0 }

/** Both replicas stand still, again and again, while users go on. */
const halting: Scenario['faults'] = async ({ load, ams, gru }) => {
  for (let stops = 0; stops < 3; stops++) {
    for (const node of [ams, gru]) await node.pauseReplay()
    await load.more(40)
    for (const node of [ams, gru]) await node.resumeReplay()
  }
}

/** In this order: the last one leaves nothing to play in. */
export const plantedBugs: readonly PlantedBug[] = [
  { mutation: 'no-waiting', rule: 'read-your-writes', scenario: { name: 'replicas that halt', faults: halting } },
  {
    mutation: 'position-from-before-the-write',
    rule: 'read-your-writes',
    scenario: {
      name: 'writes that are read at once',
      workload: { ...oneRow, roaming: 0.3, thinkMs: 10, weights: { ...nothingElse, write: 1, read: 3 } },
      faults: halting,
    },
  },
  {
    mutation: 'token-lowered-by-an-overtaken-answer',
    rule: 'read-your-writes',
    scenario: {
      name: 'slow answers behind quick ones',
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
  },
  {
    mutation: 'replayed-after-a-commit',
    rule: 'duplicated-write',
    scenario: {
      name: 'writes on the primary, and on the replica behind it',
      workload: { weights: { ...nothingElse, read: 1, write: 0, 'write-twice': 1 } },
      faults: ({ load }) => load.more(30),
    },
  },
  {
    mutation: 'position-kept-over-a-restart',
    rule: 'read-your-writes',
    scenario: {
      name: 'a replica that goes back in time',
      // So few writes that most users have not written again by the time that it is back.
      workload: { ...oneRow, roaming: 0.3, thinkMs: 20, weights: { ...nothingElse, read: 30, write: 1 } },
      async faults({ load, ams }) {
        await using snapshot = await Snapshot.of(ams)
        await load.more(800)
        await snapshot.restore()
        await load.more(200)
        await ams.setApplyDelay(0)
      },
    },
  },
  { mutation: 'servers-ignored', rule: 'read-your-writes', scenario: zombie },
]
