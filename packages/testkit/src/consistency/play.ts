import { parseArgs } from 'node:util'
import type { DatabaseNode } from '../clusters.ts'
import { describeVerdict, playIn } from './run.ts'
import type { Scenario } from './scenario.ts'
import { World, type WorldKind } from './world.ts'

/**
 * The command of `pnpm check:consistency`: plays every scenario in a world of its own, again and again with other seeds,
 * until enough requests were sent in all. Ends the process with 1 where a promise was broken.
 */
export async function playAll<Node extends DatabaseNode>(
  kind: WorldKind<Node>,
  all: Readonly<Record<string, Scenario<Node>>>,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      database: { type: 'string' }, // which `kind` is
      operations: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      users: { type: 'string', default: '40' },
    },
  })
  const [operations, firstSeed, users] = [Number(values.operations), Number(values.seed), Number(values.users)]
  const known = new Map(Object.entries(all))
  const unknown = positionals.filter((name) => !known.has(name))
  if (unknown.length > 0 || ![operations, firstSeed, users].every(Number.isSafeInteger)) {
    console.error(
      `Usage: [--operations N] [--seed S] [--users U] [scenario…]\nScenarios: ${[...known.keys()].join(' ')}`,
    )
    process.exitCode = 1
    return
  }

  const scenarios = [...known].filter(([name]) => positionals.length === 0 || positionals.includes(name))
  const total = { operations: 0, violations: 0, losses: 0 }
  const begun = performance.now()
  for (let seed = firstSeed; total.operations < operations; seed++) {
    const share = Math.ceil((operations - total.operations) / scenarios.length)
    for (const [name, scenario] of scenarios) {
      await using world = await World.start(kind, scenario.world)
      const verdict = await playIn(world, scenario, { seed, users, operations: share })
      console.log(describeVerdict(`${name} (seed ${seed}): ${scenario.name}`, verdict))
      total.operations += verdict.operations
      total.violations += verdict.violations.length
      total.losses += verdict.losses.length
    }
  }
  const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
  console.log(
    `\n${total.operations} requests in ${minutes} min: ${total.violations} violations, ${total.losses} writes lost by asynchronous replication`,
  )
  process.exitCode = total.violations === 0 ? 0 : 1
}
