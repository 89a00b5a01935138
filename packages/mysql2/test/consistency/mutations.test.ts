import type { MysqlNode } from '@flyroute/testkit'
import { playIn, World } from '@flyroute/testkit/consistency'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { plantedBugs } from './mutations.ts'
import { mariadb } from './world.ts'

let world: World<MysqlNode>
beforeAll(async () => {
  world = await World.start(mariadb)
}, 120_000)
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
})

/** Which writes and reads meet is a matter of chance: so many rounds are played at most until the bug shows. */
const rounds = 8

test.each(plantedBugs.map((bug) => [bug.mutation, bug] as const))(
  'the checker finds a planted bug: %s',
  async (_, { mutation, rule, scenario }) => {
    await world.plant(mutation)
    const found = new Set<string>()
    for (let seed = 1; seed <= rounds && !found.has(rule); seed++) {
      if (scenario.isFinal && seed > 1) {
        await world[Symbol.asyncDispose]()
        world = await World.start(mariadb)
        await world.plant(mutation)
      }
      const { violations } = await playIn(world, scenario, { seed })
      for (const violation of violations) found.add(violation.rule)
    }
    expect(found).toContain(rule)
  },
  120_000,
)
