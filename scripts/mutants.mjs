// `pnpm check:mutants [file or folder…]`: plants small bugs into the code that carries the promises, one after the other, and
// runs the tests that reach it: does one of them notice? By StrykerJS. Minutes, and so no part of `pnpm check`.
//
//   pnpm check:mutants                                  core's rules, folder by folder, with tests that need no server; at least 85 % of each
//   pnpm check:mutants packages/core/src/policy         one of them
//   pnpm check:mutants packages/better-sqlite3/src      an adapter's files; at least 75 %
//   pnpm check:mutants packages/pg/src/pool.ts --tests packages/pg/test/driver.test.ts,packages/pg/test/roles.test.ts
//                                                       a file of an adapter whose tests start servers, with those that are meant for it
//   --jobs <number>                                     so many mutants at a time (default: one for each core; one where servers are started)
//   --again                                             all of them, although nothing has changed
//
// What came of a mutant is kept in .cache/mutants, and it is planted again only when its own file or one of the tests that reach it
// has changed. Survivors are listed with what was changed. Those that change nothing that can be seen stand in
// scripts/lib/mutants/survivors.mjs, each with its reason, and do not count.

import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { judge, table } from './lib/mutants/report.mjs'
import { setUpEnvironment } from './lib/run.mjs'

const rules = ['connection', 'member', 'policy', 'replication', 'request'].map((name) => `packages/core/src/${name}`)
const cache = join('.cache', 'mutants')

assertGround()
setUpEnvironment()
process.chdir(root)
const { values: options, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { tests: { type: 'string' }, jobs: { type: 'string' }, again: { type: 'boolean', default: false } },
})
const chosen = options.tests?.split(',')
const missing = [...asked, ...(chosen ?? [])].filter((path) => !existsSync(path))
if (missing.length > 0)
  fail(`There is no ${missing.join(', ')}: name files or folders of a package's src, and files of its test.`)

const marked = markRun()
const lines = []
for (const path of asked.length > 0 ? asked : rules) {
  // As where a test fails although nothing was changed.
  const results = await plant(path).catch(({ message }) => fail(`${path}: ${message}`))
  lines.push(...judge(path, results, goalOf(path)))
}
console.log(table(lines))
const clean = await endLeftovers(marked)
process.exitCode = clean && lines.every(({ isWell }) => isWell) ? 0 : 1

/** Plants all mutants of a file or a folder. */
function plant(path) {
  const folder = path.split('/').slice(0, 2).join('/')
  const isCore = folder === 'packages/core'
  console.log(`\n${path}`)
  return new Stryker({
    mutate: [statSync(path).isDirectory() ? `${path}/**/*.ts` : path],
    testRunner: 'jest-by-file',
    plugins: ['@stryker-mutator/jest-runner', './scripts/lib/mutants/runner.mjs'],
    coverageAnalysis: 'perTest',
    // What runs when a module loads would need all tests, each in a process of its own.
    ignoreStatic: true,
    incremental: true,
    incrementalFile: join(cache, `${path.replaceAll('/', '-')}.json`),
    force: options.again,
    jest: {
      configFile: 'jest.config.mjs',
      config: {
        roots: [`<rootDir>/${folder}`],
        testMatch: testsOf(path, folder).map((file) => `<rootDir>/${file}`),
        // A mutant for which a test waits in vain is found sooner, and its process may go on.
        testTimeout: isCore ? 5_000 : 60_000,
      },
    },
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    concurrency: Number(options.jobs ?? (isCore ? availableParallelism() : 1)),
    // The modules that a test file has loaded stay in memory: a process that has loaded too many is slow.
    maxTestRunnerReuse: 40,
    timeoutMS: isCore ? 10_000 : 90_000,
    // In a copy: nothing is mutated where others work.
    tempDirName: join(cache, 'copy'),
    cleanTempDir: 'always',
    ignorePatterns: ['/bench', '/docs', '/examples', '/matrix', '/.cache', '**/dist', '**/.dist-*', '**/.turbo'],
    // It would be read with the API of an older TypeScript, and nothing in it matters here.
    tsconfigFile: 'none',
    disableTypeChecks: false,
    reporters: ['progress-append-only'],
    // Of an enum that is not exported from here.
    logLevel: /** @type {never} */ ('error'),
    allowEmpty: true,
  }).runMutationTest()
}

/**
 * The tests that are to notice. A rule of core has its own, in the folder of the same name: what starts servers, or has HTTP
 * around it, is too slow to run it for each mutant.
 */
function testsOf(path, folder) {
  if (chosen !== undefined) return chosen
  const [rule] = rules.filter((one) => path === one || path.startsWith(`${one}/`))
  return [`${rule === undefined ? `${folder}/test` : rule.replace('/src/', '/test/')}/**/*.test.ts`]
}

/** How many of the mutants (percent) have to be noticed. */
function goalOf(path) {
  return path.startsWith('packages/core/') ? 85 : 75
}

/** @returns {never} */
function fail(why) {
  console.error(why)
  process.exit(1)
}
