// `pnpm check:interleavings [--runs=N] [--seed=S]`: random handlers (statements by pool, client, transaction and `runOnPrimary`, on one
// or two databases, in branches and behind the answer) on a model of the network and its servers that chooses the order of
// everything, refuses, and loses connections. Whatever the order: nothing is written twice, nothing is sent behind a replay, every
// connection comes home. A million of them, unless told otherwise; a seed plays the same ones again.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const main = join(root, 'packages/pg/test/interleavings/main.ts')
const node = ['--conditions=@flyroute/source', '--no-deprecation']
process.exitCode = (await run(process.execPath, [...node, main, ...process.argv.slice(2)])) ? 0 : 1
