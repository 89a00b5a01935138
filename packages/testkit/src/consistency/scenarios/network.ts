import { type Scenario, withoutApp, withoutPrimary } from '../scenario.ts'

export const network: Scenario = {
  name: 'links between regions that are cut for a while',
  async faults({ world: { lab }, load, random, pause }) {
    for (const [one, other] of [
      ['ord', 'gru'],
      ['ams', 'ord'],
      ['ams', 'gru'],
    ] as const) {
      await pause(500)
      await load.tolerating(withoutPrimary, async () => {
        lab.cut(one, other)
        await pause(random.between(500, 3_000))
        lab.heal(one, other)
        await pause(3_000)
      })
    }
  },
}

export const apps: Scenario = {
  name: 'apps that die with the requests that they serve',
  // A proxy may send a GET again when its machine dies, as HTTP lets it: what writes all the same is written twice.
  workload: {
    weights: {
      'write-by-get': 0,
      'transaction-by-get': 0,
      'write-on-primary': 0,
      'write-twice': 0,
      'write-in-parallel': 0,
      'write-by-function': 0,
      'write-awaited-late': 0,
      'write-in-two': 0,
      'write-late': 0,
    },
  },
  async faults({ world: { lab }, load, random, pause }) {
    for (const region of ['ams', 'ord', 'gru']) {
      await pause(500)
      await load.tolerating(withoutApp, async () => {
        await lab.kill(region, { noticed: random.chance(0.5) })
        await pause(random.between(0, 1_000))
        await lab.restart(region)
        await pause(500)
      })
    }
    await pause(500)
  },
}
