import { writable } from '@flyroute/testkit/consistency'
import { type Scenario, withoutPrimary } from './scenario.ts'

export const asynchronous: Scenario = {
  name: 'a primary that dies, and an asynchronous standby that has not received all of it takes over',
  promises: { mayLose: true },
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      world.lab.cut('ord', 'ams')
      await pause(200)
      await ord.kill()
      world.lab.heal('ord', 'ams')
      await ams.promote()
      await writable(world)
    })
    await gru.follow(ams)
    await pause(2_000)
  },
}

export const zombie: Scenario = {
  name: 'a standby that takes over while the old primary goes on, with a standby of its own',
  promises: { mayLose: true },
  isFinal: true,
  async faults({ world, load, ord, ams, gru, pause }) {
    await pause(1_000)
    await load.tolerating(withoutPrimary, async () => {
      await ams.promote()
      await load.more(300)
      await gru.follow(ams)
      await ord.kill()
      await writable(world)
    })
    await pause(2_000)
  },
}
