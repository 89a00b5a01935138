// `pnpm check:driver-suites <suite> <checkout> [--only <part of a file's name>,…] [--runs off,primary]`: a driver's own tests, with the
// bare driver and with ours in its place; then what passes with the one and fails with the other. The drivers' tests are not in
// npm's packages: the checkout is of the driver's repository, with its dependencies installed.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { nameOf, runFile } from './lib/driver-suites/run-file.mjs'
import { startServers } from './lib/driver-suites/servers.mjs'
import { suites } from './lib/driver-suites/suites.mjs'
import { assertGround } from './lib/ground.mjs'
import { endLeftovers, markRun } from './lib/leftovers.mjs'

/** How it is run with ours: off Fly; and as the primary, all of it inside of one request. */
const runs = {
  off: { inRequest: false, fly: {} },
  primary: {
    inRequest: true,
    fly: { FLY_REGION: 'ams', PRIMARY_REGION: 'ams', FLY_APP_NAME: 'suite', FLY_MACHINE_ID: 'm1' },
  },
}

assertGround()
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', default: '' }, runs: { type: 'string', default: Object.keys(runs).join() } },
})
const [name = '', path = ''] = positionals
const chosen = values.runs.split(',')
if (suites[name] === undefined || path === '' || chosen.some((run) => !(run in runs))) {
  console.error(
    `Usage: check:driver-suites <${Object.keys(suites).join('|')}> <checkout> [--only <part of a file's name>,…] [--runs ${Object.keys(runs).join()}]`,
  )
  process.exit(2)
}

const marked = markRun()
const suite = suites[name](resolve(path))
const parts = values.only.split(',')
const files = suite.files.filter((file) => parts.some((part) => file.includes(part)))
const servers = await startServers(suite.servers)
const environment = { ...ownEnvironment(), ...servers.environment, ...suite.environment, FLYROUTE_LOG: 'off' }
let failures = 0
try {
  const bare = await runAll('the bare driver', { isOurs: false, way: '', inRequest: false, environment })
  const passed = [...bare].filter(([, error]) => error === undefined).map(([test]) => test)
  console.log(`${passed.length} of ${bare.size} pass with the bare driver.`)
  for (const way of suite.ways) {
    for (const run of chosen) {
      const { inRequest, fly } = runs[run]
      const own = inRequest ? suite.onFly : {}
      const how = { isOurs: true, way, inRequest, environment: { ...environment, ...fly, ...own } }
      const tests = await runAll(`ours, ${way}, ${run}`, how)
      const isFailed = (test) => !tests.has(test) || tests.get(test) !== undefined
      // Many of them depend on times, and the machine may have been busy: what fails has done so twice.
      for (const file of files.filter((one) => passed.some((test) => isOf(test, one) && isFailed(test)))) {
        await servers.reset()
        for (const [test, error] of await runFile(suite, file, how)) if (isFailed(test)) tests.set(test, error)
      }
      const failed = passed.filter(isFailed)
      const unexcused = failed.filter((test) => excuseOf(test, run) === undefined)
      failures += unexcused.length
      console.log(`\n════ ${unexcused.length} of ${passed.length} fail with ours (${way}, ${run}) ════`)
      for (const test of unexcused) console.log(`\n✗ ${test}\n${indent(tests.get(test) ?? 'was not run')}`)
      for (const test of failed) if (!unexcused.includes(test)) console.log(`\n– ${test}\n    ${excuseOf(test, run)}`)
    }
  }
} finally {
  await servers.dispose()
}
const clean = await endLeftovers(marked)
process.exitCode = failures === 0 && clean ? 0 : 1

async function runAll(what, how) {
  const results = new Map()
  for (const [index, file] of files.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r${what}: ${index + 1} of ${files.length} files `)
    await servers.reset()
    for (const [test, error] of await runFile(suite, file, how)) results.set(test, error)
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  return results
}

function isOf(test, file) {
  const name = nameOf(suite, file)
  return test === name || test.startsWith(`${name} › `)
}

/** Why a test may fail with ours in a run, where it may. */
function excuseOf(test, run) {
  return suite.excused?.find(([pattern, , only = run]) => only === run && pattern.test(test))?.[1]
}

/** This process's own, without what would say where a database is. */
function ownEnvironment() {
  const isOfDatabase = /^(FLY_|PG|MYSQL|LITEFS|DATABASE_|PRIMARY_REGION|FLYROUTE_(?!RUN))/
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !isOfDatabase.test(key)))
}

function indent(text) {
  return text.replace(/^/gm, '    ')
}
