import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createReplayPolicy } from '@flyroute/core'
import { createTopology } from '@flyroute/core/adapter'
import type fc from 'fast-check'
import { App } from './app.ts'
import { type Answered, sendRequest } from './client.ts'
import { mysql } from './mysql/protocol.ts'
import { Network, type Region } from './network.ts'
import { postgres } from './postgres/protocol.ts'
import type { Program } from './program.ts'
import { ServerSocket } from './server-socket.ts'
import type { InterleavingsAdapter, InterleavingsPool } from './subject.ts'
import type { Run } from './text.ts'
import { takeClock } from './timers.ts'
import { unhandledDuring } from './unhandled.ts'

/** One run of a program, and what has come of it. */
export interface Played {
  readonly app: App
  readonly region: Region
  answer: Answered | undefined
}

/** A program played to its end in one order, and all that a judge has to know of it. */
export interface Game {
  readonly program: Program
  readonly network: Network
  readonly runs: readonly Played[]
  /** Connections that were given back, and on whose server a transaction is still open. */
  readonly leftOpen: readonly string[]
  /** A pool that does not end, because not all of its connections have come home. */
  readonly isPoolEnded: boolean
  readonly stillConnected: readonly string[]
  readonly unhandled: readonly unknown[]
}

const names = ['one', 'two'] as const
const port = 5432
const protocols = { postgres, mysql } as const

/** Plays a program: once in a replica's region, and once more in the primary's where the answer says so. */
export async function play(adapter: InterleavingsAdapter, program: Program, scheduler: fc.Scheduler): Promise<Game> {
  const network = new Network(scheduler, program)
  const giveClockBack = takeClock(network)
  try {
    return await playOn(network, adapter, program, scheduler)
  } finally {
    giveClockBack()
  }
}

async function playOn(
  network: Network,
  adapter: InterleavingsAdapter,
  program: Program,
  scheduler: fc.Scheduler,
): Promise<Game> {
  const runs: Played[] = []
  const pools: InterleavingsPool[] = []

  const begin = (run: Run, region: Region, headers: Record<string, string>): void => {
    const own = names.slice(0, program.databases).map((name) => open(adapter, program, network, region, name))
    pools.push(...own)
    const policy = createReplayPolicy({ databases: own, consistency: program.consistency })
    const app = new App(program, own, run, () => run === 1 && network.isReplayed)
    const played: Played = { app, region, answer: undefined }
    runs.push(played)
    const behind = (): void => void app.behindAnswer()
    const work = {
      before: () => app.beforeAnswer(),
      behind: () => (program.goesOn === 'at-once' ? behind() : network.later(`${run} goes on`, behind)),
    }
    sendRequest(program.middleware, policy, headers, work, (answer) => {
      network.journal.push(`${run} is answered: ${answer.status} ${answer.replay ?? ''}`)
      played.answer = answer
      if (answer.replay === undefined || run === 2) return
      network.isReplayed = true
      const state = /state=([^;]*)/.exec(answer.replay)?.[1] ?? ''
      const source = `instance=ams1;region=ams;t=1700000000000000;state=${state}`
      network.later('the proxy replays', () => begin(2, 'iad', { 'fly-replay-src': source }))
    })
  }

  const { unhandled } = await unhandledDuring(async () => {
    begin(1, 'ams', program.isTooLarge ? { 'content-length': '2000000' } : {})
    await drain(scheduler, network)
  })
  const leftOpen = [...network.links].filter(({ isOpen }) => isOpen).map(({ name }) => name)
  let isPoolEnded = false
  const ended = await unhandledDuring(async () => {
    void Promise.all(pools.map((pool) => pool.end())).then(() => {
      isPoolEnded = true
    })
    await drain(scheduler, network)
  })
  const stillConnected = [...network.links].map(({ name }) => name)
  const all = [...unhandled, ...ended.unhandled]
  return { program, network, runs, leftOpen, isPoolEnded, stillConnected, unhandled: all }
}

function open(
  adapter: InterleavingsAdapter,
  program: Program,
  network: Network,
  region: Region,
  name: string,
): InterleavingsPool {
  const endpoint = (kind: 'primary' | 'replica') => {
    const host = `${name}.${kind}`
    const fields = { host, port, user: 'app', database: name, password: undefined, url: undefined, source: kind }
    return { ...fields, toJSON: () => ({ host, source: kind }) }
  }
  const primary = endpoint('primary')
  const isReplica = region === 'ams'
  const topology = createTopology({
    region,
    primaryRegion: 'iad',
    role: isReplica ? 'replica' : 'primary',
    primary,
    local: isReplica ? endpoint('replica') : primary,
  })
  const socket = (isOwn: boolean): ServerSocket => new ServerSocket(network, region, protocols[adapter.protocol], isOwn)
  return adapter.open({
    name,
    topology,
    stream: () => socket(false) as unknown as Duplex,
    connect: (host, isOwn) => socket(isOwn).connect(port, host) as unknown as Duplex,
    max: program.max,
    primaryMax: program.primaryMax,
  })
}

/** Until nothing is left that could happen. */
async function drain(scheduler: fc.Scheduler, network: Network): Promise<void> {
  for (let idle = 0; idle < 3; ) {
    // Promises and ticks are over then, and what the code has put off to the next turn of the loop.
    await nextTurn()
    if (scheduler.count() === 0) {
      if (++idle === 3 && network.happensAtLast()) idle = 0
    } else {
      idle = 0
      await scheduler.waitOne()
    }
  }
}
