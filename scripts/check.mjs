// `pnpm check`: everything that can be said about the code without running it. All parts run at once, and each says all it
// found, so that one run is enough to know what to mend.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { assertGround, bin, publicPackages, readManifest, root } from './lib/ground.mjs'
import { brokenLinks } from './lib/links.mjs'
import { staleResults } from './lib/matrix/report.mjs'
import { findSuites } from './lib/matrix/suites.mjs'
import { heavyEntryPoints, heavyTarballs } from './lib/sizes.mjs'

assertGround()
Object.assign(process.env, { TURBO_TELEMETRY_DISABLED: '1', NO_COLOR: '1', FORCE_COLOR: undefined })
delete process.env.FORCE_COLOR

const checks = {
  types: () => all(...['.', 'examples', 'scripts'].map((folder) => run('tsc', ['-p', folder, '--pretty', 'false']))),
  lint: () => run('oxlint', ['--type-aware', '--deny-warnings', '--format=unix', '.']),
  format: () => run('biome', ['ci', '--colors=off', '.']),
  unused: () => run('knip', ['--no-progress', '--no-config-hints']),
  links: async () => brokenLinks().join('\n'),
  matrix: async () => staleResults(findSuites().all),
  packages: checkPackages,
}

const started = performance.now()
const findings = await Promise.all(
  Object.entries(checks).map(async ([name, check]) => {
    const output = await check()
    console.log(`${output ? '✗' : '✓'} ${name.padEnd(10)} ${seconds()}`)
    return { name, output }
  }),
)
const failed = findings.filter(({ output }) => output)
for (const { name, output } of failed) console.log(`\n──── ${name} ────\n${output}`)
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.map(({ name }) => name).join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

/** Packs each published package as it would be published, as tightly as npm does, weighs it, and asks publint and attw what others will see of it. */
async function checkPackages() {
  const built = await run('turbo', ['run', 'build', '--output-logs=errors-only'])
  if (built) return built
  const folder = mkdtempSync(join(tmpdir(), 'flyroute-check-'))
  try {
    const names = publicPackages().map((path) => readManifest(path).name)
    const filters = names.flatMap((name) => ['--filter', name])
    const packed = await run('pnpm', [
      '--recursive',
      ...filters,
      'pack',
      '--pack-gzip-level',
      '9',
      '--pack-destination',
      folder,
    ])
    if (packed) return packed
    const tarballs = readdirSync(folder).map((file) => join(folder, file))
    if (tarballs.length !== names.length) return `${names.length} packages are public, ${tarballs.length} were packed`
    // Named flyroute-core-1.2.3.tgz.
    const sizes = tarballs.map((file) => {
      const name = names.find((one) => basename(file).startsWith(`${one.slice(1).replace('/', '-')}-`))
      return [name, statSync(file).size]
    })
    return await all(
      [...heavyEntryPoints(), ...heavyTarballs(sizes)].join('\n'),
      ...tarballs.map((tarball) => run('publint', ['run', '--strict', tarball])),
      ...tarballs.map((tarball) => run('attw', ['--no-definitely-typed', '--format', 'ascii', tarball])),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the command said if it failed, else nothing. */
function run(name, args) {
  const command = name === 'pnpm' ? name : bin(name)
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', (error) => resolve(`${name} could not be started: ${error.message}`))
    child.once('close', (code) => resolve(code === 0 ? '' : output.trim() || `${name} ended with exit code ${code}`))
  })
}

async function all(...checks) {
  return (await Promise.all(checks)).filter(Boolean).join('\n\n')
}

function seconds() {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`
}
