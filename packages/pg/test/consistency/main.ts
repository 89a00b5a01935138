import { parseArgs } from 'node:util'
import { measure } from './figures.ts'
import { describeVerdict, playIn } from './run.ts'
import * as all from './scenarios/index.ts'
import { World } from './world.ts'

// Plays every scenario in a world of its own, again and again with other seeds, until enough requests were sent in all;
// or, with --figures, measures what reads cost.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    operations: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    users: { type: 'string', default: '40' },
    figures: { type: 'boolean', default: false },
  },
})
const [operations, firstSeed, users] = [Number(values.operations), Number(values.seed), Number(values.users)]
const known = new Map(Object.entries(all))
const unknown = positionals.filter((name) => !known.has(name))
if (unknown.length > 0 || ![operations, firstSeed, users].every(Number.isSafeInteger)) {
  console.error(
    `Usage: [--operations N] [--seed S] [--users U] [scenario…] | --figures\nScenarios: ${[...known.keys()].join(' ')}`,
  )
  process.exit(1)
}

if (values.figures) {
  for await (const { text, isGood } of measure()) {
    console.log(`${isGood ? '✓' : '✗'} ${text}`)
    if (!isGood) process.exitCode = 1
  }
  process.exit()
}

const scenarios = [...known].filter(([name]) => positionals.length === 0 || positionals.includes(name))
const total = { operations: 0, violations: 0, losses: 0 }
const begun = performance.now()
for (let seed = firstSeed; total.operations < operations; seed++) {
  const share = Math.ceil((operations - total.operations) / scenarios.length)
  for (const [name, scenario] of scenarios) {
    await using world = await World.start(scenario.world)
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
