import { setTimeout as sleep } from 'node:timers/promises'
import { type Scenario, withoutPrimary } from '../scenario.ts'
import type { World } from '../world.ts'

/** Waits until the app writes again, in all regions. */
export async function writable({ lab }: Pick<World, 'lab'>): Promise<void> {
  for (const region of lab.regions) {
    while ((await lab.fetch(region, '/write?key=probe', { method: 'POST' })).status !== 200) await sleep(50)
  }
}

export const failover: Scenario = {
  name: 'a primary that dies, and a synchronous replica in its region takes over',
  world: { synchronousStandby: true },
  async faults({ world, load, random, ams, gru, pause }) {
    const { databases } = world
    const old = databases.primary
    const next = databases.node(old.name === 'ord' ? 'orb' : 'ord')
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await load.kill(old)
      await pause(random.between(0, 1_500))
      await next.promote()
      await writable(world)
    })
    await pause(random.between(0, 500))
    for (const node of [ams, gru]) await node.follow(next)
    await pause(1_000)
    await old.follow(next)
    await databases.setSynchronous([old.name])
    await pause(1_000)
  },
}

export const otherRegion: Scenario = {
  name: 'a primary that dies, and a synchronous replica in another region takes over, with PRIMARY_REGION as it was',
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await world.databases.setSynchronous([ams.name])
    // What was committed before waits for no replica, and is to be there as well.
    await world.databases.caughtUp()
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await load.kill(ord)
      await pause(500)
      await ams.promote()
      await writable(world)
    })
    await pause(1_000)
    await gru.follow(ams)
    await pause(1_000)
    await ord.follow(ams)
    await pause(2_000)
  },
}
