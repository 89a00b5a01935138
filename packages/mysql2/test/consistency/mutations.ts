import type { MysqlNode } from '@flyroute/testkit'
import { nothingElse, oneRow, type PlantedBug, replayedAfterACommit } from '@flyroute/testkit/consistency'
import { zombie } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { Snapshot } from './scenarios/snapshot.ts'

/** Both replicas stand still, again and again, while users go on. */
const halting: Scenario['faults'] = async ({ load, ams, gru }) => {
  for (let stops = 0; stops < 3; stops++) {
    for (const node of [ams, gru]) await node.pauseReplay()
    await load.more(40)
    for (const node of [ams, gru]) await node.resumeReplay()
  }
}

/** In this order: the last one leaves nothing to play in. */
export const plantedBugs: readonly PlantedBug<MysqlNode>[] = [
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
  replayedAfterACommit,
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
