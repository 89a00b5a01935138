import type { PostgresNode } from '@flyroute/testkit'
import {
  goesOnAfterItsReplay,
  loweredToken,
  nothingElse,
  noWaiting,
  oneRow,
  type PlantedBug,
  replayedAfterACommit,
  uncountedFunction,
} from '@flyroute/testkit/consistency'
import { zombie } from './scenarios/index.ts'

/** In this order: the last one leaves nothing to play in. */
export const plantedBugs: readonly PlantedBug<PostgresNode>[] = [
  noWaiting,
  {
    mutation: 'position-in-the-same-string',
    rule: 'read-your-writes',
    soonMs: 200,
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
  loweredToken,
  replayedAfterACommit,
  goesOnAfterItsReplay,
  uncountedFunction,
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
