// `pnpm test [jest arguments]`: builds, runs the tests of all packages and examples, and says `N passed, N failed` last.
// Tests count one by one; a suite that could not run counts as one failed. Nothing may be left running.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertGround, root } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'
import { build, killCurrent, run, setUpEnvironment } from './lib/run.mjs'

assertGround()
setUpEnvironment()
const marked = markRun()
const folder = mkdtempSync(join(tmpdir(), 'flyroute-test-'))
const report = join(folder, 'report.json')

const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
const built = await build()
const stopWatching = endWhenStuck()
const ended =
  built && (await run(process.execPath, [...node, jest, '--json', `--outputFile=${report}`, ...process.argv.slice(2)]))
stopWatching()
const result = readReport()
rmSync(folder, { recursive: true, force: true })
const clean = await endLeftovers(marked)

if (built && !result) console.log('\njest ended without a report.')
if (result) tellSkipped(result)
const passed = result?.numPassedTests ?? 0
const failed = (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0)
if (result && passed + failed === 0) console.log('\nNo test ran.')
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = ended && passed > 0 && failed === 0 && clean ? 0 : 1

/** jest waits for ever where a test left a socket or a timer open; its report is written by then. */
function endWhenStuck() {
  let seen = 0
  const timer = setInterval(() => {
    if (!existsSync(report) || ++seen !== 20) return
    console.log('\njest has not ended 10 s after its last test: something keeps it alive (see --detectOpenHandles).')
    killCurrent()
  }, 500)
  return () => clearInterval(timer)
}

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return undefined
  }
}

function tellSkipped({ testResults }) {
  const names = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'pending' || status === 'todo')
      .map(({ fullName }) => `  ${name.slice(root.length + 1)}: ${fullName}`),
  )
  if (names.length > 0) console.log(`\n${names.length} skipped:\n${names.join('\n')}`)
}
