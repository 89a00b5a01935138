import { setTimeout as sleep } from 'node:timers/promises'
import { describeFindings, type History, Random, type Verdict } from '../checker/index.ts'
import type { DatabaseNode } from '../clusters.ts'
import { Load } from './load.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  /** Repeats the faults until so many requests were sent. Default: once. */
  readonly operations?: number
  /** Default: 20. */
  readonly users?: number
  /** Multiplies the time that faults last. Default: 1. */
  readonly pace?: number
}

/** Each play has keys and ids of its own: worlds are played in more than once. */
let plays = 0

/** Plays a scenario in a world, and has its history judged. */
export async function playIn<Node extends DatabaseNode>(
  world: World<Node>,
  { workload, faults, promises, isFinal }: Scenario<Node>,
  { seed, operations = 0, users = 20, pace = 1 }: RunOptions,
): Promise<Verdict & { history: History }> {
  const prefix = `p${++plays}-`
  const load = new Load(world, { seed, users, prefix, ...workload })
  const [ord, ams, gru] = ['ord', 'ams', 'gru'].map((node) => world.databases.node(node))
  if (ord === undefined || ams === undefined || gru === undefined) throw new Error('A world has these three nodes')
  const random = new Random(seed)
  const pause = (ms: number): Promise<void> => sleep(ms * pace)
  await load.during(async () => {
    do await faults({ world, load, random, ord, ams, gru, pause })
    while (!isFinal && load.recorder.operations.length < operations)
  })
  return load.verdict(promises)
}

/** A verdict in a few lines. */
export function describeVerdict(name: string, verdict: Verdict): string {
  const { operations, reads, writes, failed, violations, losses } = verdict
  const numbers = `${operations} requests, ${reads} reads, ${writes} writes, ${failed} failed where they might`
  const lines = [`${violations.length === 0 ? '✓' : '✗'} ${name}: ${numbers}, ${violations.length} violations`]
  if (losses.length > 0) lines.push(describeFindings(losses))
  if (violations.length > 0) lines.push(describeFindings(violations, 10))
  return lines.join('\n')
}
