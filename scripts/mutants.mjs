// `pnpm check:mutants [file or folder…]`: plants small bugs into the code that carries the promises, one after the other, and
// runs the tests that reach it: does one of them notice? By StrykerJS. Minutes, and so no part of `pnpm check`.
//
//   pnpm check:mutants                                  core's rules, with its tests that need no server; at least 85 %
//   pnpm check:mutants packages/core/src/policy         some of them
//   pnpm check:mutants packages/pg/src/pool.ts          an adapter's file, with all tests of its package: slow; at least 75 %
//
// Survivors are listed with what was changed. Those that change nothing that can be seen stand in
// scripts/lib/mutants/survivors.mjs, each with its reason, and do not count.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Stryker } from '@stryker-mutator/core'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { judge } from './lib/mutants/report.mjs'
import { setUpEnvironment } from './lib/run.mjs'

const rules = ['connection', 'member', 'policy', 'replication', 'request'].map((name) => `packages/core/src/${name}`)

assertGround()
setUpEnvironment()
process.chdir(root)
const asked = process.argv.slice(2)
const missing = asked.filter((path) => !existsSync(path))
if (missing.length > 0) fail(`There is no ${missing.join(', ')}: name files or folders of one package's src.`)
const paths = asked.length > 0 ? asked : rules.filter((path) => existsSync(path))
const folders = [...new Set(paths.map((path) => path.split('/').slice(0, 2).join('/')))]
if (folders.length > 1) fail(`One package at a time, not ${folders.join(' and ')}.`)
const folder = String(folders[0])
const isCore = folder === 'packages/core'

const marked = markRun()
const results = await new Stryker({
  mutate: paths.map((path) => (statSync(path).isDirectory() ? `${path}/**/*.ts` : path)),
  testRunner: 'jest',
  plugins: ['@stryker-mutator/jest-runner'],
  coverageAnalysis: 'perTest',
  // What runs when a module loads would need all tests, each in a process of its own.
  ignoreStatic: true,
  jest: {
    configFile: 'jest.config.mjs',
    config: {
      roots: [`<rootDir>/${folder}`],
      // A mutant for which a test waits in vain is found sooner, and its process may go on.
      testTimeout: isCore ? 5_000 : 60_000,
      // Rules are tested by themselves: what starts servers is too slow to run it for each mutant.
      testPathIgnorePatterns: isCore ? ['/test/classify/', 'postgres', 'hostile', 'events', 'snippets', 'node-'] : [],
    },
  },
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  concurrency: isCore ? 2 : 1,
  timeoutMS: isCore ? 20_000 : 90_000,
  // In a copy: nothing is mutated where others work.
  tempDirName: join('.cache', 'mutants'),
  cleanTempDir: 'always',
  ignorePatterns: ['/bench', '/docs', '/examples', '/matrix', '/scripts', '**/dist', '**/.dist-*', '**/.turbo'],
  // It would be read with the API of an older TypeScript, and nothing in it matters here.
  tsconfigFile: 'none',
  disableTypeChecks: false,
  reporters: ['progress-append-only'],
  allowEmpty: true,
}).runMutationTest()
const well = judge(results, isCore ? 85 : 75)
const clean = await endLeftovers(marked)
process.exitCode = well && clean ? 0 : 1

function fail(why) {
  console.error(why)
  process.exit(1)
}
