import { writable } from '@flyroute/testkit/consistency'
import { type Scenario, withoutPrimary } from './scenario.ts'

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
