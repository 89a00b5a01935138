// `pnpm check:interleavings [adapter] [--runs=N] [--seed=S [--path=P]]`: random handlers (statements by pool, client, transaction and
// `runOnPrimary`, on one or two databases, in branches and behind the answer) on a model of the network and its servers that chooses
// the order of everything, refuses, and loses connections. Whatever the order: nothing is written twice, nothing is sent behind a
// replay, every connection comes home. A million of them on pg, unless told otherwise; a seed plays the same ones again, and
// with the path that a fault is told with, that one alone.
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

const adapters = ['pg', 'kysely', 'mysql2']

assertGround()
setUpEnvironment()
const [first, ...others] = process.argv.slice(2)
const options = first === undefined || first.startsWith('--') ? process.argv.slice(2) : others
const adapter = options === others ? first : 'pg'
if (!adapters.includes(adapter)) {
  console.error(`An adapter is one of ${adapters.join(', ')}, not ${JSON.stringify(adapter)}.`)
  process.exit(1)
}
const main = join(root, `packages/${adapter}/test/interleavings/main.ts`)
const node = ['--conditions=@flyroute/source', '--no-deprecation']
process.exitCode = (await run(process.execPath, [...node, main, ...options])) ? 0 : 1
