import { parseArgs } from 'node:util'
import { playAll } from '@flyroute/testkit/consistency'
import { measure } from './figures.ts'
import * as scenarios from './scenarios/index.ts'
import { postgres } from './world.ts'

// Plays all scenarios; or, with --figures, measures what reads cost.
const { values } = parseArgs({ strict: false, options: { figures: { type: 'boolean' } } })
if (values.figures) {
  for await (const { text, isGood } of measure()) {
    console.log(`${isGood ? '✓' : '✗'} ${text}`)
    if (!isGood) process.exitCode = 1
  }
} else await playAll(postgres, scenarios)
