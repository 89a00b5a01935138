import { describeFindings } from '@flyroute/testkit/checker'
import { playIn, type WorldOptions } from '@flyroute/testkit/consistency'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { apps, failover, lag, oneName, otherRegion, restarts } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { World } from './world.ts'

// A short part: `pnpm check:consistency` plays all scenarios, for as long as one likes.
const pace = 0.3

function inOneWorld(name: string, options: WorldOptions, scenarios: readonly Scenario[]): void {
  describe(name, () => {
    let world: World
    beforeAll(async () => {
      world = await World.start(options)
    }, 60_000)
    afterAll(async () => {
      await world?.[Symbol.asyncDispose]()
    })

    test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
      '%s: no promise is broken',
      async (_, scenario) => {
        const { violations, reads, writes } = await playIn(world, scenario, { seed: 1, users: 12, pace })
        expect(describeFindings(violations)).toBe('')
        expect(Math.min(reads, writes)).toBeGreaterThan(10)
      },
      60_000,
    )
  })
}

inOneWorld('read your writes', {}, [lag, restarts, apps, otherRegion])

inOneWorld(
  'monotonic reads, with two replicas behind one name, and clocks half a minute apart',
  {
    consistency: 'monotonic',
    synchronousStandby: true,
    twoBehindOneName: true,
    clocks: { ord: 15_000, ams: -15_000 },
  },
  [oneName, failover],
)
