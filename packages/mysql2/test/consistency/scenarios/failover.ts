import { setTimeout as sleep } from 'node:timers/promises'
import type { MysqlNode } from '@flyroute/testkit'
import type { World } from '@flyroute/testkit/consistency'
import { type Scenario, withoutPrimary } from './scenario.ts'

/** Waits until the app writes again, in all regions. */
async function writable({ lab }: World<MysqlNode>): Promise<void> {
  for (const region of lab.regions) {
    while ((await lab.fetch(region, '/write?key=probe', { method: 'POST' })).status !== 200) await sleep(50)
  }
}

export const failover: Scenario = {
  name: 'a primary that dies, and a replica in its region that has confirmed all commits takes over',
  world: { synchronousStandby: true },
  async faults({ world, load, random, ams, gru, pause }) {
    const { databases } = world
    const old = databases.primary
    const next = databases.node(old.name === 'ord' ? 'orb' : 'ord')
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await old.kill()
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
  name: 'a primary that dies, and a replica in another region takes over, with PRIMARY_REGION as it was',
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await world.databases.setSynchronous([ams.name])
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await ord.kill()
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

export const asynchronous: Scenario = {
  name: 'a primary that dies, and a replica that has not received all of it takes over',
  promises: { mayLose: true },
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      world.lab.cut('ord', 'ams')
      await load.more(100)
      await ord.kill()
      world.lab.heal('ord', 'ams')
      await ams.promote()
      await writable(world)
    })
    // What it has of the old primary's may be more than the new one has: it cannot go on from there.
    await gru.kill()
    await gru.create(ams)
    await pause(2_000)
  },
}

export const zombie: Scenario = {
  name: 'a replica that takes over while the old primary goes on, with a replica of its own',
  promises: { mayLose: true },
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await ams.promote()
      await load.more(300)
      await gru.kill()
      await gru.create(ams)
      await ord.kill()
      await writable(world)
    })
    await pause(2_000)
  },
}
