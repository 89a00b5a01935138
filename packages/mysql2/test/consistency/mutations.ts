import type { MysqlNode } from '@flyroute/testkit'
import {
  goesOnAfterItsReplay,
  halting,
  loweredToken,
  nothingElse,
  noWaiting,
  oneRow,
  type PlantedBug,
  replayedAfterACommit,
  uncountedFunction,
} from '@flyroute/testkit/consistency'
import { zombie } from './scenarios/index.ts'
import { Snapshot } from './scenarios/snapshot.ts'

/** In this order: the last one leaves nothing to play in. */
export const plantedBugs: readonly PlantedBug<MysqlNode>[] = [
  noWaiting,
  {
    mutation: 'position-from-before-the-write',
    rule: 'read-your-writes',
    scenario: {
      name: 'writes that are read at once',
      workload: { ...oneRow, roaming: 0.3, thinkMs: 10, weights: { ...nothingElse, write: 1, read: 3 } },
      faults: halting,
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
