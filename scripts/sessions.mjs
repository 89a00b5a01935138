// `pnpm check:sessions [adapter] [--sessions=N] [--meetings=N] [--seed=S] [--keep-going]`: random sessions (settings,
// transactions, temporary tables, locks, reads, writes, errors) on one bare server and through flyroute on a replica, one by
// one and with others in the same pool, and the same is expected of both. Without an adapter it is all of them, one after the
// other. A seed plays the same sessions again; with --keep-going the first one that goes wrong is not the last one.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { run, setUpEnvironment } from './lib/run.mjs'

const packages = new Map([
  ['pg', 'pg'],
  ['mariadb', 'mysql2'],
  ['mysql', 'mysql2'],
  ['kysely-postgres', 'kysely'],
  ['kysely-mariadb', 'kysely'],
])

assertGround()
setUpEnvironment()
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    sessions: { type: 'string', default: '20000' },
    meetings: { type: 'string' },
    seed: { type: 'string' },
    'keep-going': { type: 'boolean' },
  },
})
const unknown = positionals.find((name) => !packages.has(name))
if (unknown !== undefined) {
  console.error(`An adapter is one of ${[...packages.keys()].join(', ')}, not ${JSON.stringify(unknown)}.`)
  process.exit(1)
}

const marked = markRun()
const options = [`--sessions=${values.sessions}`]
if (values.meetings !== undefined) options.push(`--meetings=${values.meetings}`)
if (values.seed !== undefined) options.push(`--seed=${values.seed}`)
if (values['keep-going']) options.push('--keep-going')
let well = true
for (const adapter of positionals.length > 0 ? positionals : packages.keys()) {
  const main = join(root, `packages/${packages.get(adapter)}/test/sessions/main.ts`)
  const args = ['--conditions=@flyroute/source', main, `--adapter=${adapter}`, ...options]
  well = (await run(process.execPath, args)) && well
}
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1
