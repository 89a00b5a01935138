// Runs one suite: its types, then its tests, each with a Node of its own.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { bin } from '../ground.mjs'
import { spawnAndListen } from './spawn.mjs'
import { fillIn, installedVersion, testFilesOf } from './suites.mjs'

/** How long (ms) a suite may take: one that hangs does not take the others with it. */
const suiteMs = 8 * 60_000

/**
 * @typedef {{ path: string[], passed: boolean, error?: string }} Test
 * @typedef {{ suite: any, version: string | undefined, seconds: number, tests: Test[] }} Run
 * @returns {Promise<Run>}
 */
export async function runSuite(suite) {
  const started = performance.now()
  const tests = []
  let version
  try {
    fillIn(suite)
    version = installedVersion(suite)
    tests.push(...(await checkTypes(suite)))
    tests.push(...(await runTests(suite)))
  } catch (error) {
    tests.push({ path: ['the suite'], passed: false, error: inspect(error) })
  }
  return { suite, version, tests, seconds: (performance.now() - started) / 1000 }
}

async function checkTypes({ folder }) {
  const { code, output } = await spawnAndListen(bin('tsc'), ['-p', folder, '--pretty', 'false'], { cwd: folder })
  return [{ path: ['types'], passed: code === 0, error: output }]
}

async function runTests(suite) {
  const folder = mkdtempSync(join(tmpdir(), 'flyroute-matrix-'))
  const report = join(folder, 'report.jsonl')
  const reporter = pathToFileURL(join(import.meta.dirname, 'reporter.mjs')).href
  const options = ['--test', `--test-reporter=${reporter}`, `--test-reporter-destination=${report}`]
  const quiet = ['--disable-warning=ExperimentalWarning']
  try {
    const files = testFilesOf(suite)
    if (files.length === 0) throw new Error('The suite has no *.test.ts')
    const how = { cwd: suite.folder, timeoutMs: suiteMs }
    const { code, output } = await spawnAndListen(process.execPath, [...quiet, ...options, ...files], how)
    const tests = []
    let said = output
    for (const line of readFileSync(report, 'utf8').split('\n').filter(Boolean)) {
      const { output: printed, ...test } = JSON.parse(line)
      if (printed !== undefined) said += printed
      else tests.push(toTest(test))
    }
    const isWhole = code === 0 || tests.some(({ passed }) => !passed)
    if (tests.length === 0 || !isWhole)
      tests.push({ path: ['the suite'], passed: false, error: said || `exit code ${code}` })
    return tests
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What is skipped has not been shown: it counts as failed, and says why. */
function toTest({ path, passed, skipped, error }) {
  if (skipped === undefined) return { path, passed, error }
  return { path, passed: false, error: `skipped: ${skipped}` }
}
