// What every script stands on: a whole install and the pinned Node. pnpm installs before it runs a script, but when that
// install fails it only warns and runs the script all the same, on whatever it left behind. So this file has to load on
// any Node that a machine may have.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's top folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** A command that the install put into node_modules/.bin. */
export const bin = (name) => join(root, 'node_modules', '.bin', name)

/** Ends the process with what is missing and what to do, unless the install is whole and this is the pinned Node. */
export function assertGround() {
  const problems = [...installProblems()]
  if (problems.length === 0) problems.push(...runtimeProblems())
  if (problems.length === 0) return
  const line = '='.repeat(78)
  console.error(`${line}\nThis checkout cannot run as it is:\n`)
  for (const problem of problems) console.error(`  - ${problem}`)
  console.error(`\nInstall first, and read what it says:   npx -y pnpm@12 install\n${line}`)
  process.exit(1)
}

function* installProblems() {
  const state = join(root, 'node_modules', '.modules.yaml')
  if (!existsSync(state)) {
    yield 'the dependencies are not installed (node_modules is missing, or an install was cut short)'
    return
  }
  const { pendingBuilds = [] } = JSON.parse(readFileSync(state, 'utf8'))
  for (const name of pendingBuilds) yield `the install script of ${name} has not run`
  for (const folder of ['.', ...workspaceFolders()]) {
    const manifest = readManifest(join(root, folder))
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
    names.push(...Object.keys(manifest.optionalDependencies ?? {}).filter((name) => name.endsWith(`/${platform}`)))
    const missing = names.filter((name) => !existsSync(join(root, folder, 'node_modules', name, 'package.json')))
    if (missing.length > 0) yield `${folder === '.' ? 'the repository' : folder} lacks ${missing.join(', ')}`
  }
}

function* runtimeProblems() {
  const pinned = readManifest(join(root, 'node_modules', 'node')).version
  if (process.versions.node === pinned) return
  yield existsSync(bin('node'))
    ? `this is Node ${process.versions.node}, and the repository runs on the Node ${pinned} that it installs: start scripts with pnpm, as in \`npx -y pnpm@12 test\``
    : `Node ${pinned} was not installed, this is Node ${process.versions.node} of the machine`
}

/** The folders of the workspace, as pnpm-workspace.yaml lists them: `name`, or `name/*` for each folder in it. */
function workspaceFolders() {
  const yaml = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')
  const list = /^packages:\n((?: {2}- .+\n)+)/m.exec(yaml)?.[1] ?? ''
  return [...list.matchAll(/^ {2}- '?([^'\n]+)'?$/gm)].flatMap(([, pattern]) => foldersMatching(pattern))
}

function foldersMatching(pattern) {
  const parent = pattern.replace(/\/\*$/, '')
  const names = pattern === parent ? [''] : existsSync(join(root, parent)) ? readdirSync(join(root, parent)) : []
  return names.map((name) => join(parent, name)).filter((folder) => existsSync(join(root, folder, 'package.json')))
}

/** The package.json of a folder. */
export const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** The folders of all packages that are published, as absolute paths. */
export const publicPackages = () =>
  foldersMatching('packages/*')
    .map((folder) => join(root, folder))
    .filter((folder) => !readManifest(folder).private)
