import type { Scenario } from './scenario.ts'

export const lag: Scenario = {
  name: 'replicas that lag, each by another time, and stand still',
  async faults({ ams, gru, random, pause }) {
    for (const delay of [0, 50, 300, 3_000, 8_000]) {
      await ams.setApplyDelay(delay)
      await gru.setApplyDelay(random.pick([0, 50, 300, 3_000]))
      await pause(1_500)
    }
    await ams.setApplyDelay(0)
    await gru.pauseReplay()
    await pause(1_500)
    await gru.resumeReplay()
    for (let jumps = 0; jumps < 6; jumps++) {
      await gru.setApplyDelay(random.pick([0, 10, 100, 1_000]))
      await pause(random.between(100, 400))
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
  name: 'standbys that are killed, stopped immediately, held up, and started again, behind some lag',
  async faults({ ams, gru, random, pause }) {
    await ams.setApplyDelay(random.pick([0, 50, 300]))
    await gru.stop('immediate')
    await pause(random.between(0, 1_500))
    await gru.start()
    await pause(1_500)
    await ams.kill()
    await pause(random.between(0, 1_500))
    await ams.start()
    await pause(1_500)
    // What was replayed without a delay is behind one after the restart: the standby goes back in time.
    await gru.settings({ recovery_min_apply_delay: '1h' })
    await gru.stop('immediate')
    await gru.start()
    await pause(1_500)
    await gru.setApplyDelay(0)
    ams.pauseProcess()
    await pause(random.between(500, 3_500))
    ams.resumeProcess()
    await ams.setApplyDelay(0)
    await pause(2_000)
  },
}

export const synchronous: Scenario = {
  name: 'commits that wait for a standby, and a big transaction of somebody else',
  async faults({ world: { databases }, ams, gru, random, pause }) {
    await databases.setSynchronous([ams.name])
    for (let stalls = 0; stalls < 2; stalls++) {
      ams.pauseProcess()
      await pause(random.between(300, 1_200))
      ams.resumeProcess()
      await pause(700)
    }
    await gru.setApplyDelay(200)
    await databases.setSynchronous('none')
    // Until the rest is written, half of a record of it may stand at the end of the log's page.
    await databases.primary.query(
      `do $$ begin for n in 1..200 loop
         perform pg_logical_emit_message(true, 'bulk', repeat('y', 30000)); perform pg_sleep(0.005);
       end loop; end $$`,
    )
    await gru.setApplyDelay(0)
    await pause(300)
  },
}

export const oneName: Scenario = {
  name: 'two replicas under one name, each with its own lag',
  world: { twoBehindOneName: true },
  async faults({ world, ams, random, pause }) {
    const amb = world.databases.node('amb')
    for (const delay of [50, 300, 3_000]) {
      await amb.setApplyDelay(delay)
      await pause(1_000)
      await ams.setApplyDelay(random.pick([0, 50, 500]))
      await pause(1_000)
    }
    await amb.setApplyDelay(0)
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
    await ams.setApplyDelay(random.between(100, 500))
    await gru.setApplyDelay(random.between(100, 500))
    await pause(5_000)
  },
}
