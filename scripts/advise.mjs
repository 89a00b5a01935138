// `pnpm check:advise [app…]`: judges five apps of examples/ with `flyroute advise` where they run alone, then runs them in three
// regions of the lab, and compares: each prediction is off by 15 % at most, or by the 5 ms that proxies and the machine take.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const marked = markRun()
const main = join(root, 'packages/cli/test/advise/main.ts')
const well = await run(process.execPath, ['--conditions=@flyroute/source', main, ...process.argv.slice(2)])
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
