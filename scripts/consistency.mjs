// `pnpm check:consistency [--operations N] [--seed S] [--users U] [scenario…]`: users at work in three regions while replicas
// lag and die, primaries fail over and links break; then an independent checker looks for broken promises in all they have
// seen. 100,000 requests take about half an hour.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const marked = markRun()
const main = join(root, 'packages/pg/test/consistency/main.ts')
const well = await run(process.execPath, ['--conditions=@flyroute/source', main, ...process.argv.slice(2)])
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
