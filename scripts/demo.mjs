// `pnpm demo`: Fly on this machine, with three regions and a real Postgres in each. Builds, then hands over to the command.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { build, run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const marked = markRun()
const flyroute = join(root, 'packages/cli/dist/esm/bin.js')
const told = (await build()) && (await run(process.execPath, [flyroute, 'demo', ...process.argv.slice(2)]))
const clean = await endLeftovers(marked)
process.exitCode = told && clean ? 0 : 1
