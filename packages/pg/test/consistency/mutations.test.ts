import { findBug } from '@flyroute/testkit/consistency'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { plantedBugs } from './mutations.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.start()
}, 60_000)
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
})

test.each(plantedBugs.map((bug) => [bug.mutation, bug] as const))(
  'the checker finds a planted bug: %s',
  async (_, bug) => {
    const { rules, tried } = await findBug(bug, async (isSpent) => {
      if (isSpent) {
        await world[Symbol.asyncDispose]()
        world = await World.start()
      }
      return world
    })
    expect({ tried, rules }).toEqual({ tried, rules: expect.arrayContaining([bug.rule]) })
  },
  // Seconds, where the machine has nothing else to do.
  300_000,
)
