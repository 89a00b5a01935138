import type { Scenario } from './scenario.ts'
import { Snapshot } from './snapshot.ts'

// MariaDB counts a delay in whole seconds; how far an ocean alone puts a replica behind is less.

export const lag: Scenario = {
  name: 'replicas that lag, each by another time, and whose SQL threads are stopped',
  async faults({ ams, gru, random, pause }) {
    for (const delay of [0, 1_000, 3_000]) {
      await ams.setApplyDelay(delay)
      await gru.setApplyDelay(random.pick([0, 1_000]))
      await pause(1_500)
    }
    await ams.setApplyDelay(0)
    for (let stops = 0; stops < 6; stops++) {
      await gru.pauseReplay()
      await pause(random.pick([10, 100, 300, 1_500]))
      await gru.resumeReplay()
      await pause(random.between(50, 300))
    }
    await gru.setApplyDelay(0)
    await pause(300)
  },
}

export const monotonic: Scenario = {
  ...lag,
  name: 'monotonic reads behind lag',
  world: { consistency: 'monotonic' },
}

export const clocks: Scenario = {
  ...lag,
  name: 'clocks that are half a minute apart, behind lag',
  world: { clocks: { ord: 15_000, ams: -15_000 } },
}

export const restarts: Scenario = {
  name: 'replicas that are killed, shut down, held up, and started again, behind some lag',
  async faults({ ams, gru, random, pause }) {
    await ams.setApplyDelay(random.pick([0, 1_000]))
    await gru.kill()
    await pause(random.between(0, 1_500))
    await gru.start()
    await pause(1_500)
    await ams.kill()
    await pause(random.between(0, 1_500))
    await ams.start()
    await pause(1_500)
    await gru.stop('fast')
    await pause(random.between(0, 500))
    await gru.start()
    await pause(500)
    ams.pauseProcess()
    await pause(random.between(500, 3_500))
    ams.resumeProcess()
    await ams.setApplyDelay(0)
    await pause(2_000)
  },
}

export const rewound: Scenario = {
  name: 'replicas that go back in time, behind all that their clients have seen there',
  async faults({ ams, gru, random, pause }) {
    for (const node of [ams, gru]) {
      await using snapshot = await Snapshot.of(node)
      await pause(1_500)
      await snapshot.restore()
      await pause(random.between(300, 1_500))
      await node.setApplyDelay(0)
      await pause(1_000)
    }
  },
}

export const synchronous: Scenario = {
  name: 'commits that wait for a replica to have them',
  async faults({ world: { databases }, ams, gru, random, pause }) {
    await databases.setSynchronous([ams.name])
    for (let stalls = 0; stalls < 2; stalls++) {
      ams.pauseProcess()
      await pause(random.between(300, 1_200))
      ams.resumeProcess()
      await gru.pauseReplay()
      await pause(700)
      await gru.resumeReplay()
    }
    await databases.setSynchronous('none')
    await pause(300)
  },
}

export const oneName: Scenario = {
  name: 'two replicas under one name, each with its own lag',
  world: { twoBehindOneName: true },
  async faults({ world, ams, random, pause }) {
    const amb = world.databases.node('amb')
    for (let round = 0; round < 3; round++) {
      await amb.pauseReplay()
      await pause(random.pick([50, 300, 1_500]))
      await ams.setApplyDelay(random.pick([0, 1_000]))
      await amb.resumeReplay()
      await pause(1_000)
    }
    await ams.kill()
    await pause(random.between(0, 1_000))
    await ams.start()
    await pause(1_000)
    await ams.setApplyDelay(0)
    await pause(300)
  },
}

export const parallel: Scenario = {
  name: 'requests of one user in parallel, whose answers overtake each other',
  workload: {
    parallel: 0.8,
    weights: { read: 50, 'read-list': 0, append: 0, 'write-slowly': 20, 'write-on-primary': 15, 'write-late': 0 },
  },
  async faults({ ams, gru, random, pause }) {
    for (let stops = 0; stops < 8; stops++) {
      await ams.pauseReplay()
      await pause(random.between(100, 500))
      await ams.resumeReplay()
      await gru.pauseReplay()
      await pause(random.between(100, 500))
      await gru.resumeReplay()
    }
  },
}
