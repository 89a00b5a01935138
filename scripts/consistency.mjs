// `pnpm check:consistency [--database postgres|mariadb|mysql] [--operations N] [--seed S] [--users U] [scenario…]`: users at work in
// three regions while replicas lag and die, primaries fail over and links break; then an independent checker looks for broken
// promises in all they have seen. 100,000 requests take about half an hour. With --figures (Postgres): what reads cost.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

const packages = new Map([
  ['postgres', 'pg'],
  ['mariadb', 'mysql2'],
  ['mysql', 'mysql2'],
])

assertGround()
setUpEnvironment()
const { values } = parseArgs({ strict: false, options: { database: { type: 'string', default: 'postgres' } } })
const folder = packages.get(String(values.database))
if (folder === undefined) {
  console.error(`--database is one of ${[...packages.keys()].join(', ')}, not ${JSON.stringify(values.database)}.`)
  process.exit(1)
}

const marked = markRun()
const main = join(root, `packages/${folder}/test/consistency/main.ts`)
const well = await run(process.execPath, ['--conditions=@flyroute/source', main, ...process.argv.slice(2)])
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
