import type { Operation } from '../checker/index.ts'
import type { DatabaseNode } from '../clusters.ts'
import type { PlantedBug } from './planted-bug.ts'
import { playIn } from './run.ts'
import type { World } from './world.ts'

/** Which writes and reads meet is a matter of chance: so often is a bug given the chance to show. */
const attempts = 8

/** A round that is no attempt has cost its time. After so many the machine is too slow to tell. */
const rounds = 40

/** How many reads have to come soon enough, for a round to be an attempt. */
const enoughReads = 10

/**
 * Plays a bug's scenario, with other seeds, until the checker calls the bug by its name.
 *
 * @param open a world with the bug in it, for the first round and, where nothing is left to play in, for each
 * @returns the rules that the checker found broken, and what was tried
 */
export async function findBug<Node extends DatabaseNode>(
  { mutation, rule, scenario, soonMs }: PlantedBug<Node>,
  open: (isSpent: boolean) => Promise<World<Node>>,
): Promise<{ rules: string[]; tried: string }> {
  const found = new Set<string>()
  let tried = 0
  let users = 20
  let seed = 0
  while (tried < attempts && seed < rounds && !found.has(rule)) {
    const world = await open(scenario.isFinal === true && seed > 0)
    await world.plant(mutation)
    const { violations, history } = await playIn(world, scenario, { seed: ++seed, users })
    for (const violation of violations) found.add(violation.rule)
    if (soonMs === undefined || countSoonReads(history.operations, soonMs) >= enoughReads) tried++
    // Fewer users are answered sooner, each of them.
    else users = Math.max(3, Math.ceil(users / 2))
  }
  return { rules: [...found], tried: `${tried} attempts in ${seed} rounds` }
}

/** Reads in a region with a replica, of a row that the same user has just written. */
function countSoonReads(operations: readonly Operation[], soonMs: number): number {
  const written = new Map<string, number>()
  let count = 0
  for (const { user, region, begun, ended, outcome, steps } of operations.toSorted((a, b) => a.ended - b.ended)) {
    if (outcome === 'failed') continue
    for (const { kind, key } of steps) {
      const row = `${user} ${key}`
      if (kind === 'write') written.set(row, ended)
      else if (region !== 'ord' && begun - (written.get(row) ?? -Infinity) < soonMs) count++
    }
  }
  return count
}
