// `pnpm check:consistency [--database postgres|mariadb] [--operations N] [--seed S] [--users U] [scenario…]`: users at work in
// three regions while replicas lag and die, primaries fail over and links break; then an independent checker looks for broken
// promises in all they have seen. 100,000 requests take about half an hour. With --figures (Postgres): what reads cost.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

const packages = { postgres: 'pg', mariadb: 'mysql2' }

assertGround()
setUpEnvironment()
const { tokens } = parseArgs({
  strict: false,
  tokens: true,
  options: { database: { type: 'string', default: 'postgres' } },
})
const chosen = tokens.findLast(({ kind, name }) => kind === 'option' && name === 'database')
const database = chosen?.value ?? 'postgres'
const folder = packages[database]
if (folder === undefined) {
  console.error(`--database is ${Object.keys(packages).join(' or ')}, not ${JSON.stringify(database)}.`)
  process.exit(1)
}
// The rest is for the workload to understand.
const isOurs = (_, index) =>
  chosen !== undefined && (index === chosen.index || (!chosen.inlineValue && index === chosen.index + 1))
const rest = process.argv.slice(2).filter((value, index) => !isOurs(value, index))

const marked = markRun()
const main = join(root, `packages/${folder}/test/consistency/main.ts`)
const well = await run(process.execPath, ['--conditions=@flyroute/source', main, ...rest])
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
