// StrykerJS's runner for jest, which by itself loads and runs all test files that import the mutated one, to their end: seconds a
// mutant. Here only those run that have a test which reaches the mutant, one after the other until one of them fails, and
// those first that have noticed most so far. (A plugin of StrykerJS, loaded in its worker processes.)
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { strykerPlugins as plugins } from '@stryker-mutator/jest-runner'

/** What it is made of is no part of its types. @type {any[]} */
const [{ kind, factory }] = plugins

/** In the copy that is tested, which is the working directory. Workers that have not made the dry run read it. */
const filesOfTests = '.files-of-tests.json'

/** @param {unknown} injector */
function create(injector) {
  const runner = factory(injector)
  const { jestTestAdapter: jest } = runner
  const [dryRun, mutantRun, run] = [runner.dryRun.bind(runner), runner.mutantRun.bind(runner), jest.run.bind(jest)]
  /** How many mutants each file has noticed. */
  const noticed = new Map()
  let known
  let testFiles

  runner.dryRun = async (options) => {
    const result = await dryRun(options)
    const files = {}
    for (const { id, fileName } of result.tests ?? []) (files[id] ??= []).push(fileName)
    writeFileSync(filesOfTests, JSON.stringify(files))
    return result
  }

  runner.mutantRun = async (options) => {
    known ??= existsSync(filesOfTests) ? JSON.parse(readFileSync(filesOfTests, 'utf8')) : {}
    const found = options.testFilter?.map((id) => known[id]) ?? [undefined]
    testFiles = undefined
    if (found.includes(undefined)) return mutantRun(options)
    const rank = (file) => noticed.get(file) ?? 0
    let result
    for (const file of [...new Set(found.flat())].toSorted((a, b) => rank(b) - rank(a))) {
      testFiles = [file]
      result = await mutantRun(options)
      if (result.status === 'survived') continue
      noticed.set(file, rank(file) + 1)
      break
    }
    return result
  }

  jest.run = (settings) => run({ ...settings, testFiles: settings.testFiles ?? testFiles })
  return runner
}
create.inject = factory.inject

export const strykerPlugins = [{ kind, name: 'jest-by-file', factory: create }]
