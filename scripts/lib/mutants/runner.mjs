// StrykerJS's runner for jest, but for each mutant only those test files are loaded that have a test which reaches it: by itself
// the runner loads all that import the file, a second's work a mutant. (A plugin of StrykerJS, loaded in its worker processes.)
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
    const found = options.testFilter?.map((id) => known[id])
    testFiles = found?.every((files) => files !== undefined) ? [...new Set(found.flat())] : undefined
    return mutantRun(options)
  }

  jest.run = (settings) => run({ ...settings, testFiles: settings.testFiles ?? testFiles })
  return runner
}
create.inject = factory.inject

export const strykerPlugins = [{ kind, name: 'jest-by-file', factory: create }]
