// Runs one file of a suite, and says which of its tests have passed.
import { spawn } from 'node:child_process'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const hook = pathToFileURL(join(here, 'hook.mjs')).href
const endsWithin = 90_000

/**
 * The tests of a file by name, each with what it failed with; undefined for one that has passed. One of them is the file itself,
 * whose process has to end well by itself.
 *
 * @param {import('./suites.mjs').Suite} suite
 * @param {string} file
 * @param {{ isOurs: boolean, way: string, inRequest: boolean, environment: Record<string, string | undefined> }} how
 * @returns {Promise<Map<string, string | undefined>>}
 */
export async function runFile(suite, file, { isOurs, way, inRequest, environment }) {
  const wrapper = inRequest ? [join(here, 'in-request.mjs')] : []
  const args = ['--conditions=@flyroute/source', '--no-warnings', '--import', hook]
  const child = spawn(process.execPath, [...args, ...wrapper, ...suite.command(file)], {
    cwd: suite.folder,
    env: { ...environment, FLYROUTE_DRIVER_SUITE: JSON.stringify(suite.hooks(isOurs, way)) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
  const timer = setTimeout(() => child.kill('SIGKILL'), endsWithin)
  const [code, signal] = await new Promise((resolve) => child.once('close', (...how) => resolve(how)))
  clearTimeout(timer)
  const name = nameOf(suite, file)
  const tests = new Map()
  for (const [test, error] of readers[suite.output](output)) tests.set(`${name} › ${test}`, error)
  const end = signal === null ? `exit code ${code}` : `it had not ended after ${endsWithin / 1_000} s`
  // Mocha's exit code is the number of tests that failed, and these speak for themselves.
  const isWell = suite.output === 'mocha' ? signal === null && tests.size > 0 : code === 0
  tests.set(name, isWell ? undefined : `${end}\n${output.slice(-3_000)}\n${errors.slice(-3_000)}`)
  return tests
}

/** What a file's tests are called after. */
export function nameOf(suite, file) {
  return relative(suite.folder, file)
}

/** How the suites tell: what was printed → name and failure of each test. */
const readers = {
  *mocha(output) {
    for (const [, line] of output.matchAll(/^#test (.*)$/gm)) {
      const { name, error } = JSON.parse(line)
      yield [name, error]
    }
  },

  /** `  name ✔`, or `  name FAILED!` and the error. */
  *lines(output) {
    const marks = [...output.matchAll(/^ {2}(.+?) (✔|FAILED!|$)/gm)]
    for (const [index, { 1: name, 2: mark, index: start }] of marks.entries()) {
      if (mark === '✔') yield [name, undefined]
      else yield [name, output.slice(start, marks[index + 1]?.index).trim()]
    }
  },

  /** A bullet of its own colour for each test that has ended, and before it what it failed with. */
  *poku(output) {
    let start = 0
    for (const { 1: colour, 2: name, 0: line, index } of output.matchAll(ended)) {
      yield [name, colour === '32' ? undefined : output.slice(start, index).trim()]
      start = index + line.length
    }
  },
}

const ended = new RegExp(String.raw`^\s*\u001b\[(32|91)m\u001b\[1m● (.+?)\u001b\[0m.*$`, 'gm')
