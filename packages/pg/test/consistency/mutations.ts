import { zombie } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'

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

/** In this order: the last one leaves nothing to play in. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    mutation: 'no-waiting',
    rule: 'read-your-writes',
    scenario: {
      name: 'lag',
      async faults({ load, ams, gru }) {
        for (const node of [ams, gru]) await node.setApplyDelay(300)
        await load.more(100)
      },
    },
  },
  {
    mutation: 'position-in-the-same-string',
    rule: 'read-your-writes',
    scenario: {
      name: 'writes in one string, read at once',
      workload: {
        ...oneRow,
        roaming: 0.5,
        thinkMs: 10,
        weights: { ...nothingElse, write: 0, read: 2, 'write-by-get': 1 },
      },
      async faults({ load, ams, gru }) {
        for (const node of [ams, gru]) await node.setApplyDelay(200)
        await load.more(100)
      },
    },
  },
  {
    mutation: 'token-lowered-by-an-overtaken-answer',
    rule: 'read-your-writes',
    scenario: {
      name: 'slow answers behind quick ones',
      workload: { ...oneRow, parallel: 0.8, weights: { ...nothingElse, read: 5, write: 2, 'write-slowly': 3 } },
      async faults({ load, ams, gru }) {
        for (const node of [ams, gru]) await node.setApplyDelay(350)
        await load.more(200)
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
      name: 'a standby that goes back in time',
      workload: { ...oneRow, roaming: 0.3, thinkMs: 20, weights: { ...nothingElse, read: 8, write: 1 } },
      async faults({ load, ams, gru }) {
        for (const node of [ams, gru]) await node.setApplyDelay(0)
        await load.more(200)
        await ams.settings({ recovery_min_apply_delay: '1h' })
        await ams.stop('immediate')
        await ams.start()
        await load.more(200)
        await ams.setApplyDelay(0)
      },
    },
  },
  { mutation: 'timelines-ignored', rule: 'read-your-writes', scenario: zombie },
]
