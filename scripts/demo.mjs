// `pnpm demo`: Fly on this machine, with three regions and a real Postgres in each. Builds, then tells the story in
// examples/demo.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { build, run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const marked = markRun()
const story = join(root, 'examples/demo/src/main.ts')
const told = (await build()) && (await run(process.execPath, [story, ...process.argv.slice(2)]))
const clean = await endLeftovers(marked)
process.exitCode = told && clean ? 0 : 1
