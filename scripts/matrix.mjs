// `pnpm test:matrix [name…]`: ORMs, frameworks and runtimes against the packages as they are published. Builds and packs them,
// installs matrix/ (a workspace of its own), runs the suites, and writes the tables of the README. The last line is
// `N passed, N failed`; what cannot be run has failed, and says why.
//
//   pnpm test:matrix drizzle kysely     some of them: by folder, by what they test in all versions, or by group (`orms`)
//   pnpm test:matrix --check            fails where the README's tables are not what the run has shown, and writes nothing
//   pnpm test:matrix --jobs=1           one suite at a time; default: as many as there are processors, two at most
//   pnpm test:matrix --update-lockfile  installs what the package.jsons say, and runs nothing
import { availableParallelism } from 'node:os'
import { inspect } from 'node:util'
import { assertGround } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { installSuites, unpackPackages } from './lib/matrix/install.mjs'
import { isUpToDate, merge, readResults, writeResults } from './lib/matrix/report.mjs'
import { runSuite } from './lib/matrix/run.mjs'
import { killAll } from './lib/matrix/spawn.mjs'
import { findSuites } from './lib/matrix/suites.mjs'
import { build, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const { names, options, wrong } = readArguments(process.argv.slice(2))
const { all, found, unknown } = findSuites(names)
if (wrong.length > 0) fail(`There is no option ${wrong.join(', ')}; there are --check, --jobs=N and --update-lockfile.`)
if (unknown.length > 0)
  fail(`No suite is called ${unknown.join(' or ')}. There are: ${all.map(({ id }) => id).join(', ')}`)
process.on('exit', killAll)

const marked = markRun()
const started = performance.now()
try {
  if (!(await build())) fail('0 passed, 1 failed')
  await unpackPackages()
  if (options.update) {
    await installSuites(undefined, { frozen: false })
    console.log('matrix/pnpm-lock.yaml is up to date.')
  } else {
    await installSuites(names.length === 0 ? undefined : found, { frozen: true })
    console.log(`Built, packed and installed in ${secondsSince(started)} s.\n`)
    await runAll()
  }
} catch (error) {
  await endLeftovers(marked)
  fail(`${inspect(error)}\n\n0 passed, 1 failed`)
}

async function runAll() {
  const waiting = [...found]
  const runs = []
  const work = async () => {
    for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
      const run = await runSuite(suite)
      tell(run)
      runs.push(run)
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  const clean = await endLeftovers(marked)
  const results = merge(readResults(), runs, all)
  let isTold = true
  if (options.check) {
    isTold = isUpToDate(results)
    if (!isTold)
      console.log(
        '\nREADME.md or matrix/results.json says something else: run `pnpm test:matrix` and commit what it writes.',
      )
  } else writeResults(results)
  const tests = runs.flatMap((run) => run.tests)
  const failed = tests.filter(({ passed }) => !passed).length
  console.log(`\n${found.length} suites in ${secondsSince(started)} s`)
  console.log(`${tests.length - failed} passed, ${failed} failed`)
  process.exitCode = tests.length > 0 && failed === 0 && clean && isTold ? 0 : 1
}

function tell({ suite, version, tests, seconds }) {
  const failed = tests.filter(({ passed }) => !passed)
  const count = `${tests.length - failed.length} passed, ${failed.length} failed`
  console.log(`${failed.length === 0 ? '✓' : '✗'} ${suite.id} ${version ?? ''}: ${count} (${seconds.toFixed(1)} s)`)
  for (const { path, error } of failed) console.log(`\n  ✗ ${path.join(' › ')}\n${indent(error ?? '')}\n`)
}

function indent(text) {
  return text.replace(/^/gm, '    ')
}

function secondsSince(time) {
  return ((performance.now() - time) / 1000).toFixed(0)
}

function readArguments(args) {
  const given = args.filter((argument) => argument.startsWith('-'))
  const jobs = /^--jobs=([1-9])$/.exec(given.find((one) => one.startsWith('--jobs')) ?? '')?.[1]
  const known = ['--check', '--update-lockfile', `--jobs=${jobs}`]
  return {
    names: args.filter((argument) => !argument.startsWith('-')),
    wrong: given.filter((option) => !known.includes(option)),
    options: {
      check: given.includes('--check'),
      update: given.includes('--update-lockfile'),
      jobs: Number(jobs ?? Math.min(2, availableParallelism())),
    },
  }
}

function fail(why) {
  console.log(why)
  process.exit(1)
}
