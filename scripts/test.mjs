// `pnpm test [jest arguments]`: builds, runs the tests of all packages and examples, and says `N passed, N failed` last.
// Tests count one by one; a suite that could not run counts as one failed. Nothing may be left running.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertGround, bin, root } from './lib/ground.mjs'
import { leftovers, markRun } from './lib/leftovers.mjs'

assertGround()
process.env.TURBO_TELEMETRY_DISABLED = '1'
if (!process.stdout.isTTY && !process.env.FORCE_COLOR) process.env.NO_COLOR = '1'
const mark = markRun()
const folder = mkdtempSync(join(tmpdir(), 'flyroute-test-'))
const report = join(folder, 'report.json')

// Ctrl-C reaches jest as well (one process group); a signal to this process alone is passed on. Either way the children end
// first, then what they left is looked at.
let child
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child?.kill(signal))

const built = await run(bin('turbo'), ['run', 'build', '--output-logs=errors-only'])
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js')
const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
const stopWatching = endWhenStuck()
const ended =
  built && (await run(process.execPath, [...node, jest, '--json', `--outputFile=${report}`, ...process.argv.slice(2)]))
stopWatching()
const result = built ? readReport() : undefined
rmSync(folder, { recursive: true, force: true })

const left = await leftovers(mark)
if (left.length > 0) {
  console.log('\nStill running after the tests, and ended now. A test or a server it started does not clean up:')
  for (const { pid, command } of left) console.log(`  ${pid}  ${command}`)
  for (const { pid } of left) kill(pid)
}
if (!built) console.log('\nThe build failed, no test ran.')
else if (!result) console.log('\njest ended without a report.')
else {
  const skipped = result.numPendingTests + result.numTodoTests
  if (skipped > 0) console.log(`\n${skipped} skipped:`)
  for (const name of skippedNames(result)) console.log(`  ${name}`)
  if (result.numTotalTests === 0) console.log('\nNo test ran.')
}
const passed = result?.numPassedTests ?? 0
const failed = (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = ended && passed > 0 && failed === 0 && left.length === 0 ? 0 : 1

/** Runs a command in the top folder with our output (jest tells its story on stderr: one stream keeps the order). */
function run(command, args) {
  return new Promise((resolve, reject) => {
    child = spawn(command, args, { cwd: root, stdio: ['inherit', 1, 1] })
    child.once('error', reject)
    child.once('close', (code) => resolve(code === 0))
  })
}

/** jest waits for ever where a test left a socket or a timer open; its report is written by then. */
function endWhenStuck() {
  let seen = 0
  const timer = setInterval(() => {
    if (!existsSync(report) || ++seen < 20) return
    console.log(
      '\njest has not ended 10 s after its last test: something keeps it alive (find it with --detectOpenHandles).',
    )
    child.kill('SIGKILL')
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

function skippedNames({ testResults }) {
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'pending' || status === 'todo')
      .map(({ fullName }) => `${name.slice(root.length + 1)}: ${fullName}`),
  )
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // it has just ended by itself
}
